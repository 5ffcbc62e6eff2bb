"""Learning rates in an optimiser's state, averages of parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toys

from jaxgen.core.progress import rates, scale_rates
from jaxgen.core.steps import ema
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


def test_ema_against_its_closed_form():
    """After n steps from 0 towards 1 the average is 1 - decay^n."""
    average = {"w": jnp.zeros(2)}
    for _ in range(5):
        average = ema(average, {"w": jnp.ones(2)}, 0.9)
    np.testing.assert_allclose(average["w"], 1 - 0.9**5, rtol=1e-6)
