"""Pooling without overlap."""

import jax
import jax.numpy as jnp


@jax.custom_jvp
def max_pool(x: jax.Array) -> jax.Array:
    """The largest of each square of 2x2 pixels: [..., H, W, C] to [..., H // 2, W // 2, C].

    A row and a column that are left over are cut off, as `flax.linen.max_pool` does. Of equal maxima the first has
    the gradient. It is taken from a choice among the four and not by comparing them with their maximum, as `jnp.max`
    does: XLA may compute x a second time in the backward pass, rounded otherwise, and then nothing equals the maximum
    (jax 0.10.2 on CPU: 0 / 0). And not from a window, whose gradient is slow there: see `python -m benchmarks
    --only=guards`.
    """
    return _squares(x).max((-4, -2))


@max_pool.defjvp
def _tangent(primals, tangents):
    (x,), (dx,) = primals, tangents
    height, width = (size - size % 2 for size in x.shape[-3:-1])
    # Of x and not of its squares: jax 0.12.0.1 on CPU writes the result over squares that it has still to read.
    a, b, c, d = (x[..., i:height:2, j:width:2, :] for i in (0, 1) for j in (0, 1))
    upper, lower = b > a, d > c  # whether the right one of two is larger
    down = jnp.where(lower, d, c) > jnp.where(upper, b, a)
    right = jnp.where(down, lower, upper)
    both = lambda chosen, axis: jnp.stack([~chosen, chosen], axis)
    rows, columns = (jnp.expand_dims(both(down, -3), -2), jnp.expand_dims(both(right, -2), -4))
    return max_pool(x), jnp.where(rows & columns, _squares(dx), 0).sum((-4, -2))


def _squares(x):
    """[..., H // 2, 2, W // 2, 2, C]."""
    *batch, height, width, channels = x.shape
    x = x[..., : height - height % 2, : width - width % 2, :]
    return x.reshape(*batch, height // 2, 2, width // 2, 2, channels)
