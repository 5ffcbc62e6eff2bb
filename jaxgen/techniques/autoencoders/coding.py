"""The networks of autoencoders as pure functions, and the knobs that they have.

D    values of an image
Z    units of the code
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.nets.hidden import widths
from jaxgen.nets.mirrored import Mirrored


@dataclasses.dataclass(frozen=True)
class Common:
    """The knobs that all kinds have."""

    latent: int = knob(32, "units of the code", lower=1, upper=2**20)
    activation: Literal["sigmoid", "relu", "tanh", "linear"] = knob(
        "relu",
        "of the hidden layers, and of a code that is activated; the default of sparse and contractive is sigmoid",
    )
    code: Literal["activated", "linear"] = knob(
        "activated", "whether the code has the activation; the default of convolutional is linear"
    )
    loss: Literal["cross_entropy", "squared", "multinomial"] = knob(
        "cross_entropy",
        "of the reconstruction: with sigmoid outputs, in nats; the squared error of linear outputs; or, of values that "
        "add up to 1, as the shares of words in a document do, with softmax outputs",
    )
    learning_rate: float = knob(1e-3, "of the optimiser", above=0.0)


@dataclasses.dataclass(frozen=True)
class Network(Common):
    """The knobs of dense networks."""

    hidden: str = knob(
        "", "units of the encoder's layers before the code, as in 1000,500,250; the decoder mirrors them"
    )
    tied: bool = knob(False, "the decoder's kernels are the encoder's, transposed")


class Coders(NamedTuple):
    """An encoder and a decoder. What the encoder hands on beside the code, such as switches, is any pytree."""

    init: Callable[[jax.Array], Any]  # key -> params
    encode: Callable[[Any, jax.Array], tuple[jax.Array, Any]]  # params, images [..., D] -> codes [..., Z], beside
    # params, codes [..., Z], what stood beside them or None -> outputs [..., D]
    decode: Callable[[Any, jax.Array, Any], jax.Array]


def dense(network: Network, shape: tuple[int, int, int]) -> Coders:
    """Dense layers; nothing stands beside the code. Raises Refused where `hidden` is no list of widths."""
    sizes = (math.prod(shape), *widths(network.hidden, "hidden"), network.latent)
    net = Mirrored(sizes, network.activation, network.code == "activated", network.tied)
    apply: Any = lambda params, x, method: net.apply({"params": params}, x, method=method)
    return Coders(
        lambda key: net.init(key, jnp.zeros((1, sizes[0]), jnp.float32))["params"],
        lambda params, x: (apply(params, x, "encode"), ()),
        lambda params, code, beside: apply(params, code, "decode"),
    )
