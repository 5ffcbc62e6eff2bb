"""Schedules by their definition; factories by name."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.types import Refused
from jaxgen.optim.schedules import SCHEDULES, burda, cooled
from jaxgen.optim.textbook import OPTIMIZERS, chosen


def test_burdas_rates():
    """10^(-i / 7) for 3^i passes, i = 0 to 7, and then the last one; here an epoch has 4 updates."""
    passes = np.concatenate([np.full(3**i, 10 ** (-i / 7)) for i in range(8)])
    assert len(passes) == 3280
    found = jax.jit(jax.vmap(burda(4)))(jnp.arange(4 * 3280))
    np.testing.assert_allclose(found, np.repeat(passes, 4), rtol=1e-6)
    assert float(burda(4)(jnp.int32(10**6))) == pytest.approx(0.1)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_optimiser_follows_every_schedule(name, schedule):
    """One update late in training is the first update times the schedule's factor then."""
    optimizer = chosen(name, schedule=schedule, epoch=2)(0.1)
    params = jnp.ones(3)
    first = optimizer.init(params)
    late = jax.tree_util.tree_map_with_path(
        lambda path, leaf: jnp.int32(100) if getattr(path[-1], "name", "") == "updates" else leaf, first
    )
    updates = [optimizer.update(jnp.array([1.0, -2.0, 3.0]), state, params)[0] for state in (first, late)]
    factor = float(SCHEDULES[schedule](2)(jnp.int32(100)))
    assert (factor < 0.5) is (schedule == "burda")
    np.testing.assert_allclose(updates[1], factor * updates[0], rtol=1e-5)


def test_a_cooldown_is_a_line_to_zero():
    schedule = cooled(burda(4), 0.25, 400)
    found = jax.vmap(schedule)(jnp.arange(500))
    plain = jax.vmap(burda(4))(jnp.arange(500))
    line = np.concatenate([np.ones(300), np.linspace(1, 0, 101), np.zeros(99)])
    np.testing.assert_allclose(found, plain * line, atol=1e-6)
    assert cooled(burda, 0.0, 400) is burda


def test_epsilon_goes_to_whom_it_concerns():
    for name, factory in OPTIMIZERS.items():
        if "eps" in inspect.signature(factory).parameters:
            small, large = (chosen(name, epsilon)(0.1) for epsilon in (None, 10.0))
            moves = [optimizer.update(jnp.ones(1), optimizer.init(jnp.ones(1)))[0] for optimizer in (small, large)]
            assert abs(float(moves[1][0])) < 0.2 * abs(float(moves[0][0]))
        else:
            with pytest.raises(Refused, match=f"{name} does not"):
                chosen(name, 1e-4)
