"""Convolutions whose gradients are fast on CPU too, inside and outside `lax.scan`.

XLA's CPU backend computes some convolution gradients tens of times slower than their forward pass: the weight
gradient of `lax.conv_transpose` always, most gradients inside a loop (https://github.com/jax-ml/jax/issues/12868).
Here they are written as convolutions in the one fast layout, NHWC with an HWIO kernel, with explicit
transposes. Other backends keep XLA's own. Reverse mode only, any order: `custom_vjp` has no forward mode.
@@MEASURED@@
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

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]
Padding = Literal["SAME", "VALID"] | Pads

CHUNK = 2**20  # bytes of images in one product of a weight gradient: see `_correlate`


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
    xla = partial(_plain, strides=strides, dilation=dilation, pads=pads)
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
        return jax.vjp(partial(_plain, strides=strides, dilation=dilation, pads=pads), x, kernel)[1](dy)

    return lax.platform_dependent(*residuals, dy, cpu=by_hand, default=by_xla)


_conv.defvjp(_forward, _backward)


def _plain(x, kernel, strides, dilation, pads, spread=(1, 1)):
    if min(*pads[0], *pads[1]) < 0:
        # jax 0.10.2 on CPU reads outside x where a side is padded by less than nothing: crop it here instead.
        x, dilation, pads = _pad(x, pads, dilation), (1, 1), ((0, 0), (0, 0))
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, strides, pads, dilation, spread, layout)


def _pad(x, pads, dilation=(1, 1)):
    (top, bottom), (left, right) = pads
    sides = [(0, 0, 0), (top, bottom, dilation[0] - 1), (left, right, dilation[1] - 1), (0, 0, 0)]
    return lax.pad(x, jnp.zeros((), x.dtype), sides)


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
        images.append(_plain(x, part, (1, 1), (1, 1), pads) if part.size else jnp.zeros(shape, x.dtype))
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
        return _correlate(x, dy, size, strides, starts)
    flipped = _correlate(dy, x, size, dilation, [k - 1 - lo for k, lo in zip(size, starts)])
    return lax.rev(flipped, (0, 1)).swapaxes(2, 3)


def _correlate(large, small, size, strides, starts):
    """c[t] = sum_i small[i] large[i s + t - start], [kh, kw, channels of large, channels of small].

    A batch is summed in chunks: sums over fewer images at once stay in the cache (1.5 times faster). Chunks
    are strided slices: a batch sharded over devices stays where it is.
    """
    pads = tuple(
        (start, (m - 1) * s + k - n - start)
        for n, m, k, s, start in zip(large.shape[1:3], small.shape[1:3], size, strides, starts)
    )
    if large.shape[3] == 1:
        return _correlate_patches(large, small, size, strides, pads)
    batch = chunk = large.shape[0]
    image = max(large[:1].size, small[:1].size)
    enough = max(CHUNK // large.dtype.itemsize, math.prod(size) * large.shape[3] * small.shape[3])
    while chunk % 2 == 0 and chunk > 8 and chunk * image > enough:
        chunk //= 2
    if chunk == batch:
        return _correlate_canonically(large, small, strides, pads)
    large, small = (a.reshape(chunk, batch // chunk, *a.shape[1:]) for a in (large, small))

    def part(i):
        one, other = (lax.dynamic_index_in_dim(a, i, axis=1, keepdims=False) for a in (large, small))
        return _correlate_canonically(one, other, strides, pads)

    return lax.map(part, jnp.arange(batch // chunk)).sum(0)


def _correlate_canonically(large, small, strides, pads):
    """Channels of large are the batch, images the channels, small is the kernel, dilated by s."""
    large, small = large.transpose(3, 1, 2, 0), small.transpose(1, 2, 0, 3)
    return _plain(large, small, (1, 1), (1, 1), pads, spread=strides).transpose(1, 2, 0, 3)


def _correlate_patches(large, small, size, strides, pads):
    """One matrix product, because patches of one channel are small: large is [N, H, W, 1]."""
    large = _pad(large, pads)
    (rows, columns), (down, right) = small.shape[1:3], strides
    taps = [
        large[:, i : i + (rows - 1) * down + 1 : down, j : j + (columns - 1) * right + 1 : right]
        for i, j in product(range(size[0]), range(size[1]))
    ]
    sums = jnp.einsum("nhwt,nhwo->to", jnp.concatenate(taps, 3), small)
    return sums.reshape(*size, 1, small.shape[3])
