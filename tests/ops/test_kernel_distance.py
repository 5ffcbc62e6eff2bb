"""Distances by pairs against loops, and their expectations in closed form."""

import jax
import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from jaxgen.ops import kernel_distance as kernel_distances
from jaxgen.ops.kernel_distance import energy_distance, kernel_distance, squared_mmd

energy = jax.jit(energy_distance, static_argnames="chunk")


def loop(x, y, similarity):
    """Mean similarity of different rows within x and within y, minus twice that between them."""

    def within(a):
        return np.mean([similarity(p, q) for n, p in enumerate(a) for m, q in enumerate(a) if n != m])

    return within(x) + within(y) - 2 * np.mean([similarity(p, q) for p in x for q in y])


def test_both_distances_against_loops():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(13, 4)), 0.5 + rng.normal(size=(9, 4))
    assert squared_mmd(x, y) == pytest.approx(loop(x, y, lambda p, q: (p @ q / 4 + 1) ** 3))
    expected = loop(x, y, lambda p, q: -np.sqrt(np.sum((p - q) ** 2)))
    for chunk in (0, 5):
        assert float(energy(x, y, chunk=chunk)) == pytest.approx(expected, rel=1e-5)
    filled = np.concatenate([x, np.full((3, 4), np.nan)]), np.concatenate([np.full((2, 4), 7.0), y])
    masks = np.arange(16) < 13, np.arange(11) >= 2
    assert float(energy(*filled, *masks)) == pytest.approx(expected, rel=1e-5)
    assert np.isnan(energy(x, y, np.arange(13) < 1))


def test_images_of_many_pixels_are_compared_row_by_row(monkeypatch):
    """As many as fit in BYTES, and at least one."""
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    expected, sizes, loop_over = float(energy_distance(x, x + 1)), [], jax.lax.map

    def noted(function, rows, batch_size):
        sizes.append(batch_size)
        return loop_over(function, rows, batch_size=batch_size)

    monkeypatch.setattr(jax.lax, "map", noted)
    for bytes_ in (1, 4 * 5 * 3 * 2):
        monkeypatch.setattr(kernel_distances, "BYTES", bytes_)
        assert float(energy_distance(x, x + 1)) == pytest.approx(expected, rel=1e-5)
    assert sizes == [1, 1, 1, 2, 2, 2]


def test_kernel_distance_in_expectation():
    """x ~ N(0, 1) and y = c: E k is 1 + 3 E(xx')^2 = 4 within x, (c^2 + 1)^3 within y, 1 + 3 c^2 between."""
    x = np.random.default_rng(0).normal(size=(3000, 1))
    y = np.full((200, 1), 0.5, np.float32)
    expected = 4 + 1.25**3 - 2 * (1 + 3 * 0.25)
    found = kernel_distance(x, y, jax.random.key(0), subsets=30, size=500)
    assert abs(found.value - expected) < 4 * found.error
    assert 0 < found.error < 0.1
    assert found == kernel_distance(x, y, jax.random.key(0), subsets=30, size=500)
    whole = kernel_distance(x[:150], y, jax.random.key(1), subsets=2)
    assert whole.value == pytest.approx(squared_mmd(x[:150], np.float64(y[:150])))  # all of the smaller set, once each
    assert whole.error < 1e-12


def test_energy_distance_in_expectation():
    """Of N(0, 1) and N(m, 1), as quantiles: |X - Y| is a folded normal of variance 2."""
    x = np.float32(ndtri((np.arange(500) + 0.5) / 500))[:, None]
    folded = lambda m: 2 / np.sqrt(np.pi) * np.exp(-(m**2) / 4) + m * (1 - 2 * ndtr(-m / np.sqrt(2)))
    assert float(energy(x, x + 2)) == pytest.approx(2 * folded(2) - 2 * folded(0), abs=0.01)
    # Of a set and itself, whose pairs with themselves are left out on one side alone.
    assert float(energy(x, x)) == pytest.approx(-2 * folded(0) / 499, rel=0.01)


@pytest.mark.ci
def test_sets_that_cannot_be_compared_are_refused():
    for x, y in (((1, 3), (5, 3)), ((5, 3), (5, 2)), ((5,), (5,))):
        for measure in (energy_distance, lambda x, y: kernel_distance(x, y, jax.random.key(0))):
            with pytest.raises(ValueError, match="2 or more samples"):
                measure(np.zeros(x), np.zeros(y))
    with pytest.raises(ValueError, match="at least 2 subsets"):
        kernel_distance(np.eye(3), np.eye(3), jax.random.key(0), subsets=1)
