"""Correlations of two batches of images: what a convolution's weight gradient is, in layouts that are fast on CPU.

N images of H by W with I and O channels; per axis: k the size of the kernel, s the stride. Derivation: `ops.conv`.
"""

import math
from itertools import product

import jax.numpy as jnp
from jax import lax

CHUNK = 2**20  # bytes of images in one product of a weight gradient: see `correlate`


def plain_conv(x, kernel, strides, dilation, pads, spread=(1, 1)):
    """XLA's convolution, NHWC and HWIO, of x dilated by `dilation` with the kernel spread by `spread`."""
    if min(*pads[0], *pads[1]) < 0:
        # jax 0.10.2 on CPU reads outside x where a side is padded by less than nothing: crop it here instead.
        x, dilation, pads = _pad(x, pads, dilation), (1, 1), ((0, 0), (0, 0))
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, strides, pads, dilation, spread, layout)


def _pad(x, pads, dilation=(1, 1)):
    (top, bottom), (left, right) = pads
    sides = [(0, 0, 0), (top, bottom, dilation[0] - 1), (left, right, dilation[1] - 1), (0, 0, 0)]
    return lax.pad(x, jnp.zeros((), x.dtype), sides)


def correlate(large, small, size, strides, starts):
    """c[t] = sum_i small[i] large[i s + t - start], [kh, kw, channels of large, channels of small].

    A batch is summed in chunks: sums over fewer images at once are faster (medians on the 64-channel layer in the
    docstring of `ops.conv`, same machine and date: 13.2 ms instead of 15.5, over two host devices 7.8, not 9.9).
    Chunks are strided slices: a batch sharded over devices stays where it is.
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
    return plain_conv(large, small, (1, 1), (1, 1), pads, spread=strides).transpose(1, 2, 0, 3)


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
