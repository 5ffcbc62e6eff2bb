"""Squares of images: all of those that lie side by side in one, and one of each image of a batch.

N, B    images        H, W    of an image
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def squares(image: np.ndarray, side: int) -> np.ndarray:
    """The squares [n, side, side, 3] of an image [H, W, 3], in rows about its middle, without overlap; n may be 0."""
    rows, columns = (length // side for length in image.shape[:2])
    top, left = ((length - count * side) // 2 for length, count in zip(image.shape[:2], (rows, columns)))
    inner = image[top : top + rows * side, left : left + columns * side]
    apart = inner.reshape(rows, side, columns, side, image.shape[2]).swapaxes(1, 2)
    return apart.reshape(rows * columns, side, side, image.shape[2])


@functools.cache
def cropped(shape: tuple[int, int, int], side: int, drawn: bool) -> Callable[[Mapping[str, Any], jax.Array], Any]:
    """(batch, key) -> the batch, of whose `image` [B, H * W * C] a square [B, side, side, C] is left.

    Args:
        shape: H, W, C of an image.
        side: of the square, pixels.
        drawn: anywhere, and mirrored half of the time; otherwise the middle.
    """
    height, width, channels = shape
    room = (height - side, width - side)

    def crop(image, key):
        place_key, mirror_key = jax.random.split(key)
        image = image.reshape(shape)
        if not drawn:
            top, left = (each // 2 for each in room)
            return image[top : top + side, left : left + side]
        corner = jax.random.randint(place_key, (2,), 0, jnp.array(room, jnp.int32) + 1, jnp.int32)
        square = jax.lax.dynamic_slice(image, (corner[0], corner[1], jnp.zeros((), jnp.int32)), (side, side, channels))
        return jnp.where(jax.random.bernoulli(mirror_key), square[:, ::-1], square)

    def crops(batch, key):
        images = batch["image"]
        return {**batch, "image": jax.vmap(crop)(images, jax.random.split(key, len(images)))}

    return crops
