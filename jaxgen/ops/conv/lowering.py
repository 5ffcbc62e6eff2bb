"""Lowering of convolutions and their gradients: in layouts that are fast on CPU, by XLA's own elsewhere.

Names and formulas as in `primitives`. XLA's CPU backend has one fast layout, NHWC with an HWIO kernel; everything here
is written as convolutions or matrix products in it, with explicit transposes. Weight gradient of a 3x3 transposed
convolution, stride 2, x [128, 14, 14, 64] to 32 channels: `lax` 158 ms, 733 in a scan; here 6.8 in a scan. A 3x3
convolution of the same x to 64 channels: 16 and 1,130 against 12. Measured by jitting the gradient alone, minimum of 3
or 5 calls (1 for `lax` in a scan), 2 shared cores of an AMD EPYC, jax 0.10.2, 2026-11-20.
"""

import math
from itertools import product

import jax
import jax.numpy as jnp
from jax import lax

from jaxgen.ops.conv import winograd
from jaxgen.ops.conv.plain import Window, fast, pad, plain, sizes

FEW = 16  # output channels below which `by_phase` is no faster for a transposed convolution
CHUNK = 2**20  # bytes of images in one product of a weight gradient: see `correlate`


def convolve_by_xla(x, kernel, window):
    """`convolve` by XLA's own convolution, S > 1 of them as its groups."""
    count, n, height, width, _ = x.shape
    if count == 1:
        return plain(x[0], kernel[0], window)[None]
    x, kernel = x.transpose(1, 2, 3, 0, 4), kernel.transpose(1, 2, 3, 0, 4)
    x, kernel = x.reshape(n, height, width, -1), kernel.reshape(*kernel.shape[:3], -1)
    y = plain(x, kernel, window, count)
    return y.reshape(*y.shape[:3], count, -1).transpose(3, 0, 1, 2, 4)


def kernel_gradient_by_xla(x, dy, window, size):
    """`kernel_gradient` by the transpose rule of lax's own convolution."""
    like = jax.ShapeDtypeStruct((x.shape[0], *size, x.shape[4], dy.shape[4]), x.dtype)
    return jax.linear_transpose(lambda kernel: convolve_by_xla(x, kernel, window), like)(dy)[0]


def _one_by_one(function, by_xla):
    """The lowering that computes S convolutions one after the other by `function`, and depthwise ones by XLA at once.

    XLA's own gradients of groups are slow: that of the kernel, 3x3 of [32, 14, 14, 64] in 16 groups, takes 934 ms and
    here 14 (minimum of 4 calls; 2 busy cores of an AMD EPYC, jax 0.10.2, 2026-11-21).
    """

    def mapped(x, other, **params):
        if len(x) > 1 and x.shape[-1] == other.shape[-1] == 1:
            return by_xla(x, other, **params)
        one = lambda both: function(*both, **params)
        return one((x[0], other[0]))[None] if len(x) == 1 else lax.map(one, (x, other))

    return mapped


def _convolve(x, kernel, window):
    """x [N, H, W, I], kernel [kh, kw, I, O] to [N, H', W', O]."""
    size = kernel.shape[:2]
    outputs = (len(x), *sizes(x.shape[1:3], size, window), kernel.shape[3])
    if winograd.pays(x, outputs, size, window):
        return winograd.convolve(x, kernel, window.pads)
    many = window.dilation != (1, 1) and kernel.shape[3] >= FEW
    return by_phase(x, kernel, window) if many else fast(x, kernel, window)


def by_phase(x, kernel, window):
    """`plain` for s = 1 without products with the zeros between pixels (sub-pixel convolution, arXiv:1609.05158).

    Outputs o = p d + r of one phase r depend only on the taps t with r + t e - lo divisible by d, which are
    d / gcd(d, e) apart, and there z[o + t e - lo] is x[p + (r + t e - lo) / d]: a plain convolution with those taps.
    """
    _, dilation, spread, pads = window
    totals = sizes(x.shape[1:3], kernel.shape[:2], window)
    counts = [-(-m // d) for m, d in zip(totals, dilation)]  # outputs of a phase; surplus is cropped below
    phases = []
    for n, k, d, e, (lo, _), count in zip(x.shape[1:3], kernel.shape, dilation, spread, pads, counts):
        step = d // math.gcd(d, e)
        taps = [[t for t in range(k) if (r + t * e - lo) % d == 0] for r in range(d)]
        befores = [(lo - r - (ts[0] if ts else 0) * e) // d for r, ts in enumerate(taps)]
        reach = [max(len(ts) - 1, 0) * (step * e // d) for ts in taps]
        afters = [count + far - n - before for far, before in zip(reach, befores)]
        cuts = [slice(ts[0], None, step) if ts else slice(0, 0) for ts in taps]
        phases.append([(cut, (b, a), step * e // d) for cut, b, a in zip(cuts, befores, afters)])
    shape = (x.shape[0], *counts, kernel.shape[3])
    images = []
    for (top, vertical, down), (left, horizontal, right) in product(*phases):
        part = kernel[top, left]  # empty where the stride exceeds the kernel
        phase = Window((1, 1), (1, 1), (down, right), (vertical, horizontal))
        images.append(fast(x, part, phase) if part.size else jnp.zeros(shape, x.dtype))
    across = [jnp.stack(images[i : i + dilation[1]], 3) for i in range(0, len(images), dilation[1])]
    y = jnp.stack(across, 2).reshape(shape[0], counts[0] * dilation[0], counts[1] * dilation[1], shape[3])
    return y[:, : totals[0], : totals[1]]


def _kernel_gradient(x, dy, window, size):
    """dk[t] = sum_o dy[o] z[o s + t e - lo], a correlation of z [N, H, W, I] with dy [N, H', W', O].

    A dilated z would be slow. Summed over the pixels of x, where o = i d - t e + lo, it is a correlation of dy
    with x: dk[k - 1 - u] = sum_i x[i] dy[i d + u e - ((k - 1) e - lo)], with I and O exchanged and dk flipped.
    For s = d = 1 both forms hold, and the faster one slides over the image with fewer channels (7x7 of [20, 32, 32,
    256] to 3: 84 ms in the first form, 9 in the second).
    """
    if winograd.pays(x, dy.shape, size, window) and winograd.fits(x, dy):
        return winograd.kernel_gradient(x, dy, window.pads, size)
    dtype, wide = x.dtype, jnp.promote_types(x.dtype, jnp.float32)
    x, dy = x.astype(wide), dy.astype(wide)  # sums of bfloat16 would be rounded chunk by chunk
    strides, dilation, spread, pads = window
    starts = [lo for lo, _ in pads]
    if dilation == (1, 1) and (strides != (1, 1) or dy.shape[3] >= x.shape[3]):
        return correlate(x, dy, size, strides, spread, starts).astype(dtype)
    starts = [(k - 1) * e - lo for k, e, lo in zip(size, spread, starts)]
    flipped = correlate(dy, x, size, dilation, spread, starts)
    return lax.rev(flipped, (0, 1)).swapaxes(2, 3).astype(dtype)


def correlate(large, small, size, strides, spread, starts):
    """c[t] = sum_i small[i] large[i s + t e - start], [kh, kw, channels of large, channels of small].

    A batch is summed in chunks, because sums over fewer images at once are faster (13.2 ms instead of 15.5 on the layer
    of 64 channels above). Chunks are strided slices, so that a batch sharded over devices is not moved between them.
    """
    pads = tuple(
        (start, (m - 1) * s + (k - 1) * e + 1 - n - start)
        for n, m, k, s, e, start in zip(large.shape[1:3], small.shape[1:3], size, strides, spread, starts)
    )
    if large.shape[3] == 1:
        return _correlate_patches(large, small, size, strides, spread, pads)
    batch = chunk = large.shape[0]
    image = max(large[:1].size, small[:1].size)
    enough = max(CHUNK // large.dtype.itemsize, math.prod(size) * large.shape[3] * small.shape[3])
    while chunk % 2 == 0 and chunk > 8 and chunk * image > enough:
        chunk //= 2
    if chunk == batch:
        return _correlate_canonically(large, small, strides, spread, pads)
    large, small = (a.reshape(chunk, batch // chunk, *a.shape[1:]) for a in (large, small))

    def part(i):
        one, other = (lax.dynamic_index_in_dim(a, i, axis=1, keepdims=False) for a in (large, small))
        return _correlate_canonically(one, other, strides, spread, pads)

    return lax.map(part, jnp.arange(batch // chunk)).sum(0)


def _correlate_canonically(large, small, strides, spread, pads):
    """`correlate` as a convolution: large's channels are the batch, images the channels, small is the kernel."""
    large, small = large.transpose(3, 1, 2, 0), small.transpose(1, 2, 0, 3)
    return plain(large, small, Window(spread, (1, 1), strides, pads)).transpose(1, 2, 0, 3)


def _correlate_patches(large, small, size, strides, spread, pads):
    """`correlate` of large [N, H, W, 1] as one matrix product with its patches, which are small for one channel."""
    large = pad(large, pads)
    (rows, columns), (down, right) = small.shape[1:3], strides
    taps = [
        large[:, i : i + (rows - 1) * down + 1 : down, j : j + (columns - 1) * right + 1 : right]
        for i, j in product(*(range(0, k * e, e) for k, e in zip(size, spread)))
    ]
    sums = jnp.einsum("nhwt,nhwo->to", jnp.concatenate(taps, 3), small)
    return sums.reshape(*size, 1, small.shape[3])


convolve_on_cpu = _one_by_one(_convolve, convolve_by_xla)
kernel_gradient_on_cpu = _one_by_one(_kernel_gradient, kernel_gradient_by_xla)
