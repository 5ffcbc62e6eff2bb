"""Unpooling: the way back from squares of 2x2 pixels, with the places of their maxima (switches) or without.

The switch of a square says which of its pixels is the largest; unpooling by switches puts a value there and 0 elsewhere
(Zeiler, Taylor & Fergus 2011, https://doi.org/10.1109/ICCV.2011.6126474). At fixed switches s pooling is the linear map
P_s, which selects pixels, and unpooling its transpose: <P_s x, y> = <x, P_s^T y>, and P_s P_s^T = 1.
"""

import jax
import jax.numpy as jnp
from jax import lax

from jaxgen.ops.pooling import max_pool, place_of_maximum


def max_pool_with_switches(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Pools x [..., H, W, C] to the maxima of its squares and their switches, both [..., H // 2, W // 2, C].

    A switch is 2 i + j, int32, for the pixel in row i and column j of the square; of equal maxima it names the first.
    An odd last row or column is cut off. Maxima and their derivative are those of `pooling.max_pool`.
    """
    down, right = place_of_maximum(x)
    return max_pool(x), 2 * down.astype(jnp.int32) + right.astype(jnp.int32)


def unpool(y: jax.Array, switches: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Puts y [..., h, w, C] where `switches` [..., h, w, C] say, 0 elsewhere: [..., H, W, C].

    Args:
        y: values of squares.
        switches: as of `max_pool_with_switches`; no derivative is taken in them.
        size: H and W, each twice h or w, or one more: an odd last row or column, which pooling cuts off, is 0.

    Raises:
        ValueError: pooling does not make h x w of `size`.
    """
    # Squares are [..., h, 2, w, 2, C].
    pixels = jnp.arange(4, dtype=jnp.int32).reshape((1,) * (y.ndim - 2) + (2, 1, 2, 1))
    apart = lambda a: a[..., :, None, :, None, :]
    return _joined(jnp.where(apart(switches) == pixels, apart(y), 0), size)


def unpool_first(y: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Puts y [..., h, w, C] into the upper left pixels of squares, 0 elsewhere: [..., H, W, C]. See `unpool`."""
    return unpool(y, jnp.zeros(y.shape, jnp.int32), size)


def unpool_evenly(y: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Gives each pixel of a square a quarter of y [..., h, w, C], as `mean_pool` transposed does. See `unpool`."""
    quarter = y[..., :, None, :, None, :] / 4
    *batch, height, _, width, _, channels = quarter.shape
    return _joined(jnp.broadcast_to(quarter, (*batch, height, 2, width, 2, channels)), size)


def _joined(squares, size):
    """Squares [..., h, 2, w, 2, C] as images [..., H, W, C], `size` being (H, W)."""
    *batch, height, _, width, _, channels = squares.shape
    if (height, width) != (size[0] // 2, size[1] // 2):
        raise ValueError(
            f"pooling makes {size[0] // 2} x {size[1] // 2} of {size[0]} x {size[1]}, not {height} x {width}"
        )
    x = squares.reshape(*batch, 2 * height, 2 * width, channels)
    sides = [(0, 0, 0)] * len(batch) + [(0, size[0] % 2, 0), (0, size[1] % 2, 0), (0, 0, 0)]
    return lax.pad(x, jnp.zeros((), x.dtype), sides)
