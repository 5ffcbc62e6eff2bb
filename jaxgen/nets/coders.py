"""Layers of encoders and decoders, as lists for `nn.Sequential`: flat images [..., D] to codes [..., Z] and back."""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn

from jaxgen.nets.layers import Conv, ConvTranspose

Layers = list[Callable[..., Any]]


def dense(
    shape: tuple[int, int, int], code: int, hidden: int, depth: int, activation: Any, dtype: Any
) -> tuple[Layers, Layers]:
    """`depth` hidden layers of `hidden` units each way.

    Args:
        shape: H, W, C of an image; D = H * W * C.
        code: what the encoder gives: Z of a plain autoencoder, 2 Z of a variational one.
        activation: of the hidden layers.
        dtype: of the products.
    """
    layers = lambda size: [*(part for _ in range(depth) for part in (nn.Dense(hidden, dtype=dtype), activation)), size]
    return layers(nn.Dense(code, dtype=dtype)), layers(nn.Dense(math.prod(shape), dtype=dtype))


def convolutional(shape: tuple[int, int, int], code: int, dtype: Any) -> tuple[Layers, Layers]:
    """Those of Chollet & Allaire, Deep Learning with R, section 8.4: halves the image once on the way down.

    `shape`, `code` and `dtype` as in `dense`.
    """
    height, width, channels = shape
    half = (-(-height // 2), -(-width // 2), 64)
    shaped = lambda *shape: lambda x: x.reshape(*x.shape[:-1], *shape)
    flat = lambda x: x.reshape(*x.shape[:-3], -1)
    crop = lambda x: x[..., :height, :width, :]  # an odd size was rounded up on the way down
    down: Layers = [shaped(*shape), Conv(32, dtype=dtype), nn.relu, Conv(64, strides=(2, 2), dtype=dtype), nn.relu]
    down += [Conv(64, dtype=dtype), nn.relu, Conv(64, dtype=dtype), nn.relu]
    down += [flat, nn.Dense(32, dtype=dtype), nn.relu, nn.Dense(code, dtype=dtype)]
    up: Layers = [nn.Dense(math.prod(half), dtype=dtype), nn.relu, shaped(*half)]
    up += [ConvTranspose(32, strides=(2, 2), dtype=dtype), nn.relu, crop, Conv(channels, dtype=dtype), flat]
    return down, up
