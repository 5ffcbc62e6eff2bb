"""Learning rates in an optimiser's state, averages of parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toys

from jaxgen.core.progress import Policy, adapt, begin_progress, rates, scale_rates
from jaxgen.core.types import State
from jaxgen.optim.textbook import sgd


def test_rates_have_names_and_are_all_cut():
    one = toys.mean_of(3, rate=0.5)
    key = jax.random.key(0)
    assert {k: float(v) for k, v in rates(one.init(key).opt).items()} == {"rate": 0.5}
    state = one.init(key)._replace(opt={"generator": one.init(key).opt, "critic": {"rate": jnp.float32(0.25)}})
    names = rates(state.opt)
    assert sorted(float(v) for v in names.values()) == [0.25, 0.5]
    assert {name.split(".")[0] for name in names} == {"rate generator", "rate critic"}
    halved = rates(scale_rates(state, jnp.float32(0.5)).opt)
    assert {k: float(v) for k, v in halved.items()} == {k: float(v) / 2 for k, v in names.items()}


def test_the_rate_that_is_shown_is_the_scheduled_one():
    optimizer = sgd(0.5, schedule=lambda count: 1.0 / (1 + count))
    opt = optimizer.init(jnp.ones(3))
    for expected in (0.5, 0.25, 0.5 / 3):
        _, opt = optimizer.update(jnp.ones(3), opt)
        assert float(rates(opt)["rate"]) == pytest.approx(expected)
    assert float(opt.rate) == 0.5


def cuts(objectives, policy):
    """What the rate is multiplied by after each evaluation, in plain Python."""
    best, stalled, scale, found = np.inf, 0, 1.0, []
    for objective in objectives:
        if objective < best - policy.min_delta:
            best, stalled = objective, 0
        else:
            stalled += 1
        if stalled == policy.plateau:
            scale, stalled = scale * policy.plateau_factor, 0
        found.append(scale)
    return found


@pytest.mark.parametrize(
    "policy", [Policy(plateau=1), Policy(plateau=3, plateau_factor=0.2), Policy(plateau=2, min_delta=0.5)], ids=str
)
def test_performance_scheduling(policy):
    """Five trials side by side, each with its own rate and plateaus; one of them not finite after a while."""
    objectives = np.random.default_rng(0).normal(size=(5, 12)).cumsum(1).astype(np.float32)
    objectives[4, 5:] = np.nan
    rates_at_first = jnp.arange(1.0, 6.0)

    def trial(rate, objectives):
        state = State(jnp.int32(0), jax.random.key(0), jnp.zeros(2), {"rate": rate})

        def evaluated(at, objective):
            progress, state = adapt(policy, at[0], objective, at[1])
            return (progress, state), (state.opt["rate"], progress.scale)

        return jax.lax.scan(evaluated, (begin_progress(policy, state), state), objectives)[1]

    found, scales = jax.jit(jax.vmap(trial))(rates_at_first, jnp.asarray(objectives))
    expected = np.array([cuts(each, policy) for each in objectives])
    assert len(np.unique(expected[:, -1])) > 1, "all alike: the test would show little"
    np.testing.assert_allclose(scales, expected, rtol=1e-6)
    np.testing.assert_allclose(found, rates_at_first[:, None] * expected, rtol=1e-6)
