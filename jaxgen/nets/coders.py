"""Encoders and decoders as lists of layers: flat images [..., D] to codes [..., Z] and back."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax

from jaxgen.nets.layers import Conv, ConvTranspose
from jaxgen.nets.painter import ResizeConv

Layers = list[Callable[..., Any]]


class Coder(nn.Module):
    """Layers one after the other, modules or functions, each of one array. Module n has its parameters in layers_n."""

    layers: Sequence[Callable[[jax.Array], jax.Array]]

    def __call__(self, x: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Returns the last layer's output, and the outputs of all as layers_0, layers_1, ..."""
        activations = {}
        for number, layer in enumerate(self.layers):
            x = activations[f"layers_{number}"] = layer(x)
        return x, activations


def dense(
    shape: tuple[int, int, int], code: int, hidden: int, depth: int, activation: Any, dtype: Any
) -> tuple[Layers, Layers]:
    """Encoder and decoder of `depth` hidden layers of `hidden` units each.

    Args:
        shape: H, W, C of an image; D = H * W * C.
        code: size of the encoder's output: Z of a plain autoencoder, 2 Z of a variational one.
        hidden: units of a hidden layer.
        depth: hidden layers of the encoder, and of the decoder.
        activation: of the hidden layers.
        dtype: of the products.
    """
    layers = lambda size: [*(part for _ in range(depth) for part in (nn.Dense(hidden, dtype=dtype), activation)), size]
    return layers(nn.Dense(code, dtype=dtype)), layers(nn.Dense(math.prod(shape), dtype=dtype))


def convolutional(shape: tuple[int, int, int], code: int, dtype: Any) -> tuple[Layers, Layers]:
    """Encoder and decoder of Chollet & Allaire, Deep Learning with R, section 8.4; one convolution halves the image.

    Arguments as in `dense`.
    """
    height, width, channels = shape
    half = (-(-height // 2), -(-width // 2), 64)
    shaped = lambda *shape: lambda x: x.reshape(*x.shape[:-1], *shape)
    flat = lambda x: x.reshape(*x.shape[:-3], -1)
    crop = lambda x: x[..., :height, :width, :]  # the encoder rounds an odd size up
    down: Layers = [shaped(*shape), Conv(32, dtype=dtype), nn.relu, Conv(64, strides=(2, 2), dtype=dtype), nn.relu]
    down += [Conv(64, dtype=dtype), nn.relu, Conv(64, dtype=dtype), nn.relu]
    down += [flat, nn.Dense(32, dtype=dtype), nn.relu, nn.Dense(code, dtype=dtype)]
    up: Layers = [nn.Dense(math.prod(half), dtype=dtype), nn.relu, shaped(*half)]
    up += [ConvTranspose(32, strides=(2, 2), dtype=dtype), nn.relu, crop, Conv(channels, dtype=dtype), flat]
    return down, up


WIDTH, WIDEST, SMALLEST = 32, 256, 4  # channels of the first convolution, of the widest one; pixels a side of the last


def deep(shape: tuple[int, int, int], code: int, dtype: Any) -> tuple[Layers, Layers]:
    """Convolutions that halve the image until it has about 4 pixels a side, each with twice the channels.

    The network of Hou et al. 2017 (https://arxiv.org/abs/1610.00291, figure 2) without its batch normalisation: 4x4
    kernels of stride 2 and a dense layer; then images enlarged by repeated pixels, and 3x3 kernels. Arguments as in
    `dense`.
    """
    height, width, channels = shape
    halvings = max(1, round(math.log2(min(height, width) / SMALLEST)))
    widths = [min(WIDTH * 2**n, WIDEST) for n in range(halvings)]
    least = (*(-(-size // 2**halvings) for size in (height, width)), widths[-1])
    # He's kernels keep the size of activations, as batch normalisation would.
    active, inner = lambda x: nn.leaky_relu(x, 0.2), nn.initializers.he_normal()
    crop = lambda x: x[..., :height, :width, :]  # the encoder rounds an odd size up
    flat = lambda x: x.reshape(*x.shape[:-3], -1)
    down: Layers = [lambda x: x.reshape(*x.shape[:-1], *shape)]
    for features in widths:
        down += [Conv(features, (4, 4), 2, dtype=dtype, kernel_init=inner), active]
    up: Layers = [nn.Dense(math.prod(least), dtype=dtype, kernel_init=inner), active]
    up += [lambda x: x.reshape(*x.shape[:-1], *least)]
    for features in [*reversed(widths[:-1]), WIDTH]:
        up += [ResizeConv(features, kernel_init=inner), active]
    return [*down, flat, nn.Dense(code, dtype=dtype)], [*up, crop, Conv(channels, dtype=dtype), flat]


CONVOLUTIONAL = {"conv": convolutional, "deep": deep}
