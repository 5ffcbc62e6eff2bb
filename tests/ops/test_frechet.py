"""The Frechet distance against scipy's root of a matrix and closed forms; streamed moments against one pass."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from jaxgen.ops import frechet

distance = jax.jit(frechet.frechet_distance)


@jax.jit
def streamed(x, mask):
    """Moments of [T, B, F], B at a time."""
    return jax.lax.scan(
        lambda moments, batch: (frechet.add(moments, *batch), None), frechet.start(x.shape[-1]), (x, mask)
    )[0]


def statistics(rank, seed, features=24):
    """Mean and covariance of 200 features that lie in a subspace of `rank` dimensions."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, rank)) @ rng.normal(size=(rank, features)) + rng.normal(size=features)[None]
    return x.mean(axis=0), np.cov(x, rowvar=False)


@pytest.mark.parametrize("rank", [24, 6])
def test_the_distance_against_scipy(rank):
    (mean_a, cov_a), (mean_b, cov_b) = statistics(rank, 0), statistics(24, 1)
    root = scipy.linalg.sqrtm(cov_a @ cov_b).real
    expected = np.sum((mean_a - mean_b) ** 2) + np.trace(cov_a + cov_b - 2 * root)
    args = mean_a, cov_a, mean_b, cov_b
    assert frechet.frechet_distance(*args) == pytest.approx(expected, rel=1e-5)
    assert frechet.frechet_distance(*args[2:], *args[:2]) == pytest.approx(expected, rel=1e-5)
    single = [jnp.float32(each) for each in args]
    assert float(distance(*single)) == pytest.approx(expected, rel=3e-4)  # root of a singular one
    assert abs(float(distance(*single[:2], *single[:2]))) < 1e-5 * np.trace(cov_a)


def test_gaussians_in_closed_form():
    """N(0, I) and N(m, s^2 I) are |m|^2 + F (1 - s)^2 apart."""
    mean, scale, features = np.linspace(-1, 2, 7), 1.5, 7
    args = np.zeros(features), np.eye(features), mean, scale**2 * np.eye(features)
    expected = np.sum(mean**2) + features * (1 - scale) ** 2
    assert frechet.frechet_distance(*args) == pytest.approx(expected)
    assert float(distance(*map(jnp.float32, args))) == pytest.approx(expected, rel=1e-5)


def test_streamed_moments_equal_one_pass():
    """In float32 far from 0, with ragged masks, vmapped; and numpy's in float64."""
    rng = np.random.default_rng(0)
    x = (1000.0 + rng.normal(size=(2, 7, 16, 5)) @ rng.normal(size=(5, 5))).astype(np.float32)
    mask = np.arange(16)[None, None] < rng.integers(0, 17, (2, 7))[..., None]
    mask[:, 2] = False  # a batch without samples
    spoilt = np.where(mask[..., None], x, np.float32(np.nan))
    found = jax.vmap(streamed)(spoilt, mask)
    exact, parts = [], []
    for run in range(2):
        kept = np.float64(x[run][mask[run]])
        whole = frechet.start(5, np)
        for batch, present in zip(spoilt[run], mask[run]):
            whole = frechet.add(whole, batch, present)
        assert found.samples[run] == whole.samples == len(kept)
        np.testing.assert_allclose(whole.mean, kept.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(whole.scatter / (len(kept) - 1), np.cov(kept, rowvar=False), rtol=1e-9)
        np.testing.assert_allclose(found.mean[run], whole.mean, rtol=1e-6)
        np.testing.assert_allclose(found.scatter[run], whole.scatter, atol=1e-4 * np.trace(whole.scatter))
        exact.append(whole)
        parts += [kept.mean(axis=0), np.cov(kept, rowvar=False)]
    assert frechet.distance_of(*exact) == pytest.approx(frechet.frechet_distance(*parts))
    apart = jax.jit(frechet.distance_of)(*(jax.tree.map(lambda leaf, run=run: leaf[run], found) for run in range(2)))
    assert float(apart) == pytest.approx(frechet.distance_of(*exact), rel=1e-2)
    assert np.isnan(jax.jit(frechet.distance_of)(frechet.start(5), frechet.start(5)))


@pytest.mark.ci
def test_what_has_no_distance_is_refused():
    some = frechet.batch_moments(np.eye(3), np.ones(3, bool))
    for few in (frechet.start(3, np), frechet.batch_moments(np.eye(3), np.arange(3) < 1)):
        with pytest.raises(ValueError, match="at least 2 samples"):
            frechet.distance_of(some, few)
    with pytest.raises(ValueError, match="expected a mean"):
        frechet.distance_of(some, frechet.batch_moments(np.eye(4), np.ones(4, bool)))
    with pytest.raises(ValueError, match="expected features"):
        frechet.batch_moments(np.eye(3), np.ones(2, bool))
