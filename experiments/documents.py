"""Codes of documents: Boltzmann machines of word counts, unrolled to an autoencoder, beside latent semantic analysis.

python -m experiments.documents                                  docstrings of Python's library, 10 codes
python -m experiments.documents --latent=2                       the plane
python -m experiments.documents --dataset=reuters                news of eight topics; needs the archive in --data_dir
python -m experiments.documents --pretrain_epochs=0              the same autoencoder from random weights

After Hinton & Salakhutdinov 2006, 2000-500-250-125-10: the lowest machine has counts as visible units (Salakhutdinov &
Hinton 2009), the outputs of the autoencoder are probabilities of words. What was measured: experiments/results/dbn.md.
"""

import dataclasses
import sys
from typing import Any

from experiments import dbn as network
from experiments.stacked import Pretraining
from jaxgen.core.config import fitted, knob
from jaxgen.data.text import documents
from jaxgen.figures import retrieval
from jaxgen.run import cli, memory_reader
from jaxgen.run.experiment import Data, Experiment, Reader
from jaxgen.run.flags import DATA, RunFlags
from jaxgen.techniques.energy import dbn


@dataclasses.dataclass(frozen=True)
class DocumentFlags(network.Becoming, Pretraining, RunFlags):
    """The flags of documents, and of layers that learn alone."""

    dataset: str = knob("docstrings", f"one of {', '.join(documents.NAMES)}", free=True, group=DATA)
    vocabulary: int = knob(2000, "commonest words that count", lower=2, upper=2**20, group=DATA)


def read(flags: DocumentFlags, config: dbn.Config) -> Data:
    """Documents as shares of words. Raises Refused, see `documents.load` and `dbn.make`."""
    every = documents.load(flags.dataset, flags.data_dir, flags.vocabulary)
    splits = [split._asdict() for split in (every.train, every.valid, every.test)]
    facts = {"shape": every.shape, "labels": every.classes, "batch": flags.batch_size}
    data = memory_reader.data_of(facts, splits, flags.batch_size, "documents", every.sha256, every)
    for each in network.machines(fitted(config, facts)):
        dbn.make(each)
    return data


DEFAULTS: dict[str, Any] = {
    "pixels": "counts",
    "hidden": "500,250,125",
    "latent": 10,
    "code": "linear",
    "top": "autoencoder",
    "batch_size": 50,
    "optimizer": "momentum",
    "schedule": "cosine",
    "learning_rate": 0.01,
    "pretrain_epochs": 50,
    "tuning_optimizer": "adam",
    "tuning_rate": 1e-3,
    "epochs": 5,
    "log_every": 50,
    "eval_every": 250,
    "checkpoint_every": 1000,
}
EXPERIMENT = Experiment(
    name="experiments.documents",
    doc=__doc__ or "",
    title="Codes of documents",
    text="A document is the counts of its words. Boltzmann machines learn codes of them, one above the other; "
    "unrolled, they are an autoencoder whose code finds documents that are about the same.",
    technique=dbn,
    data=Reader(DocumentFlags, read),
    players=("tuning",),
    defaults=DEFAULTS,
    plan=network.plan,
    show=retrieval.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
