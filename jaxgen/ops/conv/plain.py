"""XLA's convolution in the one layout that is fast on CPU: x [N, H, W, I], kernel [kh, kw, I, O] to [N, H', W', O].

Formulas as in `primitives`.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

Pair = tuple[int, int]
LAYOUT = ("NHWC", "HWIO", "NHWC")
WIDE, ROWS = 16, 8  # input channels and output rows from which a row of zeros pays, see `fast`


class Window(NamedTuple):
    """The geometry of a convolution, per axis."""

    strides: Pair
    dilation: Pair  # of x
    spread: Pair  # dilation of the kernel
    pads: tuple[Pair, Pair]


def sizes(image: Pair, kernel: Pair, window: Window) -> Pair:
    """H' and W' of the output."""
    outputs = [
        ((n - 1) * d + 1 + lo + hi - (k - 1) * e - 1) // s + 1
        for n, k, s, d, e, (lo, hi) in zip(image, kernel, *window)
    ]
    return outputs[0], outputs[1]


def plain(x, kernel, window, groups=1):
    """XLA's convolution of x [N, H, W, I] with kernel [kh, kw, I, O]."""
    strides, dilation, spread, pads = window
    if min(*pads[0], *pads[1]) < 0:
        # jax 0.10.2 on CPU reads outside x where a side is padded by less than nothing: crop it here instead.
        x, dilation, pads = pad(x, pads, dilation), (1, 1), ((0, 0), (0, 0))
    if x.shape[1] == kernel.shape[0] == 1 and pads[0] == (0, 0) and x.shape[3] > 1:  # one axis: up to 1.8 times faster
        one = (strides[1:], pads[1:], dilation[1:], spread[1:], ("NHC", "HIO", "NHC"), groups)
        return lax.conv_general_dilated(x[:, 0], kernel[0], *one)[:, None]
    return lax.conv_general_dilated(x, kernel, strides, pads, dilation, spread, LAYOUT, groups)


def pad(x, pads, dilation=(1, 1)):
    """x with zeros around it and between its pixels, or less of x where padding is negative."""
    sides = [(*side, d - 1) for side, d in zip(pads, dilation)]
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *sides, (0, 0, 0)])


def fast(x, kernel, window):
    """`plain` on CPU, in float32 as a matrix product where the kernel is one pixel, and never quite without padding.

    XLA's CPU backend computes a convolution faster where something is padded: 3x3 of [1, 149, 149, 32] to 32 takes
    4.9 ms with a row of zeros that nothing reads, without it 13.8. 1x1 of [1, 35, 35, 288] to 64: 0.55 ms, as a product
    0.35 (minimum of 15 calls on one busy core of an Intel Xeon with AVX-512, jax 0.10.2, 2026-11-29).
    """
    strides, dilation, _, pads = window
    whole = dilation == (1, 1) and pads == ((0, 0), (0, 0))
    if whole and kernel.shape[:2] == strides == (1, 1) and x.dtype == jnp.float32:
        return jnp.dot(x.reshape(-1, x.shape[3]), kernel[0, 0]).reshape(*x.shape[:3], kernel.shape[3])
    rows, _ = sizes(x.shape[1:3], kernel.shape[:2], window)
    if whole and kernel.shape[0] > 1 and x.shape[3] >= WIDE and rows >= ROWS:
        return plain(x, kernel, window._replace(pads=((0, 1), (0, 0))))[:, :rows]
    return plain(x, kernel, window)
