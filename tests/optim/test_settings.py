"""From settings to an optimiser: what reaches it, what is refused, and that nothing asked for costs nothing."""

import dataclasses
import inspect
import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.progress import Policy
from jaxgen.core.types import Refused
from jaxgen.optim import schedules
from jaxgen.optim.gradients import clips, wrapped
from jaxgen.optim.registry import OPTIMIZERS, find
from jaxgen.optim.schedules import SCHEDULES
from jaxgen.optim.settings import (
    HYPERPARAMETERS,
    SHAPE,
    Settings,
    chosen,
    cutting,
    fixes_length,
    scheduled,
    unscheduled,
)
from jaxgen.optim.textbook import sgd

GIVEN = {"momentum": 0.5, "beta1": 0.6, "beta2": 0.7, "eps": 0.1, "eps_inside_root": True, "weight_decay": 0.3}
GIVEN["decay_all"] = True
GRADIENTS = [jnp.array([[1.0, -2.0, 3.0]]), jnp.array([[0.5, 1.0, -1.0]])]


def path(optimizer, shape=(1, 3)):
    """Where two updates lead."""
    params = jnp.ones(shape)
    state = optimizer.init(params)
    for g in GRADIENTS:
        updates, state = optimizer.update(g.reshape(params.shape), state, params)
        params = params + updates
    return np.asarray(params)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_hyperparameters_reach_the_optimiser_or_are_refused(name):
    entry = find(name)
    assert set(entry.takes) <= set(GIVEN)
    for flag, value in GIVEN.items():
        if flag in entry.takes:
            made = chosen(name, Settings(**{flag: value}))
            assert (made.func, made.keywords) == (entry.factory, {"schedule": schedules.constant, flag: value})
        elif flag == "decay_all":
            made = chosen(name, Settings(weight_decay=0.3, decay_all=True))(0.1)
            kept, smaller = (path(each, 3) for each in (chosen(name, Settings(weight_decay=0.3))(0.1), made))
            assert (smaller < kept).all()
        elif flag == "weight_decay":
            plain, decayed = (path(chosen(name, Settings(weight_decay=decay))(0.1)) for decay in (0.0, 0.3))
            assert (decayed < plain).all(), "positive parameters decay, whatever the optimiser"
        else:
            with pytest.raises(Refused, match=f"--optimizer={name} has no --{flag}; it has "):
                chosen(name, Settings(**{flag: value}))


AROUND = {
    "l1": {"l1": 0.3},
    "l2": {"l2": 0.3},
    "clip_value": {"clips": clips(value=0.3)},
    "clip_norm": {"clips": clips(norm=0.3)},
    "clip_adaptive": {"clips": clips(adaptive=0.3)},
    "weight_decay": {"decay": 0.3},
}


@pytest.mark.parametrize("flag", AROUND)
def test_what_stands_around_an_optimiser(flag):
    found, expected = path(chosen("sgd", Settings(**{flag: 0.3}))(0.1)), path(wrapped(sgd(0.1), **AROUND[flag]))
    np.testing.assert_array_equal(found, expected)
    assert not np.array_equal(found, path(sgd(0.1)))


def test_optaxs_too():
    """Their own hyper-parameters by their own names, the rest around them."""
    settings = Settings(beta1=0.6, eps=0.1, weight_decay=0.3, clip_norm=1.0)
    theirs, ours = (path(chosen(name, settings)(0.1)) for name in ("optax.adam", "adam"))
    np.testing.assert_allclose(theirs, ours, rtol=1e-6)
    with pytest.raises(Refused, match=r"^--optimizer=optax.sgd has no --eps; it has --momentum$"):
        chosen("optax.sgd", Settings(eps=0.1))


def test_nothing_asked_for_is_the_bare_optimiser():
    for name in (*OPTIMIZERS, "optax.adam"):
        bare = chosen(name)
        assert set(bare.keywords) == {"schedule"}
        assert bare.keywords["schedule"] is schedules.constant
        assert bare.func is find(name).factory or name not in OPTIMIZERS


FLAGS = {
    "burda": {},
    "piecewise": {"boundaries": "3,6", "factors": "0.5,0.2"},
    "exponential": {"decay_steps": 7, "decay_rate": 0.3},
    "power": {"decay_steps": 7, "decay_power": 0.5},
    "inverse_time": {"decay_steps": 7, "decay_rate": 0.3},
    "cosine": {"rate_floor": 0.1},
    "one_cycle": {},
    "constant": {},
    "performance": {},
}
MADE = {
    "burda": schedules.burda(2),
    "piecewise": schedules.piecewise([3, 6], [0.5, 0.2]),
    "exponential": schedules.exponential(7, 0.3),
    "power": schedules.power(7, 0.5),
    "inverse_time": schedules.inverse_time(7, 0.3),
    "cosine": schedules.cosine(20, 0.2, 0.1),
    "one_cycle": schedules.one_cycle(20),
    "constant": schedules.constant,
    "performance": schedules.constant,
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_flags_make_the_schedule(name):
    """With a fifth of warm-up and a quarter of cooldown, of 20 updates, 2 in an epoch."""
    t = np.arange(20)
    settings = Settings(schedule=name, **FLAGS[name], warmup=0.2, cooldown=0.25)
    factors = lambda schedule: jax.jit(jax.vmap(lambda n: jnp.asarray(schedule(n), float)))(jnp.asarray(t))
    line = np.minimum((t + 1) / 4, 1) * np.minimum((20 - t) / 5, 1)
    found = factors(scheduled(settings, epoch=2, total=20))
    np.testing.assert_allclose(found, line * factors(MADE[name]), rtol=1e-5, atol=1e-7)


def test_defaults_of_schedules():
    ten_epochs = scheduled(Settings(schedule="exponential"), epoch=3, total=99)
    assert float(ten_epochs(jnp.int32(30))) == pytest.approx(0.1)
    tenths = scheduled(Settings(schedule="piecewise", boundaries="4,9"))
    assert [float(tenths(jnp.int32(t))) for t in (3, 4, 9)] == pytest.approx([1, 0.1, 0.01])


def test_every_schedule_and_each_of_its_parameters_is_a_flag():
    (field,) = [field for field in dataclasses.fields(Settings) if field.name == "schedule"]
    assert typing.get_args(field.type) == tuple(SCHEDULES) or set(typing.get_args(field.type)) == set(SCHEDULES)
    takes = {name for make in SCHEDULES.values() for name in inspect.signature(make).parameters}
    assert takes == {*SHAPE, "epoch", "total", "warmup"}
    assert all(getattr(Settings(), name) is None for name in (*SHAPE, *HYPERPARAMETERS))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimisers_follow_their_schedule(name):
    """The rate of the fourth update is the schedule's."""
    optimizer = chosen(name, Settings(schedule="inverse_time", decay_steps=1), 1, 9)(0.1)
    params = jnp.ones((1, 3))
    state = optimizer.init(params)
    for _ in range(4):
        _, state = optimizer.update(GRADIENTS[0], state, params)
    assert float(state.rate * state.factor) == pytest.approx(0.1 / 4)


def test_what_fixes_a_runs_length():
    fixed = {name for name in SCHEDULES if fixes_length(Settings(schedule=name))}
    assert fixed == {"cosine", "one_cycle"}
    assert fixes_length(Settings(warmup=0.1))
    assert fixes_length(Settings(cooldown=0.1))
    plain = unscheduled(Settings(schedule="power", decay_steps=3, decay_power=2.0, warmup=0.1, cooldown=0.1, eps=0.5))
    assert plain == Settings(eps=0.5)


def test_performance_is_a_policy_of_cuts():
    performance = Settings(schedule="performance")
    assert cutting(Policy(patience=7, plateau_factor=0.3), performance) == Policy(7, 1, 0.3)
    assert cutting(Policy(plateau=4), performance) == Policy(plateau=4)
    assert cutting(Policy(), Settings()) == Policy()
