"""Restricted Boltzmann machine (Smolensky 1986; Hinton 2002, https://doi.org/10.1162/089976602760128018).

Visible units, the pixels, and hidden units have the joint distribution exp(-E(x, h)) / Z, with
E(x, h) = -a x - b h - x W h: given the ones, the others are independent. `learning` has how it learns, `ops.boltzmann`
its mathematics, and `ops.annealed_importance` its likelihood. Images are black and white, drawn with their grey values
as probabilities, or grey, as probabilities or as Gaussian visible units. A labelled machine has the class beside the
pixels as a softmax unit (Hinton, Osindero & Teh 2006, https://doi.org/10.1162/neco.2006.18.7.1527), and so models
their joint distribution: it classifies, and draws images of a class.

B images of a batch, D values of an image, H hidden units, C classes.
"""

import dataclasses
import math
from typing import Literal

import jax
import jax.numpy as jnp

from jaxgen.core.config import changed, knob, nested
from jaxgen.core.types import Fold, Refused, Technique
from jaxgen.ops.boltzmann import Units
from jaxgen.ops.classification import hard_label
from jaxgen.ops.imaging import speckled, to_unit
from jaxgen.ops.likelihoods import LIKELIHOODS
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import momentum
from jaxgen.techniques.energy import inferring, learning
from jaxgen.techniques.energy.learning import Learning, Model
from jaxgen.techniques.energy.likelihood import accuracy_fold, fold


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape`, `labels` and `batch`, the number of persistent chains, are the data's; the rest are flags."""

    shape: tuple[int, int, int] = (28, 28, 1)
    labels: tuple[str, ...] = tuple("0123456789")
    batch: int = 100
    hidden: int = knob(500, "hidden units", lower=1, upper=2**20)
    learning: Learning = nested(Learning())
    pixels: Literal["stochastic", "static", "greyscale", "gaussian"] = knob(
        "stochastic",
        "black or white, drawn anew each time with the grey value as the probability of white, or drawn once and for "
        "all; the grey value as it is; or a normal density of it",
    )
    sigma: float = knob(0.3, "standard deviation of gaussian pixels", above=0.0)
    units: Literal["binary", "linear"] = knob("binary", "hidden units: of 0 and 1, or with unit variance")
    labelled: bool = knob(False, "model the class beside the pixels")
    temperatures: int = knob(
        0, "of the annealing that estimates the test log-likelihood; 0: none", lower=0, upper=10**7, free=True
    )
    runs: int = knob(100, "of that annealing, side by side", lower=2, upper=10**6, free=True)


def model(config: Config) -> Model:
    """The machine. Raises Refused for linear units of gaussian pixels, and for a labelled one without classes."""
    gaussian, classes = config.pixels == "gaussian", len(config.labels) if config.labelled else 0
    if gaussian and config.units == "linear":
        raise Refused("--units=linear needs pixels that are no gaussian units too: their energy has no least value")
    if config.labelled and (classes < 2 or gaussian):
        reason = "binary pixels" if gaussian else f"a set of at least two classes; this one has {classes}"
        raise Refused(f"--labelled needs {reason}")
    pixels = LIKELIHOODS["greyscale" if gaussian else config.pixels]

    def see(carry, key, batch):
        del carry
        x = to_unit(batch["image"])
        x = x if key is None else pixels.target(key, x)
        if not classes:
            return x
        return jnp.concatenate([x, jax.nn.one_hot(hard_label(batch["label"]), classes, dtype=jnp.float32)], -1)

    units = Units("gaussian" if gaussian else "binary", config.units, config.sigma, classes)
    text = f"gaussian pixels of sigma {config.sigma:g}" if gaussian else pixels.definition
    visible = math.prod(config.shape) + classes
    return Model(config.learning, units, visible, config.hidden, config.batch, see, text)


def likelihood(config: Config) -> Fold:
    """The Fold of -log p(x). Raises Refused for fewer than two temperatures, and for units or images not binary."""
    if config.temperatures < 2:
        raise Refused(f"--temperatures are at least 2, or 0 for no likelihood, not {config.temperatures}")
    if config.pixels == "greyscale":
        raise Refused("--pixels=greyscale have no likelihood: the machine is one of black and white images")
    return fold(model(config), config.temperatures, config.runs)


def accuracy(config: Config) -> Fold:
    """The Fold of a labelled machine as a classifier, by free energies."""
    return accuracy_fold(model(config), config.labels)


def make(config: Config = Config(), optimizer: Factory = momentum) -> Technique:
    """A batch is {"image": [B, D] uint8, or float32 in [0, 1]}, of a labelled machine with "label" [B] as well.

    Params: `kernel` [D, H], `visible_bias` [D] and `hidden_bias` [H]; `learning.learnt` returns the machine that is
    tested, which may be an average. Raises Refused, see `model` and `likelihood`.
    """
    own, descent = model(config), optimizer(config.learning.learning_rate)
    if config.temperatures:
        likelihood(config)
    pixels, classes = math.prod(config.shape), max(1, len(config.labels))

    def example(key):
        image_key, label_key = jax.random.split(key)
        label = jax.random.randint(label_key, (config.batch,), 0, classes, jnp.int32)
        return {"image": speckled(image_key, config.batch, pixels), "label": label}

    infer, inputs = inferring.of(own)
    streams = ("chains",) if config.learning.chains == "persistent" else ()
    return Technique(
        lambda key: learning.first_state(own, key, descent),
        learning.step(own, descent),
        learning.evaluation(own),
        infer,
        example,
        lambda key: inputs(example(key)["image"][0]),
        streams,
    )


def tiny(optimizer: Factory = momentum) -> dict[str, Technique]:
    """Each kind of unit, chain and pixel, for the contract tests."""
    small = {"shape": (4, 4, 1), "labels": ("a", "b", "c"), "batch": 8, "hidden": 6, "average": 0.9}
    change = lambda **fields: make(changed(Config(), {**small, **fields}), optimizer)
    return {
        "rbm": change(chains="persistent", k=2),
        "rbm_plain": change(centred=False, average=0.0, pixels="greyscale", sparsity=0.1),
        "rbm_gaussian": change(pixels="gaussian", sigma=0.5),
        "rbm_linear": change(units="linear", pixels="static"),
        "rbm_labelled": change(labelled=True, chains="persistent"),
    }
