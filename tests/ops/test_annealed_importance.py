"""Partition functions of small machines against enumeration."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops import annealed_importance, boltzmann
from jaxgen.ops.annealed_importance import base_bias, temperatures
from jaxgen.ops.boltzmann import Units

from .test_boltzmann import machine, settings


def test_exact_partition_function_is_the_sum_over_visible_units():
    wide = boltzmann.Machine(
        *(jnp.asarray(np.random.default_rng(0).normal(size=s), jnp.float32) for s in ((4, 12), (4,), (12,)))
    )
    for m in (machine(), wide):  # in one block, and in four
        expected = jax.nn.logsumexp(-boltzmann.free_energy(Units(), m, settings(4)))
        np.testing.assert_allclose(annealed_importance.exact(m), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="up to 2 hidden units, not 3"):
        annealed_importance.exact(machine(), most=2)


def test_both_directions_of_annealing_estimate_it():
    m = machine(1)
    p = jax.nn.softmax(-boltzmann.free_energy(Units(), m, settings(4)))
    samples = settings(4)[jax.random.choice(jax.random.key(1), 16, (400,), p=p)]
    base, betas = base_bias(p @ settings(4)), jnp.asarray(temperatures(200))
    up = jax.jit(lambda key: annealed_importance.upwards(m, base, key, betas, 400))(jax.random.key(2))
    down = jax.jit(lambda key: annealed_importance.downwards(m, base, key, betas, samples))(jax.random.key(3))
    for estimate in (up, down):
        assert 0 < estimate.error < 0.02
        assert abs(estimate.log_z - annealed_importance.exact(m)) < 4 * estimate.error
        assert estimate.log_weights.shape == (400,)


def test_temperatures_rise_from_0_to_1_as_in_the_paper():
    betas = temperatures(14_501)
    assert (betas[0], betas[-1]) == (0, 1)
    assert (np.diff(betas) > 0).all()
    assert [int((betas <= end).sum()) for end in (0.5, 0.9)] == [501, 4501]
    with pytest.raises(ValueError, match="at least two"):
        temperatures(1)


def test_pseudo_likelihood_is_the_sum_of_conditionals():
    m, x = machine(2), settings(4)
    compiled = jax.jit(annealed_importance.pseudo_log_likelihood, static_argnums=0)
    pseudo = lambda *positions: np.asarray(compiled(Units(), m, x, np.tile(np.array(positions)[:, None], 16)))
    logs = -np.asarray(boltzmann.free_energy(Units(), m, x))
    expected = np.zeros(16)
    for d in range(4):
        flipped = logs[np.arange(16) ^ 1 << 3 - d]
        expected += logs - np.logaddexp(logs, flipped)
    np.testing.assert_allclose(pseudo(0, 1, 2, 3), expected, atol=1e-5)
    np.testing.assert_allclose((pseudo(0, 2) + pseudo(1, 3)) / 2, expected, atol=1e-5)
