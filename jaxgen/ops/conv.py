"""Convolutions whose gradients are fast on CPU too, inside and outside `lax.scan`.

XLA's CPU backend computes some convolution gradients tens of times slower than their forward pass: the weight
gradient of `lax.conv_transpose` always, most gradients inside a loop (https://github.com/jax-ml/jax/issues/12868).
Here they are written as convolutions in the one fast layout, NHWC with an HWIO kernel, with explicit
transposes. Other backends keep XLA's own. Reverse mode only, any order: `custom_vjp` has no forward mode.
Weight gradient of a 3x3 transposed convolution, stride 2, x [128, 14, 14, 64] to 32 channels: `lax` 158 ms, 733 in a
scan; here 6.8 in a scan. A 3x3 convolution of the same x to 64 channels: 16 and 1,130 against 12. Measured by jitting
the gradient alone, minimum of 3 or 5 calls (1 for `lax` in a scan), 2 cores of an AMD EPYC that others shared, jax
0.10.2, 2026-11-20; a busier round gave twice the `lax` times.

N images of H by W, I input and O output channels, kernel kh by kw. Per axis: n the size of x, m of y, k of the
kernel, s stride, d dilation of x (the stride of a transposed convolution), lo and hi padding. One of s, d is 1.

    y[o] = sum_t kernel[t] z[o s + t - lo]      where z[i d] = x[i] and z is zero elsewhere
    m    = ((n - 1) d + 1 + lo + hi - k) // s + 1
"""

import math
from functools import partial
from itertools import product
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax

from jaxgen.core.types import Refused
from jaxgen.ops.correlation import correlate, plain_conv

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]
Padding = Literal["SAME", "VALID"] | Pads


def conv(x: jax.Array, kernel: jax.Array, strides: Pair = (1, 1), padding: Padding = "SAME") -> jax.Array:
    """Convolves x [N, H, W, I] with kernel [kh, kw, I, O] to [N, H', W', O]: `lax.conv_general_dilated`.

    `padding` is "SAME", "VALID" or ((lo, hi), (lo, hi)). Raises `Refused` where ranks or channels do not fit.
    """
    _check(x, kernel)
    sides: Any = padding
    if padding == "VALID":
        sides = ((0, 0), (0, 0))
    elif padding == "SAME":
        needs = (max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(x.shape[1:], kernel.shape, strides))
        sides = tuple((need // 2, need - need // 2) for need in needs)
    return _conv(x, kernel, _pair(strides), (1, 1), (_pair(sides[0]), _pair(sides[1])))


def conv_transpose(x: jax.Array, kernel: jax.Array, strides: Pair = (1, 1), padding: Padding = "SAME") -> jax.Array:
    """Transposed convolution of x [N, H, W, I] with kernel [kh, kw, I, O], as `lax.conv_transpose`.

    The kernel is not flipped; "SAME" makes [N, H sh, W sw, O]; explicit padding is that of the dilated x.
    Raises `Refused` where ranks or channels do not fit.
    """
    _check(x, kernel)
    sides: Any = padding
    if padding == "VALID":
        sides = [(k - 1, max(s, k) - 1) for k, s in zip(kernel.shape, strides)]
    elif padding == "SAME":  # k + s - 2 in all, so that m = n s
        before = [k - 1 if s > k - 1 else math.ceil((k + s - 2) / 2) for k, s in zip(kernel.shape, strides)]
        sides = [(lo, k + s - 2 - lo) for lo, k, s in zip(before, kernel.shape, strides)]
    return _conv(x, kernel, (1, 1), _pair(strides), (_pair(sides[0]), _pair(sides[1])))


def _pair(values) -> Pair:
    first, second = values
    return int(first), int(second)


def _check(x, kernel):
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        shapes = f"found {x.shape} and {kernel.shape}"
        raise Refused(f"a convolution expected x [N, H, W, I] and a kernel [kh, kw, I, O], {shapes}")


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _conv(x, kernel, strides, dilation, pads):
    xla = partial(plain_conv, strides=strides, dilation=dilation, pads=pads)
    if dilation == (1, 1):
        return xla(x, kernel)
    by_phase = partial(_conv_by_phase, dilation=dilation, pads=pads)
    return lax.platform_dependent(x, kernel, cpu=by_phase, default=xla)


def _forward(x, kernel, strides, dilation, pads):
    return _conv(x, kernel, strides, dilation, pads), (x, kernel)


def _backward(strides, dilation, pads, residuals, dy):
    def by_hand(x, kernel, dy):
        return (
            _input_gradient(x, kernel, dy, strides, dilation, pads),
            _kernel_gradient(x, kernel, dy, strides, dilation, pads),
        )

    def by_xla(x, kernel, dy):
        return jax.vjp(partial(plain_conv, strides=strides, dilation=dilation, pads=pads), x, kernel)[1](dy)

    return lax.platform_dependent(*residuals, dy, cpu=by_hand, default=by_xla)


_conv.defvjp(_forward, _backward)


def _conv_by_phase(x, kernel, dilation, pads):
    """The case s = 1 without products with the zeros between pixels (sub-pixel convolution, arXiv:1609.05158).

    Outputs o = p d + r of one phase r meet only the taps t = first + d j with first = (lo - r) mod d, and
    there z[o + t - lo] is x[p + j - (lo - r - first) / d]: a plain convolution with those taps.
    """
    sizes, phases = [], []
    for n, k, d, (lo, hi) in zip(x.shape[1:3], kernel.shape, dilation, pads):
        m = (n - 1) * d + 1 + lo + hi - k + 1
        sizes.append((m, -(-m // d)))  # outputs in all and in a phase, which may pass the end: cropped below
        firsts = [(lo - r) % d for r in range(d)]
        befores = [(lo - r - first) // d for r, first in enumerate(firsts)]
        taps = [len(range(first, k, d)) for first in firsts]
        phases.append([(f, (b, -(-m // d) - 1 + j - b - n)) for f, b, j in zip(firsts, befores, taps)])
    (height, rows), (width, columns) = sizes
    shape = (x.shape[0], rows, columns, kernel.shape[3])
    images = []
    for (top, vertical), (left, horizontal) in product(*phases):
        part = kernel[top :: dilation[0], left :: dilation[1]]  # empty where the stride exceeds the kernel
        pads = (vertical, horizontal)
        images.append(plain_conv(x, part, (1, 1), (1, 1), pads) if part.size else jnp.zeros(shape, x.dtype))
    across = [jnp.stack(images[i : i + dilation[1]], 3) for i in range(0, len(images), dilation[1])]
    y = jnp.stack(across, 2).reshape(shape[0], rows * dilation[0], columns * dilation[1], shape[3])
    return y[:, :height, :width]


def _input_gradient(x, kernel, dy, strides, dilation, pads):
    """dx[i] = sum_t kernel[t] dy[(i d + lo - t) / s]: kernel flipped, s and d exchanged, padded k - 1 - lo."""
    sides = []
    for n, m, k, s, d, (lo, _) in zip(x.shape[1:3], dy.shape[1:3], kernel.shape, strides, dilation, pads):
        before = k - 1 - lo
        sides.append((before, (n - 1) * d + k - ((m - 1) * s + 1) - before))  # so that dx has n pixels
    return _conv(dy, lax.rev(kernel, (0, 1)).swapaxes(2, 3), dilation, strides, tuple(sides))


def _kernel_gradient(x, kernel, dy, strides, dilation, pads):
    """dk[t] = sum_o dy[o] z[o s + t - lo], a correlation of z with dy.

    A dilated z would be slow. Summed over the pixels of x, where o = i d - t + lo, it is a correlation of dy
    with x: dk[k - 1 - u] = sum_i x[i] dy[i d + u - (k - 1 - lo)], with I and O exchanged and dk flipped.
    With s = d = 1 both forms hold; the second is cheaper where dy has one channel.
    """
    size, starts = kernel.shape[:2], [lo for lo, _ in pads]
    if dilation == (1, 1) and (strides != (1, 1) or dy.shape[3] > 1):
        return correlate(x, dy, size, strides, starts)
    flipped = correlate(dy, x, size, dilation, [k - 1 - lo for k, lo in zip(size, starts)])
    return lax.rev(flipped, (0, 1)).swapaxes(2, 3)
