"""Stacked autoencoders: layers pre-trained one after the other, then unrolled or under a classifier, and fine-tuned.

python -m experiments.stacked                                       digits, two layers, then an autoencoder of 16 codes
python -m experiments.stacked --top=classifier                      the same layers, then a classifier
python -m experiments.stacked --top=classifier --pretrain_steps=0   the same classifier from random weights
python -m experiments.stacked --top=classifier --freeze             its layers as pre-training left them
python -m experiments.stacked --preset=denoising --dataset=mnist    three layers of 1,000, 25 % masked: Vincent et al.
python -m experiments.stacked --preset=rifai --dataset=mnist        one contractive layer of 1,000: Rifai et al. 2011
python -m experiments.stacked --preset=deep --dataset=mnist         784-1000-500-250-30, unrolled

Layers are --hidden and, the last one, --latent. Each learns for --pretrain_epochs or --pretrain_steps at
--pretrain_rate; --epochs, --steps and --learning_rate are those of the fine-tuning, and so is --patience. What the
kinds of pre-training are worth, one beside the other: experiments.pretraining. What was measured of both:
experiments/results/stacked.md.
"""

import dataclasses
import sys
from typing import Any

from jaxgen.core.config import fitted, knob
from jaxgen.core.types import Stage
from jaxgen.data.examples import recut
from jaxgen.figures import stacked_layers
from jaxgen.run import cli, image_reader, moved_reader
from jaxgen.run.experiment import LARGEST, Data, Experiment, Reader, Setting, stage, updates
from jaxgen.run.flags import DATA, TRAINING
from jaxgen.run.inherit import check_alike
from jaxgen.techniques.autoencoders import stacked_autoencoder

SIGMOID = {"activation": "sigmoid", "tied": True, "batch_size": 100}
TUNED = {
    "top": "classifier",
    "schedule": "cosine",
    "label_smoothing": 0.1,
    "epochs": 20,
    "patience": 20,
    "log_every": 250,
    "eval_every": 500,
    "checkpoint_every": 2500,
}
PRESETS: dict[str, dict[str, Any]] = {
    # SdA-3 of Vincent et al. 2010, whose widths and noise their table 3 chooses from: 1.28 % errors on MNIST. The noise
    # and the smoothed labels of the fine-tuning are ours.
    "denoising": {
        **SIGMOID,
        **TUNED,
        "hidden": "1000,1000",
        "latent": 1000,
        "pretraining": "masking",
        "strength": 0.25,
        "pretrain_epochs": 15,
        "pretrain_rate": 1e-3,
        "learning_rate": 1e-3,
        "tuning_noise": 0.3,
    },
    # The contractive autoencoder of Rifai et al. 2011, table 1: 1.14 % errors on MNIST. The smoothed labels are ours.
    "rifai": {
        **SIGMOID,
        **TUNED,
        "hidden": "",
        "latent": 1000,
        "pretraining": "contractive",
        "strength": 0.5,
        "pretrain_epochs": 20,
        "pretrain_rate": 3e-3,
        "learning_rate": 3e-3,
    },
    # Hinton & Salakhutdinov 2006, with autoencoders in place of their Boltzmann machines.
    "deep": {
        **SIGMOID,
        "hidden": "1000,500,250",
        "latent": 30,
        "code": "linear",
        "loss": "cross_entropy",
        "top": "autoencoder",
        "pretraining": "masking",
        "strength": 0.25,
        "pretrain_epochs": 5,
        "pretrain_rate": 1e-3,
        "epochs": 30,
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "log_every": 250,
        "eval_every": 1000,
        "checkpoint_every": 2500,
    },
}


@dataclasses.dataclass(frozen=True)
class Pretraining:
    """How long each layer learns alone."""

    pretrain_epochs: int = knob(
        1, "passes over the training split by each layer alone, before --epochs or --steps", lower=0, group=TRAINING
    )
    pretrain_steps: int | None = knob(
        None,
        "instead: updates of each layer alone; 0: none, all starts from random weights",
        lower=0,
        upper=LARGEST,
        group=TRAINING,
    )


@dataclasses.dataclass(frozen=True)
class StackedFlags(Pretraining, moved_reader.MovedFlags):
    """The flags of images and of layers that learn alone."""

    validate: int = knob(
        0, "images of training and validation together that validate; 0: as the set is cut", lower=0, group=DATA
    )


def read(flags: StackedFlags, config: Any) -> Data:
    """Images, with labels for a classifier. Raises Refused, see `image_reader.read`, `recut` and `make`."""
    classes = 2 if config.top == "classifier" else 0
    images = image_reader.read_dataset(flags, classes)
    cut = recut(images, flags.validate) if flags.validate else images
    data = moved_reader.moved(image_reader.data_of(cut, flags), flags)
    for each in configs(fitted(config, data.facts)):
        stacked_autoencoder.make(each)
    return data


def pretrained_for(flags: Pretraining, epoch: int) -> int:
    """Updates of each layer alone, of which a pass over the training split has `epoch`."""
    return flags.pretrain_epochs * epoch if flags.pretrain_steps is None else flags.pretrain_steps


def configs(config: stacked_autoencoder.Config) -> list[stacked_autoencoder.Config]:
    """One for each stage: every layer alone, the lowest first, then the fine-tuning."""
    layers = len(stacked_autoencoder.sizes(config)) - 1
    return [dataclasses.replace(config, layer=number) for number in (*range(1, layers + 1), 0)]


def plan(setting: Setting) -> list[Stage]:
    """A stage for each of `configs`; without updates of pre-training, the last one alone."""
    flags, epoch = setting.flags, setting.data.epoch
    each = pretrained_for(flags, epoch)
    *layers, last = configs(setting.config)
    policy = flags.policy
    # What stops early is the fine-tuning: layers whose reconstructions do not improve may still learn their penalty.
    valid = None if policy.patience or policy.plateau or flags.keep_best else setting.data.valid
    stages = [adopting(setting, config, each)._replace(valid=valid) for config in (layers if each else [])]
    return [*stages, adopting(setting, last, updates(flags, epoch))]


def adopting(setting: Setting, config: stacked_autoencoder.Config, steps: int) -> Stage:
    """A stage that starts from the layers of the one before."""
    return stage(setting, config, steps, stacked_autoencoder.adopting(config, setting.optimizers(steps)[0]))


def anew(there: Any, config: Any) -> tuple[str, ...]:
    """The output layer of a classifier of other classes; refuses networks that mean something else."""
    check_alike(there, config, "top", "activation", "code", "loss")
    same = tuple(there["config"]["labels"]) == config.labels
    return ("output",) if config.top == "classifier" and not config.layer and not same else ()


EXPERIMENT = Experiment(
    name="experiments.stacked",
    doc=__doc__ or "",
    title="Stacked autoencoders",
    text="Each layer learns to reconstruct the codes of the layer below. Then all layers learn together, as one deep "
    "autoencoder or below a classifier, from where the layers brought them.",
    technique=stacked_autoencoder,
    data=Reader(StackedFlags, read),
    presets=PRESETS,
    defaults={
        "dataset": "digits",
        "hidden": "128",
        "latent": 16,
        "batch_size": 50,
        "pretrain_epochs": 15,
        "epochs": 30,
        "pretrain_rate": 3e-3,
        "learning_rate": 3e-3,
        "log_every": 28,
        "eval_every": 140,
        "checkpoint_every": 560,
    },
    plan=plan,
    anew=anew,
    show=stacked_layers.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
