import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops.imaging import speckled, tile


def loop(images, columns, padding, fill):
    """The same grid, pixel by pixel."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    shape = rows * height + (rows - 1) * padding, columns * width + (columns - 1) * padding, channels
    grid = np.full(shape, fill, images.dtype)
    for n, image in enumerate(images):
        top, left = n // columns * (height + padding), n % columns * (width + padding)
        grid[top : top + height, left : left + width] = image
    return grid


@pytest.mark.parametrize("padding", [0, 1, 3])
@pytest.mark.parametrize("columns", [1, 3, 7])
def test_tile_equals_a_loop_over_pixels(columns, padding):
    images = np.random.default_rng(0).random((7, 4, 5, 3), np.float32)
    grid = tile(images, columns, padding, background=0.25)
    np.testing.assert_array_equal(grid, loop(images, columns, padding, 0.25))
    assert type(grid) is np.ndarray
    assert grid.dtype == np.float32


def test_bytes_stay_bytes_and_the_background_is_scaled():
    images = np.zeros((3, 2, 2, 1), np.uint8)
    grid = tile(images, 2, padding=1, background=1.0)
    assert grid.dtype == np.uint8
    assert grid.shape == (5, 5, 1)
    assert (grid[2] == 255).all()
    assert (grid[3:, 2:] == 255).all()  # the cell that is left over
    assert (grid[:2, :2] == 0).all()


def test_more_columns_than_images_leave_no_empty_cells():
    assert tile(np.zeros((2, 4, 4, 1)), 10, padding=1).shape == (4, 9, 1)


@pytest.mark.ci
def test_tile_is_pure_and_compiles():
    images = jax.random.uniform(jax.random.key(0), (5, 3, 3, 1))
    grid = jax.jit(tile, static_argnums=1)(images, 2)
    assert isinstance(grid, jax.Array)
    np.testing.assert_array_equal(grid, tile(np.asarray(images), 2))
    np.testing.assert_array_equal(grid, tile(jnp.asarray(images), 2))


@pytest.mark.ci
@pytest.mark.parametrize(
    ("shape", "columns", "padding"),
    [((0, 2, 2, 1), 2, 1), ((2, 2, 1), 2, 1), ((2, 2, 2, 1), 0, 1), ((2, 2, 2, 1), 2, -1)],
)
def test_what_cannot_be_tiled_is_named(shape, columns, padding):
    with pytest.raises(ValueError, match=r"expected images \[N >= 1, H, W, C\]"):
        tile(np.zeros(shape), columns, padding)


def test_speckled_images_are_black_and_white():
    image = np.asarray(speckled(jax.random.key(0), 30, 1000))
    assert image.dtype == np.uint8
    assert set(np.unique(image)) == {0, 255}
    assert abs((image > 0).mean() - 0.3) < 0.01
