"""The K-sample bound and the estimate of log p(x), on a linear Gaussian model whose likelihood is known."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear import linear_gaussian

from jaxgen.core.evaluation import evaluate
from jaxgen.core.types import Holdout, Refused
from jaxgen.ops import importance
from jaxgen.ops.distributions import normal_log_likelihood
from jaxgen.techniques.autoencoders import vae

KEY = jax.random.key(0)
SMALL = vae.Config(shape=(4, 4, 1), latent=2, hidden=8)


def weights(key, samples, shift=0.4, scale=1.8):
    """log w [K, 50] of the linear model, from a diagonal posterior that is moved and widened."""
    w, b, sigma, x, _, mean, covariance = linear_gaussian()
    mean = jnp.asarray(mean + shift, jnp.float32)
    log_var = jnp.broadcast_to(jnp.log(scale * jnp.asarray(np.diag(covariance), jnp.float32))[None], mean.shape)
    noise = jax.random.normal(key, (samples, *mean.shape))
    z = mean[None] + jnp.exp(0.5 * log_var)[None] * noise
    out = z @ jnp.asarray(w.T, jnp.float32) + jnp.asarray(b, jnp.float32)[None, None]
    likelihood = normal_log_likelihood(out, jnp.float32(np.log(sigma)), jnp.asarray(x, jnp.float32)[None])
    return likelihood + importance.log_ratio(z, noise, log_var[None])


draw = jax.jit(weights, static_argnums=1)


@pytest.mark.ci
def test_the_bound_is_monotone_in_k_and_ends_at_the_likelihood():
    """Means over 20,000 weights an image: L_1 < L_2 < L_5 < L_50 < log p(x), and then log p(x)."""
    exact = linear_gaussian()[4]
    drawn = draw(KEY, 20_000)

    @jax.jit
    def bounds(drawn):
        return [jax.vmap(importance.bound)(drawn.reshape(-1, k, drawn.shape[-1])).mean(0) for k in (1, 2, 5, 50)]

    means = [np.asarray(mean) for mean in bounds(drawn)]
    gaps = exact - np.array(means)
    assert (gaps > -0.05).all()  # 50 samples: 400 draws of the bound an image
    assert (np.diff(gaps.mean(1)) < -0.005).all(), gaps.mean(1)
    assert gaps[0].mean() > 0.2, "a posterior so good shows nothing"
    np.testing.assert_allclose(importance.bound(drawn), exact, atol=0.05)


@pytest.mark.ci
@pytest.mark.parametrize(("samples", "at_once"), [(20_000, 700), (1000, 1000), (1, 7), (10, 3)])
def test_portions_agree_with_float64_over_all_at_once(samples, at_once):
    """Also where the last portion is not whole; 700 does not divide 20,000."""
    estimate = jax.jit(
        lambda key: importance.sampled_log_likelihood(lambda k: weights(k, at_once), key, samples, at_once)
    )(KEY)
    keys = [jax.random.fold_in(KEY, n) for n in range(-(-samples // at_once))]
    all_of_them = np.concatenate([np.asarray(draw(key, at_once), np.float64) for key in keys])[:samples]
    peak = all_of_them.max(0)
    expected = peak + np.log(np.exp(all_of_them - peak).mean(0))
    np.testing.assert_allclose(estimate, expected, rtol=2e-6)
    if samples >= 1000:
        np.testing.assert_allclose(estimate, linear_gaussian()[4], atol=0.2)


@pytest.mark.parametrize("offset", [-1e4, -200.0, 0.0, 1e4])
def test_nothing_under_or_overflows(offset):
    logs = np.random.default_rng(0).normal(0, 30, (500, 3)) + offset
    estimate = importance.sampled_log_likelihood(lambda key: jnp.asarray(logs, jnp.float32), KEY, 500, 500)
    np.testing.assert_allclose(estimate, np.logaddexp.reduce(logs) - np.log(500), rtol=1e-5, atol=1e-4)


@pytest.mark.ci
def test_memory_does_not_grow_with_the_samples():
    def compiled(samples):
        estimate = lambda key: importance.sampled_log_likelihood(lambda k: weights(k, 100), key, samples, 100)
        return jax.jit(estimate).lower(KEY).compile().memory_analysis().temp_size_in_bytes

    assert compiled(100_000) <= 1.1 * compiled(1000)


def test_the_ratio_of_the_densities():
    """log N(z; 0, I) - log N(z; mean, var), against the formulas."""
    rng = np.random.default_rng(0)
    mean, log_var, noise = rng.normal(size=(3, 4)).astype(np.float32)
    z = mean + np.exp(0.5 * log_var) * noise
    prior = normal_log_likelihood(jnp.zeros(4), jnp.float32(0), z)
    posterior = normal_log_likelihood(mean, 0.5 * log_var, z)
    assert float(importance.log_ratio(z, noise, log_var)) == pytest.approx(float(prior - posterior), abs=1e-5)


@pytest.mark.ci
def test_gradients_of_the_bound_are_unbiased_under_reparameterisation():
    """The gradient of L_1 by autodiff, averaged, is that of the ELBO whose KL is exact."""
    config = dataclasses.replace(SMALL, likelihood="greyscale")
    params = jax.jit(vae.make(config).init)(KEY).params
    x = jax.random.uniform(KEY, (2, 16))
    _, terms = vae.bounds(config)
    slope = jax.jit(
        lambda objective: jax.grad(lambda p: objective(terms(p, KEY, x, 5000)).mean())(params), static_argnums=0
    )
    sampled = slope(lambda terms: -(terms.log_likelihood + terms.log_ratio).mean(0))
    for a, b in zip(jax.tree.leaves(sampled), jax.tree.leaves(slope(vae.negative_elbo)), strict=True):
        np.testing.assert_allclose(a, b, atol=0.05)


@pytest.mark.slow
def test_the_estimate_of_a_networks_likelihood():
    """Whatever the portions; below the negative ELBO; masked images do not count; named by binarisation and samples."""
    config = dataclasses.replace(SMALL, likelihood="static", importance_samples=3000)
    technique, fold = vae.make(config), vae.log_likelihood(config)
    state, images = jax.jit(technique.init)(KEY), technique.example(KEY)
    half = lambda arrays, n: (arrays, jnp.arange(8) < 4)
    measure = lambda fold, images: evaluate(fold, state, Holdout(images, half, 1), KEY)
    (name, meaning), (nll,) = next(iter(fold.definitions.items())), measure(fold, images).values()
    assert name == "nll_static"
    assert "3,000 importance samples" in meaning
    assert "static binarisation" in meaning
    assert measure(fold, {"image": images["image"].at[4:].set(255)}) == {name: nll}
    assert 0 < nll.value < measure(technique.evaluate, images)["negative_elbo_static"].value + 0.05
    # By brute force: p(x) as the mean of p(x | z) over draws from the prior.
    net, _ = vae.bounds(config)
    x = vae.target(config, KEY, images["image"][:4])[1]
    z = jax.random.normal(KEY, (100_000, 2))
    logits = net.apply({"params": state.params}, z, method="decode")
    log_p = vae.LIKELIHOODS["static"].log_prob(logits[:, None], None, x[None])
    assert nll.value == pytest.approx(-float(importance.bound(log_p).mean()), abs=0.05)


def test_what_is_no_density_has_no_likelihood():
    with pytest.raises(Refused, match="--likelihood=greyscale is no density"):
        vae.make(dataclasses.replace(SMALL, likelihood="greyscale", importance_samples=10))
