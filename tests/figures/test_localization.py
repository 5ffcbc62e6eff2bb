"""The share of a map's mass on a half of the image."""

import numpy as np

from jaxgen.figures.localization import shares


def test_shares_of_a_map_by_hand():
    left = np.array([[3.0, 1.0, 0.0, 0.0], [2.0, 0.0, 2.0, 0.0]])  # 6 of 8 on the left half
    maps = np.stack([np.stack([left, left]), np.stack([left[:, ::-1], np.zeros_like(left)])])
    np.testing.assert_allclose(shares(maps), [[0.75, 0.25], [0.25, np.nan]])


def test_a_cell_in_the_middle_belongs_to_both_halves():
    maps = np.broadcast_to(np.array([1.0, 2.0, 5.0]), (1, 2, 2, 3))
    np.testing.assert_allclose(shares(maps), [[2 / 8, 6 / 8]])
