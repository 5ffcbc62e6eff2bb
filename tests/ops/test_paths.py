"""Ways through a latent space."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from jaxgen.ops.paths import quantile_grid, spherical, straight

A, B = jax.random.normal(jax.random.key(0), (2, 64))


def test_quantile_grid_against_scipy():
    grid = np.asarray(quantile_grid(15)).reshape(15, 15, 2)
    expected = norm.ppf(np.linspace(0.05, 0.95, 15))
    for row in range(15):
        np.testing.assert_allclose(grid[row, :, 0], expected, atol=1e-5)
        np.testing.assert_allclose(grid[:, row, 1], expected[::-1], atol=1e-5)


@pytest.mark.ci
def test_both_ways_end_where_they_should():
    for way in (straight, spherical):
        points = way(A, B, 9)
        assert points.shape == (9, 64)
        np.testing.assert_allclose(points[0], A, atol=1e-5)
        np.testing.assert_allclose(points[-1], B, atol=1e-5)


@pytest.mark.ci
def test_the_arc_keeps_its_length_and_its_speed():
    a, b = A / jnp.linalg.norm(A), B / jnp.linalg.norm(B)
    arc = spherical(a, b, 9)
    np.testing.assert_allclose(jnp.linalg.norm(arc, axis=1), 1.0, atol=1e-5)
    angles = jnp.arccos(jnp.sum(arc[1:] * arc[:-1], axis=1))
    np.testing.assert_allclose(angles, angles[0], atol=1e-3)
    assert float(jnp.linalg.norm(straight(a, b, 9), axis=1).min()) < 0.9


@pytest.mark.ci
def test_without_an_arc_the_way_is_straight():
    for other in (A, 2 * A, -A, jnp.zeros(64)):
        np.testing.assert_allclose(spherical(A, other, 5), straight(A, other, 5), atol=1e-5)
