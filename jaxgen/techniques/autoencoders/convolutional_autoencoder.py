"""Convolutional autoencoder (Masci et al. 2011, https://doi.org/10.1007/978-3-642-21735-7_7), with a dense code.

What halves an image is the stride of the convolutions, and of transposed convolutions on the way back; or max pooling,
and unpooling on the way back. Unpooling puts a value where the maximum was, which the switches of the pooling say
(Zeiler et al. 2011, https://doi.org/10.1109/ICCV.2011.6126474), or anywhere fixed. Switches carry information past the
code: a network that uses them restores an image by more than its code. So its error is measured without them as well,
which is all that `decode` has; it is trained with them alone.
"""

import dataclasses
from typing import Any, Literal

import jax.numpy as jnp

from jaxgen.core.config import changed, knob, nested
from jaxgen.core.types import Refused, Technique
from jaxgen.nets.hidden import widths
from jaxgen.nets.mirrored_conv import MirroredConv
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.autoencoders import autoencoder
from jaxgen.techniques.autoencoders.coding import Coders, Common


@dataclasses.dataclass(frozen=True)
class Convolutions(Common):
    """The knobs of convolutional networks."""

    channels: str = knob("16,32", "of the encoder's convolutions, each of which halves the image; the decoder mirrors")
    side: int = knob(3, "of the square kernels, in pixels", lower=1, upper=31)
    down: Literal["strided", "pooled", "switches"] = knob(
        "strided", "what halves an image: strides; max pooling, undone without switches; or with them"
    )
    unpooling: Literal["first", "evenly"] = knob(
        "first", "without switches a value goes to the first pixel of its square, or a quarter of it to each"
    )


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape` is the data set's; the rest are flags."""

    shape: tuple[int, int, int] = (28, 28, 1)
    # Rectified units of the code die: of 32, after 300 updates on glyphs, 16 were 0 for all test images.
    network: Convolutions = nested(Convolutions(code="linear"))


def convolutional(network: Convolutions, shape: tuple[int, int, int]) -> Coders:
    """Convolutions; beside the code stand the switches.

    Raises Refused where `channels` is no list of widths, or longer than the images can be halved.
    """
    channels = widths(network.channels, "channels")
    least = 2 ** len(channels)
    if not channels:
        raise Refused("--channels is empty; --kind=dense has no convolutions")
    if min(shape[:2]) < least:
        halvings = f"--channels={network.channels} halves images {len(channels)} times"
        raise Refused(f"{halvings}: they need at least {least} x {least} pixels, not {shape[0]} x {shape[1]}")
    if network.down == "strided" and network.unpooling != "first":
        raise Refused(f"--unpooling={network.unpooling} is for --down=pooled or switches; strides pool nothing")
    activated = network.code == "activated"
    ways: Any = {"side": network.side, "down": network.down, "unpooling": network.unpooling}
    net = MirroredConv(shape, channels, network.latent, network.activation, activated, **ways)
    pixels = shape[0] * shape[1] * shape[2]
    apply: Any = lambda params, *inputs, method: net.apply({"params": params}, *inputs, method=method)
    return Coders(
        lambda key: net.init(key, jnp.zeros((1, pixels), jnp.float32))["params"],
        lambda params, x: apply(params, x, method="encode"),
        lambda params, code, switches: apply(params, code, switches, method="decode"),
    )


def make(config: Config = Config(), optimizer: Factory = adam) -> Technique:
    """The Technique; `autoencoder.technique` describes its batches. Raises Refused, see `convolutional`."""
    network, shape = config.network, config.shape
    coders = convolutional(network, shape)
    model = autoencoder.Autoencoder(network, coders, shape, switches=network.down == "switches")
    return autoencoder.technique(model, optimizer)


def tiny(optimizer: Factory = adam) -> dict[str, Technique]:
    """Each way down, of even and odd sizes, for the contract tests."""
    small = {"shape": (4, 4, 1), "channels": "2,3", "latent": 3, "activation": "tanh", "learning_rate": 1e-2}
    change = lambda fields: make(changed(Config(), {**small, **fields}), optimizer)
    return {
        "autoencoder_switches": change({"down": "switches"}),
        "autoencoder_strided": change({"shape": (5, 6, 1), "loss": "squared", "code": "activated"}),
        "autoencoder_pooled": change({"shape": (5, 6, 1), "down": "pooled", "unpooling": "evenly"}),
    }
