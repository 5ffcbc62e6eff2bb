"""Sparse codes against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops import sparsity


def test_penalties_are_those_of_numpy():
    rng = np.random.default_rng(0)
    code, mean = rng.normal(size=(5, 7)).astype(np.float32), rng.uniform(0.05, 0.9, 7).astype(np.float32)
    np.testing.assert_allclose(sparsity.l1(code), np.abs(code).sum(1), rtol=1e-6)
    m = mean.astype(np.float64)
    expected = (0.2 * np.log(0.2 / m) + 0.8 * np.log(0.8 / (1 - m))).sum()
    value, slope = jax.value_and_grad(lambda mean: sparsity.kl_to_target(mean, 0.2))(jnp.asarray(mean))
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(slope, -0.2 / m + 0.8 / (1 - m), rtol=1e-5)
    assert sparsity.kl_to_target(jnp.full(3, 0.2), 0.2) == pytest.approx(0, abs=1e-6)
    assert np.isfinite(sparsity.kl_to_target(jnp.array([0.0, 1.0]), 0.2))
    with pytest.raises(ValueError, match="between 0 and 1, not 1"):
        sparsity.kl_to_target(jnp.full(3, 0.2), 1.0)


def test_exactly_the_k_largest_are_kept():
    """Of equal ones, those of lower index; gradients pass through these and no others."""
    rng = np.random.default_rng(1)
    code = rng.normal(size=(3, 4, 9)).astype(np.float32)
    code[0, 0], code[0, 1] = 1.0, np.repeat([2.0, 0.5, -1.0], 3)
    for k in (1, 4, 9):
        kept, backward = jax.vjp(lambda code, k=k: sparsity.largest(code, k), jnp.asarray(code))
        mask = np.zeros_like(code)
        np.put_along_axis(mask, np.argsort(-code, axis=-1, kind="stable")[..., :k], 1.0, axis=-1)
        np.testing.assert_array_equal(kept, np.where(mask, code, 0.0))
        np.testing.assert_array_equal(backward(jnp.ones_like(kept))[0], mask)
        assert (mask.sum(-1) == k).all()
    for k in (0, 10):
        with pytest.raises(ValueError, match=f"1 to 9 can be kept, not {k}"):
            sparsity.largest(jnp.asarray(code), k)
