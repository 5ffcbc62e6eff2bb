"""Borders: an image reflected in them, and images whose sizes a network of strides does not divide."""

import jax
import jax.numpy as jnp
from jax import lax

Pair = tuple[int, int]


def reflected(x: jax.Array, rows: Pair, columns: Pair) -> jax.Array:
    """x [..., H, W, C] with pixels before and after it, reflected in the border pixels, which are not repeated.

    As `jnp.pad` with mode "reflect".

    Raises:
        ValueError: as many pixels are to be added as an axis has, or more.
    """
    for axis, (before, after) in ((x.ndim - 3, rows), (x.ndim - 2, columns)):
        size = x.shape[axis]
        if max(before, after) >= size:
            raise ValueError(f"{size} pixels cannot be reflected to {before} before and {after} after them")
        first = lax.slice_in_dim(x, 1, before + 1, axis=axis)
        last = lax.slice_in_dim(x, size - 1 - after, size - 1, axis=axis)
        parts = [lax.rev(first, (axis,))] * (before > 0) + [x] + [lax.rev(last, (axis,))] * (after > 0)
        x = jnp.concatenate(parts, axis) if len(parts) > 1 else x
    return x


def to_multiple(x: jax.Array, divisor: int) -> jax.Array:
    """x [..., H, W, C] reflected below and to the right until the divisor divides both sides.

    Raises ValueError for images with fewer than `divisor` pixels a side.
    """
    height, width = x.shape[-3:-1]
    if min(height, width) < divisor:
        raise ValueError(f"expected at least {divisor} pixels a side, found {height} x {width}")
    return reflected(x, (0, -height % divisor), (0, -width % divisor))
