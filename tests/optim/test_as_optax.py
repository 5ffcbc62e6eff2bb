"""What users of optax do with an optimiser: wrappers, empty trees, schedules, traced arguments, other dtypes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.core.progress import rates
from jaxgen.optim.gradients import wrapped
from jaxgen.optim.registry import OPTIMIZERS, find
from jaxgen.optim.textbook import adam, sgd

SOME = ("sgd", "adam", "optax.adamw")
EVERY = [pytest.param(name, marks=[pytest.mark.ci] * (name not in SOME)) for name in [*OPTIMIZERS, "optax.adamw"]]
SCHEDULE = lambda count: 0.5 / (1 + count)
THETA = jnp.ones((2, 2))


def path(optimizer, gradients=(3.0, 1.0, -2.0), start=None):
    """Where a point is after each of these gradients, of all its components, and the states [T, ...]."""
    start = jnp.ones((2, 2)) if start is None else start

    def body(carry, g):
        theta, state = carry
        updates, state = optimizer.update(jnp.full_like(theta, g), state, theta)
        return (theta + updates, state), (theta + updates, state)

    return jax.lax.scan(body, (start, optimizer.init(start)), jnp.asarray(gradients))[1]


def paths(*arguments):
    """By one program."""
    return jax.jit(lambda: [path(*each) for each in arguments])()


@pytest.mark.parametrize("name", EVERY)
def test_nothing_to_optimise(name):
    """An empty tree, a mask that leaves nothing, a group without members; and Python's floats as leaves."""
    make, params = find(name).factory, {"a": jnp.ones(3)}
    for optimizer, tree in (
        (make(0.1), {}),
        (optax.masked(make(0.1), {"a": False}), params),
        (optax.multi_transform({"x": make(0.1), "y": make(0.5)}, {"a": "x"}), params),
    ):
        updates, _ = optimizer.update(tree, optimizer.init(tree), tree)
        assert jax.tree.structure(updates) == jax.tree.structure(tree)
    optimizer = wrapped(make(0.1), 0.1, 0.1, [optax.clip(1.0)], 0.1)
    updates, _ = optimizer.update({"a": 2.0}, optimizer.init({"a": 1.0}), {"a": 1.0}, value=1.0, anything=2)
    assert updates["a"] < 0


@pytest.mark.parametrize("name", EVERY)
def test_the_rate_may_be_a_schedule_or_injected(name):
    """Each is our mechanism's own schedule; and a cut multiplies it."""
    make = find(name).factory
    injected = optax.inject_hyperparams(lambda rate: make(rate))(SCHEDULE)
    (expected, _), *found = paths([make(0.5, schedule=lambda n: 1 / (1 + n))], [make(SCHEDULE)], [injected])
    for points, states in found:
        np.testing.assert_allclose(points, expected, rtol=1e-5)
        assert {round(float(each[1]), 6) for each in rates(states).values()} == {0.25}
    state = make(SCHEDULE).init(THETA)
    cut = optax.tree_utils.tree_set(state, rate=jnp.float32(0.5))
    whole, half = (make(SCHEDULE).update(THETA, each, THETA)[0] for each in (state, cut))
    np.testing.assert_allclose(2 * half, whole, rtol=1e-6)


def test_rates_that_are_arrays_are_set_and_cut():
    ours = optax.inject_hyperparams(adam)(rate=0.1, beta1=0.8)
    theirs = optax.inject_hyperparams(optax.adam)(learning_rate=0.1, b1=0.8)
    state, own = ours.init(THETA), theirs.init(THETA)
    for rate in (0.1, 0.02, 0.02):
        state.hyperparams["rate"] = own.hyperparams["learning_rate"] = jnp.float32(rate)
        (a, state), (b, own) = ours.update(THETA, state, THETA), theirs.update(THETA, own, THETA)
        np.testing.assert_allclose(a, b, rtol=1e-5)
    cut = optax.tree_utils.tree_set(adam(jnp.float32(0.1)).init(THETA), rate=jnp.float32(0.05))
    for _ in range(2):
        updates, cut = adam(jnp.float32(0.1)).update(THETA, cut, THETA)
        np.testing.assert_allclose(updates, -0.05, rtol=1e-4)


@pytest.mark.ci
def test_decays_side_by_side():
    for name in ("adamw", "lion", "sgd"):
        own = lambda decay, name=name: OPTIMIZERS[name](0.1, weight_decay=decay)
        make = own if name != "sgd" else lambda decay: wrapped(sgd(0.1), decay=decay)
        found = jax.jit(jax.vmap(lambda decay, make=make: path(make(decay))[0]))(jnp.array([0.0, 0.3]))
        for points, (alone, _) in zip(found, paths([make(0.0)], [make(0.3)])):
            np.testing.assert_allclose(points, alone, rtol=1e-6)
        assert np.abs(found[0] - found[1]).min() > 0.01


OPTIONS = {"amsgrad": {"bias_correction_mu": False, "bias_correction_nu": False}, "lion": {"weight_decay": 0.0}}


@pytest.mark.ci
def test_dtypes_of_moments_are_chosen_as_in_optax():
    half = {"mu_dtype": jnp.bfloat16}
    for name in ("adam", "nadam", "lion", "amsgrad"):
        theirs = getattr(optax, name)(0.1, **OPTIONS.get(name, {}), **half)
        (points, states), (expected, _) = paths([OPTIMIZERS[name](0.1, **half)], [theirs])
        assert [slot.dtype for slot in states.slots] == [jnp.bfloat16, jnp.float32, jnp.float32][: len(states.slots)]
        np.testing.assert_allclose(points, expected, atol=6e-3, err_msg=name)
    for name in ("momentum", "nesterov"):
        assert OPTIMIZERS[name](0.1, accumulator_dtype=jnp.bfloat16).init(THETA).slots[0].dtype == jnp.bfloat16


@pytest.mark.ci
@pytest.mark.parametrize("names", [("adam", "amsgrad"), pytest.param(tuple(OPTIMIZERS), marks=pytest.mark.ci)])
def test_complex_parameters_and_half_precision(names):
    """|g|^2 is real: what turns parameters and gradients turns every step. In float16 small gradients are not lost."""
    turn, g = np.complex64(0.6 + 0.8j), np.float32([3.0, 0.5, -2.0])
    for name in names:
        make = OPTIMIZERS[name]
        cases = [(make(0.1), g, jnp.float32(1)), (make(0.1), turn * g, jnp.asarray(turn))]
        cases += [(make(0.1), jnp.full(3, 1e-3, t), t(0)) for t in (jnp.float32, jnp.float16)]
        (real, _), (turned, state), (wide, _), (small, _) = paths(*cases)
        np.testing.assert_allclose(turned, turn * real, rtol=1e-5, err_msg=name)
        assert not any(jnp.iscomplexobj(slot) for slot in state.slots[1:])
        assert (turned.dtype, small.dtype) == (jnp.complex64, jnp.float16)
        np.testing.assert_allclose(small, wide, rtol=5e-3, err_msg=name)


@pytest.mark.ci
def test_the_second_moment_beside_bfloat16_reaches_1_and_comes_down():
    up = jnp.concatenate([jnp.ones(4000), jnp.zeros(3000)]).astype(jnp.bfloat16)
    ((_, states),) = paths([adam(0.0), up, jnp.bfloat16(1)])
    second, top = states.slots[1], 1 - 0.999**4000
    np.testing.assert_allclose(second[jnp.array([3999, 6999])], [top, top * 0.999**3000], rtol=1e-3)
