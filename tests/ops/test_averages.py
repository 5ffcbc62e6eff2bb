"""Exponential moving averages against a loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops.averages import decayed, half_life, ramped


def test_averages_are_those_of_a_loop():
    """The first decays are 1/10, 2/11, ... with the ramp, which ends where (1 + t) / (10 + t) is over 0.4."""
    values = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    step = lambda average, each: (decayed(average, {"a": each[1]}, ramped(0.4, each[0])), None)
    found, _ = jax.jit(lambda v: jax.lax.scan(step, {"a": jnp.zeros(3)}, (jnp.arange(12), v)))(values)
    expected, plain = np.zeros(3), np.zeros(3)
    for t, value in enumerate(values):
        decay = [1 / 10, 2 / 11, 3 / 12, 4 / 13, 5 / 14, 6 / 15][t] if t < 6 else 0.4
        expected = decay * expected + (1 - decay) * value
    np.testing.assert_allclose(found["a"], expected, rtol=1e-5)
    decay = half_life(1000, 50)  # 20 steps
    for _ in range(20):
        plain = decayed(plain, np.ones(3), decay)
    np.testing.assert_allclose(plain, 0.5, rtol=1e-6)
    assert half_life(0, 50) == 0.0
    with pytest.raises(ValueError, match="a half-life of -1 images"):
        half_life(-1, 50)
