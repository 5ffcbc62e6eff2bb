"""Classifiers that this project trained, as networks whose activations are asked for: layer1, layer2, ..., output.

Activations of convolutions are before pooling; `output` has the logits. A description is a tuple of texts, so that it
can stand in a Config and on a run's record: ("cnn", "28x28x1", "32,64", "300,100", "relu", "batch_norm", "47") for
images of 28 x 28 pixels in grey, the widths of convolutions and dense layers, the activation, whether layers are
normalised ("" where not), and the number of classes. An MLP has no convolutions.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jaxgen.core.types import Refused
from jaxgen.nets.convolutional import CNN
from jaxgen.nets.hidden import names as layer_names
from jaxgen.nets.hidden import widths
from jaxgen.nets.pretrained.network import Network, asked
from jaxgen.ops.colours import luminance
from jaxgen.ops.imaging import to_unit


def trained(description: Sequence[str]) -> Network:
    """The network of a description. Raises Refused for widths that are none."""
    _, size, channels, hidden, activation, norm, classes = description
    height, width, depth = map(int, size.split("x"))
    convolutions, units = widths(channels, "channels"), widths(hidden, "hidden")
    options = {"activation": activation, "batch_norm": bool(norm), "initializer": "he_uniform"}
    names = tuple(layer_names(len(convolutions) + len(units)))
    net = functools.partial(CNN, channels=convolutions, classes=int(classes), options=options)

    def last_of(wanted):
        """The deepest convolution, where no dense layer is asked for."""
        deepest = max((names.index(name) for name in asked(network, wanted)), default=0)
        return names[deepest] if deepest < len(convolutions) else ""

    def apply(variables, images, wanted, added=None, relu=None, mean=False):  # which keeps its own activation
        if mean:
            raise Refused("means instead of maxima are of pretrained networks, not of a classifier of ours")
        if images.ndim != 4 or images.shape[-1] not in (1, 3):
            raise Refused(f"{network.name} expected images [B, H, W, 1] or [B, H, W, 3], found {images.shape}")
        x, until = _in_channels(to_unit(images), depth), last_of(wanted)
        if not until and x.shape[1:3] != (height, width):
            size = f"{x.shape[1]} x {x.shape[2]}"
            raise Refused(f"{network.name} reads images of {height} x {width} pixels, and of {size} only convolutions")
        layers = net(x.shape[1:], units=units, until=until)
        _, activations = layers.apply(variables, x.reshape(len(x), -1), added=added)
        return {name: activations[name] for name in wanted}

    def init(key, wanted):
        pixels = jnp.zeros((1, height * width * depth), jnp.float32)
        return dict(net((height, width, depth), units=units).init(key, pixels))

    spatial, least = names[: len(convolutions)], 2 ** len(convolutions)
    network = Network("the classifier", "keras", names, spatial, (), lambda wanted: (), apply, init, least)
    return network


def _in_channels(images: jax.Array, depth: int) -> jax.Array:
    """Images [B, H, W, 1 or 3] in so many channels."""
    if images.shape[-1] == depth:
        return images
    if depth == 1:
        return luminance(images)
    return jnp.repeat(images, depth, -1)
