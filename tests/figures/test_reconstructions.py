"""The pictures of an autoencoder."""

import numpy as np

from jaxgen.figures import reconstructions
from jaxgen.figures.latents import below_each


def test_filters_are_scaled_one_by_one():
    kernel = np.float32([[0.0, 2.0, 0.0], [1e-3, -1.0, 0.0], [-5e-4, 0.0, 0.0]])
    expected = [[0.5, 1.0, 0.25], [1.0, 0.25, 0.5], [0.5, 0.5, 0.5]]  # the last one is blank
    np.testing.assert_allclose(reconstructions.filters(kernel), expected, rtol=1e-6)
    assert reconstructions.filters(np.ones((4, 130), np.float32)).shape == (reconstructions.FILTERS, 4)


def test_the_plane_runs_from_left_to_right_and_from_the_top():
    codes = np.stack(np.meshgrid(np.linspace(-1, 3, 101), np.linspace(10, 20, 101)), -1).reshape(-1, 2)
    points = reconstructions.plane(codes).reshape(reconstructions.SIDE, reconstructions.SIDE, 2)
    assert (np.diff(points[..., 0], axis=1) > 0).all()
    assert (np.diff(points[..., 1], axis=0) < 0).all()
    np.testing.assert_allclose(points[[0, -1], [0, -1]], [[-0.92, 19.8], [2.92, 10.2]], atol=1e-5)


def test_three_sets_of_images_stand_below_each_other():
    first = np.arange(5, dtype=np.float32)[:, None]
    rows = below_each(3, first, first + 10, first + 20).reshape(6, 3)
    expected = [[0, 1, 2], [10, 11, 12], [20, 21, 22], [3, 4, 0.5], [13, 14, 0.5], [23, 24, 0.5]]
    np.testing.assert_array_equal(rows, expected)
