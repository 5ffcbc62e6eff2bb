"""Images as arrays: conversion of pixels, and grids."""

import jax
import jax.numpy as jnp
import numpy as np


def to_unit(image: jax.Array) -> jax.Array:
    """Pixels of any shape in [0, 1]: uint8 divided by 255 as float32, other dtypes unchanged."""
    return image.astype(jnp.float32) / 255.0 if image.dtype == jnp.uint8 else image


def speckled(key: jax.Array, *shape: int) -> jax.Array:
    """Black pixels of that shape, uint8, of which three of ten are white: images for examples of batches."""
    return 255 * jax.random.bernoulli(key, 0.3, shape).astype(jnp.uint8)


def tile(images, columns: int, padding: int = 1, background: float = 0.5):
    """Images [N, H, W, C] in rows of `columns`, left to right: [rows H + gaps, columns W + gaps, C].

    uint8, or float in [0, 1]; the dtype and the kind of array (numpy or JAX) are kept. `padding` pixels of
    `background` (0 black, 1 white, for uint8 too) lie between images, not around them; unused cells have that colour.

    Raises:
        ValueError: there are no images, or columns or padding are too small.
    """
    if images.ndim != 4 or images.shape[0] == 0 or columns < 1 or padding < 0:
        raise ValueError(
            f"expected images [N >= 1, H, W, C], columns >= 1 and padding >= 0, found {images.shape}, "
            f"{columns} and {padding}"
        )
    xp = jnp if isinstance(images, jax.Array) else np
    fill = round(255 * background) if images.dtype == np.uint8 else background
    count, height, width, channels = images.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    gaps = ((0, rows * columns - count), (0, padding), (0, padding), (0, 0))
    cells = xp.pad(images, gaps, constant_values=fill)
    cells = cells.reshape(rows, columns, height + padding, width + padding, channels)
    grid = cells.transpose(0, 2, 1, 3, 4).reshape(rows * (height + padding), columns * (width + padding), channels)
    return grid[: grid.shape[0] - padding, : grid.shape[1] - padding]


def signed(image: jax.Array) -> jax.Array:
    """Pixels, uint8 or in [0, 1], to [-1, 1], where tanh ends."""
    return 2.0 * to_unit(image) - 1.0


def unsigned(x: jax.Array) -> jax.Array:
    """[-1, 1] to [0, 1]."""
    return 0.5 * (x + 1.0)
