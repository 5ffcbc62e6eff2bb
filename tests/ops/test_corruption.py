"""Corruptions: how much of an image they change, and to what."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxgen.ops.corruption import gaussian, masking, salt_and_pepper

GREY = jnp.full((200, 100), 0.5, jnp.float32)  # neither black nor white
KEYS = jax.random.split(jax.random.key(3), 3)


def test_shares_of_corrupted_values():
    """Chi-squared of the counts of black, white and unchanged values, over all and over rows."""
    for corrupt, key, shares in (
        (masking, KEYS[0], (0.3, 0.0, 0.7)),
        (salt_and_pepper, KEYS[1], (0.15, 0.15, 0.7)),
    ):
        x = np.asarray(jax.jit(lambda key, corrupt=corrupt: corrupt(key, GREY, 0.3))(key))
        counts = np.array([(x == value).sum(1) for value in (0.0, 1.0, 0.5)])
        assert counts.sum() == x.size
        possible = np.array(shares) > 0
        assert not counts[~possible].any()
        assert stats.chisquare(counts.sum(1)[possible], x.size * np.array(shares)[possible]).pvalue > 1e-3
        # Of independent values, the rows' counts of changed ones are binomial: their variance is 100 * 0.3 * 0.7.
        spread = 199 * counts[2].var(ddof=1) / (100 * 0.3 * 0.7)
        assert 1e-3 < stats.chi2(199).cdf(spread) < 1 - 1e-3


def test_rates_of_0_and_1():
    for corrupt in (masking, salt_and_pepper):
        np.testing.assert_array_equal(corrupt(KEYS[0], GREY, 0.0), GREY)
        assert not (np.asarray(corrupt(KEYS[0], GREY, 1.0)) == 0.5).any()
        for rate in (1.1, -0.1):
            with pytest.raises(ValueError, match=r"between 0 and 1, not"):
                corrupt(KEYS[0], GREY, rate)


def test_moments_of_gaussian_noise():
    """Within four standard errors of normal ones; another key gives other noise."""
    noise = np.asarray(gaussian(KEYS[2], GREY, 0.2) - GREY).ravel() / 0.2
    count = noise.size
    for moment, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((noise**moment).mean() - expected) < 4 * np.sqrt(variance / count)
    assert abs(np.corrcoef(noise, np.asarray(gaussian(KEYS[1], GREY, 0.2) - GREY).ravel())[0, 1]) < 4 / np.sqrt(count)
    with pytest.raises(ValueError, match="at least 0, not -1"):
        gaussian(KEYS[0], GREY, -1)
