"""Densities against scipy, their integral, draws at both ends of the temperature, and extremes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from jaxgen.ops import mixtures
from jaxgen.ops.mixtures import Mixture

M = 3


def drawn(seed=0, *shape):
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(*shape, 6 * M)) * 1.5
    return raw


def test_the_density_is_scipys_in_double_precision():
    rng, raw = np.random.default_rng(1), drawn()
    points = rng.normal(size=(1000, 2)) * 3
    with jax.enable_x64(True):
        of = jax.jit(mixtures.mixture)(jnp.asarray(raw, jnp.float64))
        ours = np.asarray(jax.jit(jax.vmap(mixtures.log_density, (None, 0)))(of, jnp.asarray(points, jnp.float64)))
    weight, mean, log_sigma, rho = map(np.asarray, of)
    assert np.exp(weight).sum() == pytest.approx(1)
    expected = 0.0
    for n in range(M):
        s = np.exp(log_sigma[n])
        covariance = np.array([[s[0] ** 2, rho[n] * s[0] * s[1]], [rho[n] * s[0] * s[1], s[1] ** 2]])
        expected = expected + np.exp(weight[n]) * multivariate_normal(mean[n], covariance).pdf(points)
    np.testing.assert_allclose(ours, np.log(expected), rtol=1e-10)


def test_the_density_integrates_to_one():
    of = mixtures.mixture(jnp.asarray(0.3 * drawn(2), jnp.float32))
    edge = np.linspace(-12, 12, 601)
    grid = jnp.asarray(np.stack(np.meshgrid(edge, edge), -1).reshape(-1, 2), jnp.float32)
    density = jax.jit(jax.vmap(mixtures.log_density, (None, 0)))(of, grid)
    assert float(jnp.exp(density).sum()) * (edge[1] - edge[0]) ** 2 == pytest.approx(1, abs=1e-3)


def test_extremes_stay_finite_with_their_gradients():
    raw = jnp.asarray(np.random.default_rng(3).choice([-1e6, -30.0, 0.0, 30.0, 1e6], size=(200, 6 * M)), jnp.float32)
    points = jnp.asarray(np.random.default_rng(4).choice([-60.0, 0.0, 60.0], size=(200, 2)), jnp.float32)
    loss = lambda raw: mixtures.log_density(mixtures.mixture(raw), points).sum()
    value, gradient = jax.jit(jax.value_and_grad(loss))(raw)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_draws_have_the_mixtures_moments_and_freeze():
    of = Mixture(
        jnp.log(jnp.array([0.2, 0.8])),
        jnp.array([[4.0, 0.0], [-1.0, 2.0]]),
        jnp.log(jnp.array([[0.5, 1.0], [1.0, 2.0]])),
        jnp.array([0.0, 0.8]),
    )
    keys = jax.random.split(jax.random.key(0), 40_000)
    draws = jax.jit(jax.vmap(mixtures.draw, (0, None, None)))
    warm = np.asarray(draws(keys, of, 1.0))
    mean = 0.2 * np.array([4.0, 0.0]) + 0.8 * np.array([-1.0, 2.0])
    np.testing.assert_allclose(warm.mean(0), mean, atol=0.05)
    near = warm[np.abs(warm[:, 0] + 1) < 2.5]  # nearly all of the second component alone
    assert np.corrcoef(near.T)[0, 1] == pytest.approx(0.8, abs=0.05)
    cold = np.asarray(draws(keys[:50], of, 0.0))
    np.testing.assert_array_equal(cold, np.tile([[-1.0, 2.0]], (50, 1)))
    cool = np.asarray(draws(keys, of, 0.25))
    assert np.std(cool[:, 1]) == pytest.approx(1.0, abs=0.1)  # 2 sqrt(0.25), the first component being rare: 0.2^4
