"""Pooling: of squares without overlap, and of 3x3 windows that overlap; gradients are fast on CPU too.

`lax.reduce_window` is not used, because the gradient of its maximum is slow on CPU: [1, 147, 147, 64] in 3x3 windows
27.0 ms, here 2.5 (minimum of 5 calls, 2 busy cores of an AMD EPYC, jax 0.10.2, 2026-11-29); of squares see
`python -m benchmarks --only=guards`.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


@jax.custom_jvp
def max_pool(x: jax.Array) -> jax.Array:
    """The largest of each square of 2x2 pixels: [..., H, W, C] to [..., H // 2, W // 2, C].

    An odd last row or column is cut off, as by `flax.linen.max_pool`. Of equal maxima the first receives the gradient.
    The derivative selects one of the four pixels instead of comparing them with their maximum, as `jnp.max` does: XLA
    may recompute x in the backward pass with other rounding, and then no pixel equals the maximum (jax 0.10.2 on CPU:
    0 / 0).
    """
    return _squares(x).max((-4, -2))


def place_of_maximum(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Whether the first of the largest of each square of x [..., H, W, C] is in its lower row, in its right column.

    Both are [..., H // 2, W // 2, C], bool.
    """
    height, width = (size - size % 2 for size in x.shape[-3:-1])
    # Slices of x and not of its squares: jax 0.12.0.1 on CPU overwrites squares that it has yet to read.
    a, b, c, d = (x[..., i:height:2, j:width:2, :] for i in (0, 1) for j in (0, 1))
    upper, lower = b > a, d > c  # whether the right pixel of a pair is larger
    down = jnp.where(lower, d, c) > jnp.where(upper, b, a)
    return down, jnp.where(down, lower, upper)


@max_pool.defjvp
def _tangent(primals, tangents):
    (x,), (dx,) = primals, tangents
    down, right = place_of_maximum(x)
    masks = lambda second, axis: jnp.stack([~second, second], axis)
    rows, columns = (jnp.expand_dims(masks(down, -3), -2), jnp.expand_dims(masks(right, -2), -4))
    return max_pool(x), jnp.where(rows & columns, _squares(dx), 0).sum((-4, -2))


def _squares(x):
    """x [..., H, W, C] cut in squares: [..., H // 2, 2, W // 2, 2, C]."""
    *batch, height, width, channels = x.shape
    x = x[..., : height - height % 2, : width - width % 2, :]
    return x.reshape(*batch, height // 2, 2, width // 2, 2, channels)


def overlapping_max_pool(x: jax.Array, ragged: bool = False) -> jax.Array:
    """The largest of 3x3 pixels, every second row and column: [..., H, W, C] to [..., (H - 1) // 2, (W - 1) // 2, C].

    An even H or W leaves a last row or column of pixels out; `ragged` windows (PyTorch's `ceil_mode`) include it:
    [..., H // 2, W // 2, C]. Of equal maxima the first receives the gradient, see `max_pool`. H and W are at least 3,
    with `ragged` 2.
    """
    if ragged:
        sides = [(0, 0, 0)] * (x.ndim - 3) + [(0, 1 - size % 2, 0) for size in x.shape[-3:-1]] + [(0, 0, 0)]
        x = lax.pad(x, jnp.array(-jnp.inf, x.dtype), sides)
    return _max_of_three(_max_of_three(x, x.ndim - 2), x.ndim - 3)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _max_of_three(x, axis):
    """The largest of entries 2 i, 2 i + 1 and 2 i + 2 along `axis`."""
    first, second, third = _three(x, axis, 2)
    return jnp.maximum(jnp.maximum(first, second), third)


@_max_of_three.defjvp
def _tangent_of_three(axis, primals, tangents):
    (x,), (dx,) = primals, tangents
    first, second, third = _three(x, axis, 2)
    # Pairs, whose gradient XLA writes side by side; that of strided slices took four times as long.
    sides = [(0, 0, 0)] * x.ndim
    sides[axis] = (0, x.shape[axis] % 2, 0)
    pairs = lax.pad(dx, jnp.zeros((), dx.dtype), sides)
    pairs = pairs.reshape(*x.shape[:axis], -1, 2, *x.shape[axis + 1 :])
    even, odd = (part.squeeze(axis + 1) for part in lax.split(pairs, (1, 1), axis + 1))
    count = first.shape[axis]
    dfirst, dsecond = (lax.slice_in_dim(part, 0, count, 1, axis) for part in (even, odd))
    dthird = lax.slice_in_dim(even, 1, 1 + count, 1, axis)
    slope = jnp.where(third > jnp.maximum(first, second), dthird, jnp.where(second > first, dsecond, dfirst))
    return _max_of_three(x, axis), slope


def overlapping_mean_pool(x: jax.Array, zeros: bool = False) -> jax.Array:
    """The mean of the 3x3 pixels around each: [..., H, W, C] to the same shape.

    At the border it is the mean of those that the image has; with `zeros` the others count as 0 (PyTorch's
    `count_include_pad`).
    """
    height, width = x.ndim - 3, x.ndim - 2
    for axis in (height, width):
        sides = [(0, 0, 0)] * x.ndim
        sides[axis] = (1, 1, 0)
        x = sum(_three(lax.pad(x, jnp.zeros((), x.dtype), sides), axis, 1))
    counts = [np.full(x.shape[axis], 3) if zeros else _present(x.shape[axis]) for axis in (height, width)]
    share = (1 / np.multiply.outer(*counts)).reshape((1,) * height + (x.shape[height], x.shape[width], 1))
    return x * jnp.asarray(share, x.dtype)


def mean_pool(x: jax.Array) -> jax.Array:
    """The mean of each square of 2x2 pixels: [..., H, W, C] to [..., H // 2, W // 2, C], cut as by `max_pool`."""
    return _squares(x).mean((-4, -2))


def strided_mean_pool(x: jax.Array, ragged: bool = False) -> jax.Array:
    """The mean of the windows of `overlapping_max_pool`; of a `ragged` window, of the pixels that the image has."""
    height, width = x.ndim - 3, x.ndim - 2
    for axis in (height, width):
        size = x.shape[axis]
        extra = ragged and size % 2 == 0
        if extra:
            last = lax.slice_in_dim(x, size - 2, size, axis=axis).mean(axis, keepdims=True)
            x = jnp.concatenate([x, last], axis)  # the mean of three, the third of which is the other two's mean
        x = sum(_three(x, axis, 2)) / 3
    return x


def _present(size):
    """How many of each entry and its two neighbours there are, in a row of `size`: [size]."""
    places = np.arange(size)
    return np.minimum(places + 1, size - 1) - np.maximum(places - 1, 0) + 1


def _three(x, axis, stride):
    """Three arrays, the n-th of which has the entries n, n + stride, ... along `axis`, as far as all three reach."""
    count = (x.shape[axis] - 3) // stride + 1
    return [lax.slice_in_dim(x, n, n + (count - 1) * stride + 1, stride, axis) for n in range(3)]
