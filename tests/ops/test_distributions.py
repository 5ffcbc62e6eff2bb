"""Densities and divergences against closed forms, scipy and Monte Carlo."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxgen.ops import distributions as d

KEY = jax.random.key(0)


def test_kl_against_monte_carlo():
    """E_q log q - log p over 400,000 draws, within five standard errors."""
    rng = np.random.default_rng(0)
    mean, log_var = rng.normal(size=4), rng.normal(size=4)
    sigma = np.exp(log_var / 2)
    z = mean + sigma * rng.normal(size=(400_000, 4))
    draws = (stats.norm.logpdf(z, mean, sigma) - stats.norm.logpdf(z)).sum(-1)
    exact = float(d.kl_standard_normal(jnp.asarray(mean), jnp.asarray(log_var)))
    error = draws.std() / np.sqrt(len(draws))
    assert error < 0.02
    assert abs(exact - draws.mean()) < 5 * error


def test_likelihoods_against_scipy():
    rng = np.random.default_rng(1)
    logits, mean = rng.normal(size=(2, 5)).astype(np.float32), rng.normal(size=(2, 5)).astype(np.float32)
    x, grey = rng.integers(0, 2, (2, 5)).astype(np.float32), rng.random((2, 5)).astype(np.float32)
    p = 1 / (1 + np.exp(-logits.astype(float)))
    np.testing.assert_allclose(d.bernoulli_log_likelihood(logits, x), stats.bernoulli.logpmf(x, p).sum(-1), rtol=1e-5)
    cross = grey * np.log(p) + (1 - grey) * np.log(1 - p)
    np.testing.assert_allclose(d.bernoulli_log_likelihood(logits, grey), cross.sum(-1), rtol=1e-5)
    normal = stats.norm.logpdf(x, mean, np.exp(-0.7)).sum(-1)
    np.testing.assert_allclose(d.normal_log_likelihood(mean, jnp.float32(-0.7), x), normal, rtol=1e-5)


@pytest.mark.parametrize("logit", [-200.0, -30.0, 0.0, 30.0, 200.0])
def test_bernoulli_stays_finite_far_out(logit):
    value, slope = jax.value_and_grad(lambda at: d.bernoulli_log_likelihood(at[None], jnp.ones(1)))(jnp.float32(logit))
    assert float(value) == pytest.approx(-max(0.0, -logit) - np.log1p(np.exp(-abs(logit))), rel=1e-5)
    assert float(slope) == pytest.approx(1 / (1 + np.exp(min(logit, 80.0))), abs=1e-6)


@pytest.mark.ci
def test_reparameterised_draws_have_their_moments_and_gradients():
    mean, log_var = jnp.array([1.0, -2.0]), jnp.array([0.0, 1.5])
    z = jax.vmap(lambda key: d.reparameterise(jax.random.normal(key, mean.shape), mean, log_var))(
        jax.random.split(KEY, 100_000)
    )
    np.testing.assert_allclose(z.mean(0), mean, atol=0.03)
    np.testing.assert_allclose(z.var(0), jnp.exp(log_var), rtol=0.03)
    noise = jax.random.normal(KEY, mean.shape)
    by_mean, by_log_var = jax.grad(lambda m, v: d.reparameterise(noise, m, v).sum(), argnums=(0, 1))(mean, log_var)
    np.testing.assert_allclose(by_mean, 1.0)
    np.testing.assert_allclose(by_log_var, 0.5 * (d.reparameterise(noise, mean, log_var) - mean), rtol=1e-5)
