"""Deep belief networks: Boltzmann machines, one above the other, that draw images, or that deep networks start from.

python -m experiments.dbn                                            digits, two machines: chains in the top one
python -m experiments.dbn --labelled                                 with the class in it: classifies, draws by class
python -m experiments.dbn --top=classifier                           the machines' weights, fine-tuned as a classifier
python -m experiments.dbn --top=classifier --pretrain_epochs=0       the same classifier from random weights
python -m experiments.dbn --preset=classifier --dataset=mnist        784-500-500-2000-10: Hinton & Salakhutdinov 2006
python -m experiments.dbn --preset=deep --dataset=mnist              784-1000-500-250-30 and back; plane: ...-2
python -m experiments.dbn --preset=labelled --dataset=mnist          500-500-2000 and 10 classes: Hinton et al. 2006

Machines are --hidden and, the top one, --latent. Each learns for --pretrain_epochs at --learning_rate; --epochs,
--steps, --tuning_rate and --tuning_optimizer are those of the fine-tuning. Measured: experiments/results/dbn.md.
"""

import dataclasses
import sys
from collections.abc import Callable, Iterator
from typing import Any, Literal

import jax

from experiments.stacked import StackedFlags, pretrained_for
from jaxgen.core.config import fitted, knob
from jaxgen.core.types import Fold, Refused, Stage, State
from jaxgen.data.examples import recut
from jaxgen.figures import chains, stacked_layers
from jaxgen.report.items import Figure, Table
from jaxgen.run import cli, image_reader, moved_reader
from jaxgen.run.experiment import Data, Experiment, Reader, Result, Setting, Watch, stage, updates
from jaxgen.run.flags import TRAINING
from jaxgen.techniques.autoencoders import stacked_autoencoder
from jaxgen.techniques.autoencoders.coding import Network
from jaxgen.techniques.energy import dbn

MACHINES = {
    "batch_size": 100,
    "optimizer": "momentum",
    "schedule": "cosine",
    "learning_rate": 0.1,
    "pretrain_epochs": 20,
    "eval_every": 5000,
    "checkpoint_every": 5000,
}
MOVED = {"shift": 0.5, "rotate": 10.0, "zoom": 0.1, "moved": 0.5}  # images, as of experiments.autoencoder
TUNED = {"tuning_optimizer": "adam", "tuning_schedule": "cosine", "tuning_rate": 1e-3}
HINTON = {"hidden": "500,500", "latent": 2000}  # of both papers of 2006
DEEP = {"hidden": "1000,500,250", "latent": 30, "code": "linear", "top": "autoencoder"}
PRESETS: dict[str, dict[str, Any]] = {
    "classifier": {
        **(MACHINES | HINTON | TUNED),
        "top": "classifier",
        "label_smoothing": 0.1,
        "tuning_noise": 0.3,
        "epochs": 30,
    },
    # Chains that go on, and a lesser rate: machines by CD-1 classify better, and draw what are no digits.
    "labelled": {
        **(MACHINES | HINTON | {"optimizer": "sgd", "learning_rate": 0.05}),
        "labelled": True,
        "chains": "persistent",
        "k": 2,
    },
    "deep": {**(MACHINES | DEEP | TUNED | MOVED), "tuning_rate": 2e-3, "epochs": 50},
}


@dataclasses.dataclass(frozen=True)
class Becoming:
    """What becomes of the machines."""

    top: Literal["machine", "classifier", "autoencoder"] = knob(
        "machine", "what the machines become: the network that they are, or the start of another", group=TRAINING
    )
    tuning_rate: float = knob(0.1, "learning rate of the fine-tuning as another network", above=0.0, group=TRAINING)
    label_smoothing: float = knob(
        0.0, "share of a label spread over all classes, of a classifier", lower=0.0, upper=1.0, group=TRAINING
    )
    tuning_noise: float = knob(
        0.0, "standard deviation of Gaussian noise on a classifier's images in fine-tuning", lower=0.0, group=TRAINING
    )


@dataclasses.dataclass(frozen=True)
class DbnFlags(Becoming, StackedFlags):
    """The flags of images, of stacked layers and of what becomes of them."""


def read(flags: DbnFlags, config: dbn.Config) -> Data:
    """Images, with labels where they are learnt. Raises Refused, see `image_reader.read`, `recut` and `make`."""
    if config.pixels == "counts":
        raise Refused("--pixels=counts is for documents, which experiments.documents reads")
    if flags.top == "machine" and not pretrained_for(flags, 1):
        raise Refused("--top=machine without --pretrain_epochs or --pretrain_steps has nothing to learn")
    for name in ("steps", "label_smoothing", "tuning_noise"):
        if getattr(flags, name) and flags.top == "machine":
            raise Refused(f"--{name} is of the fine-tuning, and with --top=machine there is none")
    images = image_reader.read_dataset(flags, 2 if flags.top == "classifier" or config.labelled else 0)
    cut = recut(images, flags.validate) if flags.validate else images
    data = moved_reader.moved(image_reader.data_of(cut, flags), flags)
    for each in machines(fitted(config, data.facts)):
        dbn.make(each)
    return data


def machines(config: dbn.Config) -> list[dbn.Config]:
    """One for each machine, the lowest first."""
    return [dataclasses.replace(config, layer=number) for number in range(1, len(dbn.sizes(config)))]


def plan(setting: Setting) -> list[Stage]:
    """A stage for each machine, the lowest first, and one for the fine-tuning where there is any."""
    flags, epoch = setting.flags, setting.data.epoch
    each, tuned, policy = pretrained_for(flags, epoch), flags.top != "machine", flags.policy
    valid = None if tuned and (policy.patience or policy.plateau or flags.keep_best) else setting.data.valid
    alone = setting._replace(optimizers=lambda steps: setting.optimizers(steps)[:1])
    (optimizer,) = alone.optimizers(max(1, each))
    configs = machines(setting.config) if each else []
    stages = [stage(alone, config, each, dbn.adopting(config, optimizer)) for config in configs]
    stages = [one._replace(valid=valid, optimizers=(0,)) for one in stages]
    return [*stages, fine_tuning(setting, updates(flags, epoch), bool(stages))] if tuned else stages


def fine_tuning(setting: Setting, steps: int, pretrained: bool) -> Stage:
    """The last stage: a classifier or an autoencoder of the machines' widths, which starts from their weights."""
    config, flags, (_, optimizer) = setting.config, setting.flags, setting.optimizers(steps)
    code: Any = "linear" if config.code == "linear" else "activated"
    loss: Any = "multinomial" if config.pixels == "counts" else "cross_entropy"
    network = Network(config.latent, "sigmoid", code, loss, flags.tuning_rate, config.hidden, True)
    rules = {"label_smoothing": flags.label_smoothing, "tuning_noise": flags.tuning_noise}
    last = stacked_autoencoder.Config(config.shape, config.labels, network=network, top=flags.top, **rules)
    adopt = above(machines(config)[-1], stacked_autoencoder.adopting(last, optimizer)) if pretrained else None
    technique, data = stacked_autoencoder.make(last, optimizer), setting.data
    return Stage(technique, data.train, steps, data.valid, adopt, stacked_autoencoder.__name__, last, (1,))


def above(top: dbn.Config, begin: Any) -> Callable[[State | None, jax.Array, Any], State]:
    """A stage's `adopt`: `begin`, that of a stage above autoencoders, from machines of which `top` is the last one."""
    return lambda previous, key, arrays: begin(previous and as_layers(top, previous), key, arrays)


def as_layers(config: dbn.Config, state: State) -> State:
    """The top machine's State as that of the last of several autoencoders, each with the weights of a machine."""
    every = dbn.every_machine(config, state)
    scales = [config.words if config.pixels == "counts" else 1, *[1] * len(every)]  # of what an encoder sees
    encoder = [{"kernel": scale * each.kernel, "bias": each.hidden_bias} for scale, each in zip(scales, every)]
    decoder = [{"kernel": each.kernel.T, "bias": each.visible_bias} for each in every]
    *below, last = [{"encoder_0": up, "decoder_0": down} for up, down in zip(encoder, decoder)]
    return state._replace(params=last, carry=tuple(below), opt=())


def further(setting: Setting) -> list[Fold]:
    """The accuracy of a labelled network by free energies."""
    labelled = setting.config.labelled and setting.flags.top == "machine"
    return [dbn.accuracy(machines(setting.config)[-1])] if labelled else []


def show(setting: Setting, result: Result) -> Iterator[Figure | Table]:
    """What the last stage's network does."""
    if result.stage.module == stacked_autoencoder.__name__:
        yield from stacked_layers.show(setting._replace(config=result.stage.config), result)
    else:
        yield from chains.show(setting, result)


EXPERIMENT = Experiment(
    name="experiments.dbn",
    doc=__doc__ or "",
    title="Deep belief network",
    text="Boltzmann machines learn one after the other, each on the codes of the one below. Together they are a "
    "distribution over images, or a deep network that has seen no label yet.",
    technique=dbn,
    data=Reader(DbnFlags, read),
    players=("tuning",),
    presets=PRESETS,
    defaults={
        "dataset": "digits",
        "hidden": "128",
        "latent": 64,
        "batch_size": 50,
        "optimizer": "momentum",
        "learning_rate": 0.02,
        "pretrain_epochs": 40,
        "epochs": 40,
        "tuning_optimizer": "adam",
        "tuning_rate": 3e-3,
        "eval_every": 560,
        "checkpoint_every": 1120,
    },
    plan=plan,
    watch=Watch(chains.forming, at_start=True),
    folds=further,
    show=show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
