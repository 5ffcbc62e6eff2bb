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
from jaxgen.optim import schedules, settings
from jaxgen.optim.gradients import clips, wrapped
from jaxgen.optim.registry import OPTIMIZERS, find
from jaxgen.optim.schedules import SCHEDULES
from jaxgen.optim.settings import HYPERPARAMETERS, SHAPE, Settings, chosen, cutting, fixes_length, scheduled
from jaxgen.optim.textbook import sgd

GIVEN = {
    "momentum": 0.5,
    "early_updates": 2,
    "beta1": 0.6,
    "beta2": 0.7,
    "eps": 0.1,
    "eps_inside_root": True,
    "weight_decay": 0.3,
}
GRADIENTS = np.float32([[1.0, -2.0, 3.0], [0.5, 1.0, -1.0]])


def path(optimizer, shape=(1, 3)):
    """Where two updates lead, from 1."""
    params = jnp.ones(shape)
    state = optimizer.init(params)
    for g in GRADIENTS:
        updates, state = optimizer.update(g.reshape(shape), state, params)
        params = params + updates
    return np.asarray(params)


def test_hyperparameters_reach_the_optimiser_or_are_refused():
    for name in OPTIMIZERS:
        entry = find(name)
        assert set(entry.takes) <= {*GIVEN, "decay_all"}
        bare = chosen(name)
        assert (bare.func, bare.keywords) == (entry.factory, {"schedule": schedules.constant})
        for flag, value in GIVEN.items():
            if flag in entry.takes:
                made = chosen(name, Settings(**{flag: value}))
                assert (made.func, made.keywords) == (entry.factory, {"schedule": schedules.constant, flag: value})
            elif flag != "weight_decay":
                with pytest.raises(Refused, match=f"^--optimizer={name} has no --{flag}; it has "):
                    chosen(name, Settings(**{flag: value}))


@pytest.mark.parametrize(
    "name", ["sgd", *(pytest.param(each, marks=pytest.mark.ci) for each in ("lion", "optax.adamw"))]
)
def test_decay_is_of_matrices_or_of_all(name):
    """Whether it is the optimiser's own or beside it."""
    at = lambda shape, **given: path(chosen(name, Settings(**given))(0.1), shape)
    for shape, decay_all in (((1, 3), False), ((3,), True), ((3,), False)):
        decayed, plain = (at(shape, weight_decay=decay, decay_all=decay_all) for decay in (0.3, 0.0))
        assert (decayed < plain).all() if decay_all or len(shape) > 1 else (decayed == plain).all()


def test_what_stands_around_an_optimiser():
    clip = {f"clip_{name}": {"clips": clips(**{name: 0.3})} for name in ("value", "norm", "adaptive")}
    for flag, around in {"l1": {"l1": 0.3}, "l2": {"l2": 0.3}, "weight_decay": {"decay": 0.3}, **clip}.items():
        found, expected = path(chosen("sgd", Settings(**{flag: 0.3}))(0.1)), path(wrapped(sgd(0.1), **around))
        np.testing.assert_array_equal(found, expected)
        assert not np.array_equal(found, path(sgd(0.1))), flag


MADE = {  # of 20 updates, 2 in an epoch
    "burda": ({}, schedules.burda(2)),
    "piecewise": ({"boundaries": "3,6", "factors": "0.5,0.2"}, schedules.piecewise([3, 6], [0.5, 0.2])),
    "exponential": ({"decay_steps": 7, "decay_rate": 0.3}, schedules.exponential(7, 0.3)),
    "power": ({"decay_steps": 7, "decay_power": 0.5}, schedules.power(7, 0.5)),
    "inverse_time": ({"decay_steps": 7, "decay_rate": 0.3}, schedules.inverse_time(7, 0.3)),
    "cosine": ({"rate_floor": 0.1}, schedules.cosine(20, 0.2, 0.1)),
    "one_cycle": ({}, schedules.one_cycle(20)),
    "constant": ({}, schedules.constant),
    "performance": ({}, schedules.constant),
}
DEFAULTS = {
    "exponential": ({}, schedules.exponential(20)),  # ten epochs
    "piecewise": ({"boundaries": "4,9"}, schedules.piecewise([4, 9])),
}


@pytest.mark.parametrize("table", [MADE, DEFAULTS])
def test_flags_make_the_schedule(table):
    """With a fifth of warm-up and a quarter of cooldown."""
    t = np.arange(20)
    line = np.minimum((t + 1) / 4, 1) * np.minimum((20 - t) / 5, 1)
    make = lambda name, flags: scheduled(Settings(schedule=name, **flags, warmup=0.2, cooldown=0.25), 2, 20)
    both = {name: (make(name, flags), expected) for name, (flags, expected) in table.items()}
    factors = lambda schedule: jax.vmap(lambda n: jnp.asarray(schedule(n), float))(jnp.asarray(t))
    for name, (found, expected) in jax.jit(lambda: jax.tree.map(factors, both))().items():
        np.testing.assert_allclose(found, line * expected, rtol=1e-5, atol=1e-7, err_msg=name)


def test_every_schedule_and_each_of_its_parameters_is_a_flag():
    (field,) = [field for field in dataclasses.fields(Settings) if field.name == "schedule"]
    assert set(typing.get_args(field.type)) == set(SCHEDULES) == set(MADE)
    takes = {name for make in SCHEDULES.values() for name in inspect.signature(make).parameters}
    assert takes == {*SHAPE, "epoch", "total", "warmup"}
    assert all(getattr(Settings(), name) is None for name in (*SHAPE, *HYPERPARAMETERS))


def test_what_fixes_a_runs_length_and_what_cuts():
    assert {name for name in SCHEDULES if fixes_length(Settings(schedule=name))} == {"cosine", "one_cycle"}
    assert fixes_length(Settings(warmup=0.1))
    assert fixes_length(Settings(cooldown=0.1))
    every = Settings(schedule="power", decay_steps=3, decay_power=2.0, warmup=0.1, cooldown=0.1, eps=0.5)
    assert settings.unscheduled(every) == Settings(eps=0.5)
    performance = Settings(schedule="performance")
    assert cutting(Policy(patience=7, plateau_factor=0.3), performance) == Policy(7, 1, 0.3)
    assert cutting(Policy(plateau=4), performance) == Policy(plateau=4)
    assert cutting(Policy(), Settings()) == Policy()


LIST, RISE = "--boundaries is a list of updates, rising, such as 500,1000, not ", " must rise from one to the next, "
FACTORS = "--factors is a list of factors of the learning rate such as 0.1,0.01, not "
STEPS = "--decay_steps is for --schedule=exponential or power or inverse_time, not cosine"
REFUSED = [  # optimiser, schedule, settings, sentence
    ("sgd", "constant", {"eps": 1e-4}, "--optimizer=sgd has no --eps; it has no hyper-parameters"),
    ("optax.sgd", "constant", {"eps": 1e-4}, "--optimizer=optax.sgd has no --eps; it has --momentum"),
    ("adam", "cosine", {"decay_steps": 3}, STEPS),
    ("adam", "constant", {"rate_floor": 0.1}, "--rate_floor is for --schedule=cosine, not constant"),
    ("adam", "piecewise", {}, LIST + "''"),
    *(("adam", "piecewise", {"boundaries": each}, f"{LIST}'{each}'") for each in ("5,x", "5,7.5", "-5")),
    ("adam", "piecewise", {"boundaries": "9" * 5000}, LIST + repr("9" * 50)),
    *(
        ("adam", "piecewise", {"boundaries": each}, f"--boundaries={each}{RISE}between 0 and 2^31")
        for each in ("0,5", "7,5", "5,3000000000")
    ),
    (
        "adam",
        "piecewise",
        {"boundaries": "5,9", "factors": "1,2,3"},
        "--factors=1,2,3 are 3 for the 2 of --boundaries=",
    ),
    *(("adam", "piecewise", {"boundaries": "5", "factors": each}, f"{FACTORS}'{each}'") for each in ("", "nan")),
]


def test_settings_that_cannot_be():
    for optimizer, schedule, given, sentence in REFUSED:
        with pytest.raises(Refused) as refused:
            chosen(optimizer, Settings(schedule=schedule, **given))
        assert str(refused.value).startswith(sentence)
