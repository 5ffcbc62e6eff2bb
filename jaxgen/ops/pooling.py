"""Pooling without overlap."""

import jax
import jax.numpy as jnp


@jax.custom_jvp
def max_pool(x: jax.Array) -> jax.Array:
    """The largest of each square of 2x2 pixels: [..., H, W, C] to [..., H // 2, W // 2, C].

    An odd last row or column is cut off, as by `flax.linen.max_pool`. Of equal maxima the first receives the gradient.
    The derivative selects one of the four pixels instead of comparing them with their maximum, as `jnp.max` does: XLA
    may recompute x in the backward pass with other rounding, and then no pixel equals the maximum (jax 0.10.2 on CPU:
    0 / 0). `lax.reduce_window` is not used, because its gradient is slow on CPU (`python -m benchmarks --only=guards`).
    """
    return _squares(x).max((-4, -2))


@max_pool.defjvp
def _tangent(primals, tangents):
    (x,), (dx,) = primals, tangents
    height, width = (size - size % 2 for size in x.shape[-3:-1])
    # Slices of x and not of its squares: jax 0.12.0.1 on CPU overwrites squares that it has yet to read.
    a, b, c, d = (x[..., i:height:2, j:width:2, :] for i in (0, 1) for j in (0, 1))
    upper, lower = b > a, d > c  # whether the right pixel of a pair is larger
    down = jnp.where(lower, d, c) > jnp.where(upper, b, a)
    right = jnp.where(down, lower, upper)
    masks = lambda second, axis: jnp.stack([~second, second], axis)
    rows, columns = (jnp.expand_dims(masks(down, -3), -2), jnp.expand_dims(masks(right, -2), -4))
    return max_pool(x), jnp.where(rows & columns, _squares(dx), 0).sum((-4, -2))


def _squares(x):
    """x [..., H, W, C] cut in squares: [..., H // 2, 2, W // 2, 2, C]."""
    *batch, height, width, channels = x.shape
    x = x[..., : height - height % 2, : width - width % 2, :]
    return x.reshape(*batch, height // 2, 2, width // 2, 2, channels)
