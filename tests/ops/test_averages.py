"""Exponential moving averages against a loop."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.ops.averages import decayed, ramped


def test_averages_are_those_of_a_loop():
    """The first decays are 1/10, 2/11, ... with the ramp, which ends where (1 + t) / (10 + t) is over 0.4."""
    values = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    step = lambda average, each: (decayed(average, {"a": each[1]}, ramped(0.4, each[0])), None)
    found, _ = jax.jit(lambda v: jax.lax.scan(step, {"a": jnp.zeros(3)}, (jnp.arange(12), v)))(values)
    expected = np.zeros(3)
    for t, value in enumerate(values):
        decay = [1 / 10, 2 / 11, 3 / 12, 4 / 13, 5 / 14, 6 / 15][t] if t < 6 else 0.4
        expected = decay * expected + (1 - decay) * value
    np.testing.assert_allclose(found["a"], expected, rtol=1e-5)
