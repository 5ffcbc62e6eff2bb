"""Restricted Boltzmann machine: filters, chains of Gibbs sampling and the log-likelihood of digits or your images.

python -m experiments.rbm                                            digits, 64 hidden units, persistent chains
python -m experiments.rbm --preset=small --dataset=mnist             20 hidden units: the partition function is summed
python -m experiments.rbm --preset=mnist --dataset=mnist             500 hidden units, and their likelihood by annealing
python -m experiments.rbm --labelled                                 pixels and classes: classifies, draws by class
python -m experiments.rbm --pixels=gaussian --learning_rate=0.01     grey values with a normal density
python -m experiments.rbm --chains=data --k=1 --centred=false --average=0        contrastive divergence as of 2002

What each ends at, and how long it takes: experiments/results/rbm.md.
"""

import sys

from jaxgen.core.config import fitted
from jaxgen.figures import chains
from jaxgen.run import cli, image_reader
from jaxgen.run.experiment import Data, Experiment, Reader, Watch
from jaxgen.techniques.energy import rbm

PRESETS = {
    # Salakhutdinov & Murray 2008, tables 1 and 2; persistent chains, the centred gradient and the average are ours.
    "small": {
        "hidden": 20,
        "chains": "persistent",
        "k": 1,
        "learning_rate": 0.05,
        "schedule": "cosine",
        "epochs": 40,
        "batch_size": 100,
        "temperatures": 14_500,
        "eval_every": 4000,
        "checkpoint_every": 4000,
        "log_every": 500,
    },
    "mnist": {
        "hidden": 500,
        "chains": "persistent",
        "k": 1,
        "learning_rate": 0.05,
        "schedule": "cosine",
        "steps": 54_000,
        "batch_size": 100,
        "temperatures": 14_500,
        "eval_every": 5000,
        "checkpoint_every": 5000,
        "log_every": 500,
    },
}


def read(flags: image_reader.ImageFlags, config: rbm.Config) -> Data:
    """Images. Raises Refused, see `image_reader.read` and `rbm.make`."""
    data = image_reader.read(flags, config)
    rbm.make(fitted(config, data.facts))
    return data


def further(setting):
    """The accuracy of a labelled machine; the likelihood where there are --temperatures."""
    config = setting.config
    folds = [rbm.accuracy(config)] if config.labelled else []
    return [*folds, rbm.likelihood(config)] if config.temperatures else folds


EXPERIMENT = Experiment(
    name="experiments.rbm",
    doc=__doc__ or "",
    title="Restricted Boltzmann machine",
    text="Pixels and hidden units have a joint distribution that is learnt by sampling from it: what chains of Gibbs "
    "sampling draw becomes less probable, and the images more.",
    technique=rbm,
    data=Reader(image_reader.ImageFlags, read),
    presets=PRESETS,
    defaults={
        "dataset": "digits",
        "hidden": 64,
        "chains": "persistent",
        "batch_size": 50,
        "steps": 5000,
        "eval_every": 500,
        "checkpoint_every": 1000,
        "optimizer": "sgd",
    },
    watch=Watch(chains.forming, at_start=True),
    folds=further,
    show=chains.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
