"""Squares of images: what of the image they are."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.data.images.crops import cropped, squares


def numbered(height, width):
    """An image whose first two channels are the row and column of each pixel."""
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    return np.stack([rows, columns, 0 * rows], -1).astype(np.uint8)


def test_squares_lie_side_by_side_about_the_middle():
    parts = squares(numbered(11, 17), 5)
    assert parts.shape == (6, 5, 5, 3)
    np.testing.assert_array_equal(parts[:, 0, 0, :2], [[0, 1], [0, 6], [0, 11], [5, 1], [5, 6], [5, 11]])
    np.testing.assert_array_equal(parts[4], numbered(11, 17)[5:10, 6:11])
    assert squares(numbered(4, 9), 5).shape == (0, 5, 5, 3)


def test_crops_are_squares_anywhere_and_mirrored_half_of_the_time():
    batch = {"image": jnp.asarray(np.stack([numbered(6, 9).reshape(-1)] * 200)), "network": jnp.ones(())}
    crops = jax.jit(cropped((6, 9, 3), 4, True))(batch, jax.random.key(0))
    assert crops["network"] is not None
    pixels = np.asarray(crops["image"]).astype(int)
    assert pixels.shape == (200, 4, 4, 3)
    np.testing.assert_array_equal(np.diff(pixels[..., 0], axis=1), 1)
    right = np.diff(pixels[..., 1], axis=2)[:, 0, 0]
    assert set(right) == {-1, 1}
    assert 70 < (right == 1).sum() < 130
    assert {tuple(corner) for corner in pixels[:, :, :, :2].min((1, 2))} == {(r, c) for r in range(3) for c in range(6)}


def test_an_evaluation_reads_the_middle():
    batch = {"image": jnp.asarray(numbered(7, 9).reshape(1, -1))}
    crops = jax.jit(cropped((7, 9, 3), 4, False))(batch, jax.random.key(0))
    np.testing.assert_array_equal(crops["image"][0], numbered(7, 9)[1:5, 2:6])
