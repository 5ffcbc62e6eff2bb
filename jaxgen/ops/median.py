"""Median filters of images: what removes single wrong pixels without any training."""

from typing import Literal

import jax
import jax.numpy as jnp

BORDERS = {"edge": "edge", "mirrored": "symmetric"}  # as jnp.pad calls them


def median_filter(x: jax.Array, side: int = 3, border: Literal["edge", "mirrored"] = "edge") -> jax.Array:
    """Each value of images [..., H, W, C] replaced by the median of the square around it, channel by channel.

    Args:
        x: images.
        side: of the square, odd.
        border: what stands beyond the image: its outermost pixels, or the image mirrored at its edge with the outermost
            pixels repeated: `nearest` and `reflect` of scipy.ndimage.median_filter.

    Raises:
        ValueError: the side is even, or larger than the image allows.
    """
    half, (height, width) = side // 2, x.shape[-3:-1]
    if side < 1 or side % 2 == 0 or half > min(height, width):
        raise ValueError(f"the side of a median filter of {height} x {width} pixels is odd and fits them, not {side}")
    around = jnp.pad(x, [(0, 0)] * (x.ndim - 3) + [(half, half)] * 2 + [(0, 0)], mode=BORDERS[border])
    starts = [(row, column) for row in range(side) for column in range(side)]
    moved = [around[..., row : row + height, column : column + width, :] for row, column in starts]
    return jnp.sort(jnp.stack(moved), axis=0)[len(moved) // 2]
