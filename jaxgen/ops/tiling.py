"""The gradient of an objective in a large image, tile by tile, so that a network's activations are those of one tile.

The tiles' seams are hidden by a random shift of the image before each gradient, by tiles that overlap, or by both:

    rolled_gradient(functools.partial(tiled_gradient, value_and_grad, tile=512), image, key)

`value_and_grad` is a function of an image to (value [], gradient), as `jax.value_and_grad` makes it.

image    [..., H, W, C]
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

ValueAndGrad = Callable[[jax.Array], tuple[jax.Array, jax.Array]]


def rolled_gradient(
    value_and_grad: ValueAndGrad, image: jax.Array, key: jax.Array, most: int | None = None
) -> tuple[jax.Array, jax.Array]:
    """Value [] and gradient [..., H, W, C] of the image rolled by a random shift; the gradient is rolled back.

    DeepDream's jitter (Mordvintsev et al. 2015, https://research.google/blog/inceptionism-going-deeper-into-neural-networks):
    what a network's borders, strides and tiles do to a gradient falls on other pixels each time.

    Args:
        value_and_grad: of the image; it may be `tiled_gradient` of another function.
        image: [..., H, W, C]; opposite borders meet.
        key: for the shift.
        most: pixels each way, in both axes independently; None: all shifts are equally likely.
    """
    row_key, column_key = jax.random.split(key)
    shifts = []
    for axis_key, size in ((row_key, image.shape[-3]), (column_key, image.shape[-2])):
        low, high = (0, size) if most is None else (-most, most + 1)
        shifts.append(jax.random.randint(axis_key, (), low, high, jnp.int32))
    shift = jnp.stack(shifts)
    value, gradient = value_and_grad(jnp.roll(image, shift, (-3, -2)))
    return value, jnp.roll(gradient, -shift, (-3, -2))


def tiled_gradient(
    value_and_grad: ValueAndGrad, image: jax.Array, tile: int | tuple[int, int], margin: int = 0
) -> tuple[jax.Array, jax.Array]:
    """The mean [] of the tiles' values and their gradients put together, [..., H, W, C].

    All tiles have the same size, lie within the image, and go through one compiled function in turn. Each pixel takes
    its gradient from one tile: of two that overlap, each keeps what is further than `margin` from its edge, up to the
    image's own borders. The last tile of a row or column is moved inwards and keeps what the one before does not.

    The gradient of a SUM over activations is the untiled one if `margin` is at least the receptive field of an
    activation less one, and the tiles begin at multiples of the network's stride: it divides `tile - 2 margin` and, for
    the last tile, the side of the image less `tile`. That of a mean is as many times larger as a tile has fewer
    activations than the image.

    Args:
        value_and_grad: of a tile [..., h, w, C].
        image: [..., H, W, C].
        tile: side h = w, or sides (h, w), in pixels; a side that the image does not have is the image's.
        margin: pixels next to a tile's edge whose gradient is not used where another tile has them.

    Raises:
        ValueError: the margins leave nothing of a tile that is smaller than the image.
    """
    sides = (tile, tile) if isinstance(tile, int) else tile
    height, width = (min(side, size) for side, size in zip(sides, image.shape[-3:-1]))
    rows, columns = (_intervals(*each, margin) for each in zip(image.shape[-3:-1], (height, width)))
    places = jnp.asarray([[*row, *column] for row in rows for column in columns], jnp.int32)
    leading, channels = image.shape[:-3], image.shape[-1]

    def add(gradient, place):
        top, first_row, left, first_column = place
        zero = jnp.zeros((), jnp.int32)
        start = (*[zero] * len(leading), top, left, zero)
        cut = lambda x: jax.lax.dynamic_slice(x, start, (*leading, height, width, channels))
        value, slope = value_and_grad(cut(image))
        row, column = (first + jnp.arange(side, dtype=jnp.int32) for first, side in ((top, height), (left, width)))
        # What lies beyond a tile's end is overwritten by those that follow.
        kept = (row >= first_row)[:, None, None] & (column >= first_column)[None, :, None]
        kept = jnp.broadcast_to(kept, slope.shape)
        return jax.lax.dynamic_update_slice(gradient, jnp.where(kept, slope, cut(gradient)), start), value

    gradient, values = jax.lax.scan(add, jnp.zeros_like(image), places)
    return values.mean(), gradient


def _intervals(size, side, margin):
    """(start, first pixel that it keeps) of all tiles along an axis; each keeps up to the first of the next."""
    if side == size:
        return [(0, 0)]
    step = side - 2 * margin
    if margin < 0 or step < 1:
        raise ValueError(f"margins of {margin} leave nothing of tiles of {side} pixels")
    starts = [*range(0, size - side, step), size - side]
    return list(zip(starts, [0, *(start + side - margin for start in starts[:-1])]))
