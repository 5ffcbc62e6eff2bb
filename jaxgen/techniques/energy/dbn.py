"""Deep belief network: Boltzmann machines that learn one after the other, each on the codes of the ones below.

Hinton, Osindero & Teh 2006, https://doi.org/10.1162/neco.2006.18.7.1527; Bengio et al. 2007,
https://papers.nips.cc/paper/2006/hash/5da713a690c067105aeb2fae32403405-Abstract.html. The top machine, and the layers
below it as a directed network from codes to pixels, are one distribution over images: sampling runs chains in the top
machine, then passes down once. A labelled top machine has the class beside the codes, and so classifies by its free
energy and draws images of a class. `Config.layer` says which machine a Technique is of; those below it no longer learn.

B images of a batch, D values of an image, H hidden units of the machine, C classes.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp

from jaxgen.core.config import changed, knob, nested
from jaxgen.core.types import Fold, Refused, State, Technique
from jaxgen.nets.hidden import widths
from jaxgen.ops import boltzmann
from jaxgen.ops.boltzmann import Machine, Units
from jaxgen.ops.classification import hard_label
from jaxgen.ops.imaging import speckled, to_unit
from jaxgen.ops.likelihoods import LIKELIHOODS, binarise
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import momentum
from jaxgen.techniques.energy import inferring, learning
from jaxgen.techniques.energy.learning import Learning, Model, learnt
from jaxgen.techniques.energy.likelihood import accuracy_fold


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape`, `labels` and `batch`, the number of persistent chains, are the data's, `layer` is the stage's."""

    shape: tuple[int, int, int] = (28, 28, 1)
    labels: tuple[str, ...] = tuple("0123456789")
    batch: int = 100
    layer: int = 1  # the machine that learns, from 1, the lowest
    hidden: str = knob("500,500", "hidden units of the machines below the top one")
    latent: int = knob(2000, "hidden units of the top machine", lower=1, upper=2**20)
    learning: Learning = nested(Learning())
    pixels: Literal["stochastic", "greyscale", "counts"] = knob(
        "stochastic",
        "and codes, in learning: drawn anew each time with their values as probabilities, or as they are; counts: the "
        "values are shares of words in a document, of --words",
    )
    words: int = knob(100, "that all documents are taken to have", lower=1, upper=2**20)
    code: Literal["binary", "linear"] = knob("binary", "hidden units of the top machine")
    labelled: bool = knob(False, "model the class beside the codes in the top machine")
    linear_rate: float = knob(
        1e-3, "learning rate of a top machine of linear units, whose codes have no bounds", above=0.0
    )


def sizes(config: Config) -> tuple[int, ...]:
    """D and the hidden units of each machine. Raises Refused where `hidden` is no list of widths."""
    return (math.prod(config.shape), *widths(config.hidden, "hidden"), config.latent)


def units_of(config: Config, layer: int) -> Units:
    """Those of a machine of this number, from 1; without the class."""
    hidden: Literal["binary", "linear"] = config.code if layer == len(sizes(config)) - 1 else "binary"
    counts = config.pixels == "counts" and layer == 1
    return Units("counts", hidden, words=config.words) if counts else Units(hidden=hidden)


def upwards(config: Config, machines: Sequence[Machine], x: jax.Array) -> jax.Array:
    """Images [B, D] in [0, 1] to the means of the highest machine's hidden units [B, H], from the lowest on."""
    x = x * config.words if config.pixels == "counts" else x
    for number, machine in enumerate(machines, 1):
        x = boltzmann.hidden_mean(units_of(config, number), machine, x)
    return x


def downwards(config: Config, machines: Sequence[Machine], code: jax.Array) -> jax.Array:
    """Codes [B, H] of the highest machine to means of pixels [B, D], or to shares of words."""
    for number, machine in reversed(list(enumerate(machines, 1))):
        units = units_of(config, number)
        code = boltzmann.visible_mean(units, boltzmann.visible_input(units, machine, code))
    return code / config.words if config.pixels == "counts" else code


def model(config: Config) -> Model:
    """The machine of `config.layer`. Raises Refused for a labelled one without classes."""
    every, number = sizes(config), config.layer
    top = number == len(every) - 1
    classes = len(config.labels) if config.labelled and top else 0
    if config.labelled and len(config.labels) < 2:
        raise Refused(f"--labelled needs a set of at least two classes; this one has {len(config.labels)}")
    units = units_of(config, number)._replace(classes=classes)
    if config.labelled and units.visible == "counts":
        raise Refused("--labelled needs --hidden: a class beside counts of words is not modelled")
    draws = config.pixels == "stochastic" or (config.pixels == "counts" and number > 1)

    def see(carry, key, batch):
        x = upwards(config, [Machine(**each) for each in carry["below"]], to_unit(batch["image"]))
        x = binarise(key, x) if draws and key is not None else x
        if not classes:
            return x
        return jnp.concatenate([x, jax.nn.one_hot(hard_label(batch["label"]), classes, dtype=jnp.float32)], -1)

    def down(carry, x):
        return downwards(config, [Machine(**each) for each in carry["below"]], x)

    counts = f"counts of {config.words} words a document"
    definition = counts if config.pixels == "counts" else LIKELIHOODS[config.pixels].definition
    definition = definition if number == 1 else f"codes of layer {number - 1} in place of pixels, {definition}"
    visible = every[number - 1] + classes
    below = down if number > 1 or units.visible == "counts" else None
    return Model(config.learning, units, visible, every[number], config.batch, see, definition, below)


def every_machine(config: Config, state: State) -> list[Machine]:
    """All machines of a State of `config`'s Technique, the lowest first; classes of the top one are equally active."""
    own, size = learnt(model(config), state), sizes(config)[config.layer - 1]
    bias = own.hidden_bias + own.kernel[size:].sum(0) / max(1, own.kernel.shape[0] - size)
    top = Machine(own.kernel[:size], own.visible_bias[:size], bias)
    return [*(Machine(**each) for each in state.carry["below"]), top]


def accuracy(config: Config) -> Fold:
    """The Fold of a labelled network as a classifier, by free energies of its top machine."""
    return accuracy_fold(model(config), config.labels)


def adopting(config: Config, optimizer: Factory) -> Callable[[State | None, jax.Array, Any], State]:
    """A stage's `adopt`: the first State of `make(config, optimizer)`, above the machines that learnt before."""
    technique, before = make(config, optimizer), dataclasses.replace(config, layer=config.layer - 1)

    def adopt(previous, key, arrays):
        del arrays
        state = technique.init(key)
        if previous is None:
            return state
        below = (*previous.carry["below"], learnt(model(before), previous)._asdict())
        return state._replace(carry=state.carry | {"below": below})

    return adopt


def make(config: Config = Config(), optimizer: Factory = momentum) -> Technique:
    """The Technique of the machine that `config.layer` names, whose metrics are of the codes that it sees.

    A batch is {"image": [B, D] uint8, or float32 in [0, 1]}, of a labelled network with "label" [B] as well. Params are
    those of a machine; `State.carry["below"]` has those of the machines below it, the lowest first. Raises Refused, see
    `model`.
    """
    own, every = model(config), sizes(config)
    linear = own.units.hidden == "linear"
    descent = optimizer(config.linear_rate if linear else config.learning.learning_rate)
    pixels = every[0]

    def init(key):
        own_key, *keys = jax.random.split(key, config.layer)
        below = tuple(learning.first_weights(*each) for each in zip(keys, every, every[1:]))
        state = learning.first_state(own, own_key, descent)
        return state._replace(carry=state.carry | {"below": below})

    def example(key):
        image_key, label_key = jax.random.split(key)
        label = jax.random.randint(label_key, (config.batch,), 0, max(1, len(config.labels)), jnp.int32)
        return {"image": speckled(image_key, config.batch, pixels), "label": label}

    infer, inputs = inferring.of(own)
    return Technique(
        init,
        learning.step(own, descent),
        learning.evaluation(own),
        infer,
        example,
        lambda key: inputs(example(key)["image"][0]),
        ("chains",) if config.learning.chains == "persistent" else (),
    )


def tiny(optimizer: Factory = momentum) -> dict[str, Technique]:
    """A top machine with the class, and one of linear units with none below, for the contract tests."""
    small = {"shape": (4, 4, 1), "labels": ("a", "b", "c"), "batch": 8, "hidden": "6", "latent": 5, "layer": 2}
    change = lambda **fields: make(changed(Config(), {**small, **fields}), optimizer)
    return {
        "dbn_labelled": change(labelled=True, chains="persistent"),
        "dbn_linear": change(hidden="", layer=1, code="linear", pixels="greyscale", average=0.0),
    }
