"""Modes counted by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops.modes import class_coverage, coverage_of, grid_centres, mode_counts, mode_coverage, ring_centres

covered = jax.jit(mode_coverage, static_argnames=("sigma", "share", "within"))


def test_centres():
    ring = np.asarray(ring_centres())
    apart = np.linalg.norm(ring[:, None] - ring[None], axis=-1)
    assert ring.shape == (8, 2)
    np.testing.assert_allclose(np.linalg.norm(ring, axis=1), 2.0, rtol=1e-6)
    np.testing.assert_allclose(np.sort(apart, axis=1)[:, 1:3], 4 * np.sin(np.pi / 8), rtol=1e-5)  # two neighbours each
    grid = np.asarray(grid_centres())
    assert {tuple(each) for each in grid.tolist()} == {(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)}


def test_modes_of_a_mixture_by_hand():
    """Of 40 samples a mode needs 2 good ones for a share of 5 %."""
    centres, sigma = ring_centres(), 0.02
    off = centres[:, None] + jnp.array([0.99, 1.01])[None, :, None] * jnp.array([4 * sigma, 0.0])[None, None]
    inside, outside = off[:, 0], off[:, 1]
    rows = [inside[0]] * 20 + [inside[1]] * 2 + [inside[2]] + [outside[2]] * 9 + [outside[3]] * 7
    samples = jnp.stack([*rows, jnp.full(2, jnp.nan)])
    found = covered(samples, centres, sigma=sigma)
    assert found["modes"] == 2
    assert float(found["good"]) == pytest.approx(23 / 40)
    assert covered(samples, centres, sigma=sigma, share=1 / 40)["modes"] == 3
    wider = covered(samples, centres, sigma=sigma, within=5.0)
    assert wider["modes"] == 4
    assert float(wider["good"]) == pytest.approx(39 / 40)


def test_counts_of_parts_add_up():
    centres = ring_centres()
    samples = jnp.asarray(np.repeat(centres, 3, axis=0), jnp.float32)
    parts = [mode_counts(samples, centres, 0.02, mask=jnp.arange(24) % 2 == n) for n in range(2)]
    assert (parts[0] + parts[1]).tolist() == [3] * 8
    assert coverage_of(parts[0], 12, share=2 / 12)["modes"] == 4


def test_classes_by_hand():
    found = jax.jit(class_coverage)(jnp.array([5, 5, 0, 10]))
    assert found["modes"] == 3
    assert float(found["kl"]) == pytest.approx(np.log(4) - 1.5 * np.log(2), rel=1e-5)
    assert float(class_coverage(jnp.full(1000, 3))["kl"]) == pytest.approx(0.0, abs=1e-5)
    with pytest.raises(ValueError, match="found"):
        mode_coverage(jnp.zeros((4, 3)), ring_centres(), 0.02)
