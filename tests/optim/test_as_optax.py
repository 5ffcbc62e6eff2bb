"""What users of optax do with an optimiser: wrappers, empty trees, schedules, traced arguments, other dtypes."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.core.progress import rates
from jaxgen.optim import schedules
from jaxgen.optim.gradients import wrapped
from jaxgen.optim.registry import OPTIMIZERS, find
from jaxgen.optim.textbook import adam, momentum, nesterov, sgd

EVERY = [*OPTIMIZERS, "optax.adamw"]
SCHEDULE = lambda count: 0.5 / (1 + count)


def path(optimizer, gradients=(3.0, 1.0, -2.0), start=None):
    """Where a point is after each of these gradients of all its components [T, ...]; compiled."""
    start = jnp.ones((2, 2)) if start is None else start

    def body(carry, g):
        theta, state = carry
        updates, state = optimizer.update(jnp.full_like(theta, g), state, theta)
        return (optax.apply_updates(theta, updates), state), (theta + updates, state)

    return jax.jit(lambda: jax.lax.scan(body, (start, optimizer.init(start)), jnp.asarray(gradients))[1])()


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
    expected, _ = path(make(0.5, schedule=lambda count: 1 / (1 + count)))
    for optimizer in (make(SCHEDULE), optax.inject_hyperparams(lambda rate: make(rate))(SCHEDULE)):
        points, states = path(optimizer)
        np.testing.assert_allclose(points, expected, rtol=1e-5)
        assert {round(float(each[1]), 6) for each in rates(states).values()} == {0.25}
    optimizer, theta = make(SCHEDULE), jnp.ones((2, 2))
    cut = optax.tree_utils.tree_set(state := optimizer.init(theta), rate=jnp.float32(0.5))
    whole, half = (optimizer.update(theta, each, theta)[0] for each in (state, cut))
    np.testing.assert_allclose(2 * half, whole, rtol=1e-6)


@pytest.mark.ci
def test_injected_hyper_parameters_can_be_set_as_optaxs():
    injected = optax.inject_hyperparams(adam)(rate=0.1, beta1=0.8)
    theirs = optax.inject_hyperparams(optax.adam)(learning_rate=0.1, b1=0.8)
    g = theta = jnp.ones(2)
    ours, own = injected.init(theta), theirs.init(theta)
    for rate in (0.1, 0.02, 0.02):
        ours.hyperparams["rate"] = own.hyperparams["learning_rate"] = jnp.float32(rate)
        (a, ours), (b, own) = injected.update(g, ours, theta), theirs.update(g, own, theta)
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_a_cut_holds_where_the_rate_is_an_array():
    optimizer, theta = adam(jnp.float32(0.1)), jnp.ones(2)
    state = optax.tree_utils.tree_set(optimizer.init(theta), rate=jnp.float32(0.05))
    for _ in range(2):
        updates, state = optimizer.update(theta, state, theta)
        np.testing.assert_allclose(updates, -0.05, rtol=1e-4)


@pytest.mark.parametrize("name", ["adamw", "lion", "sgd"])
def test_decays_side_by_side(name):
    make = lambda decay: wrapped(sgd(0.1), decay=decay) if name == "sgd" else OPTIMIZERS[name](0.1, weight_decay=decay)
    found = jax.jit(jax.vmap(lambda decay: path(make(decay))[0]))(jnp.array([0.0, 0.3]))
    for at, decay in enumerate((0.0, 0.3)):
        np.testing.assert_allclose(found[at], path(make(decay))[0], rtol=1e-6)
    assert np.abs(found[0] - found[1]).min() > 0.01


THEIRS = {
    "momentum": (momentum, lambda **o: optax.sgd(0.1, 0.9, **o)),
    "nesterov": (nesterov, lambda **o: optax.sgd(0.1, 0.9, nesterov=True, **o)),
    **{name: (OPTIMIZERS[name], lambda n=name, **o: getattr(optax, n)(0.1, **o)) for name in ("adam", "nadam")},
    "adamw": (OPTIMIZERS["adamw"], lambda **o: optax.adamw(0.1, weight_decay=0.004, **o)),
    "lion": (OPTIMIZERS["lion"], lambda **o: optax.lion(0.1, weight_decay=0.0, **o)),
    "amsgrad": (
        OPTIMIZERS["amsgrad"],
        lambda **o: optax.amsgrad(0.1, bias_correction_mu=False, bias_correction_nu=False, **o),
    ),
}


@pytest.mark.parametrize("name", THEIRS)
def test_dtypes_of_moments_are_chosen_as_in_optax(name):
    ours, theirs = THEIRS[name]
    option = {"accumulator_dtype" if name in ("momentum", "nesterov") else "mu_dtype": jnp.bfloat16}
    points, states = path(ours(0.1, **option))
    assert states.slots[0].dtype == jnp.bfloat16
    assert {slot.dtype for slot in states.slots[1:]} <= {jnp.dtype("float32")}
    np.testing.assert_allclose(points, path(theirs(**option))[0], atol=6e-3)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_complex_parameters(name):
    """|g|^2 is real: turning parameters and gradients turns every step; a real axis is the real optimiser."""
    turn = np.complex64(0.6 + 0.8j)
    gradients, make = np.float32([3.0, 0.5, -2.0]), OPTIMIZERS[name]
    real, _ = path(make(0.1), gradients, jnp.float32(1))
    turned, state = path(make(0.1), turn * gradients, jnp.asarray(turn))
    np.testing.assert_allclose(turned, turn * real, rtol=1e-5)
    assert turned.dtype == jnp.complex64
    assert not any(jnp.iscomplexobj(slot) for slot in state.slots[1:])


def test_half_precision_keeps_its_moments_in_float32():
    """The mean of squared gradients reaches 1 and comes down again; small gradients are not lost in float16."""
    up = jnp.concatenate([jnp.ones(4000), jnp.zeros(3000)]).astype(jnp.bfloat16)
    _, states = path(adam(0.0), up, jnp.bfloat16(1))
    second, top = states.slots[1], 1 - 0.999**4000
    assert second.dtype == jnp.float32
    np.testing.assert_allclose(second[jnp.array([3999, 6999])], [top, top * 0.999**3000], rtol=1e-3)
    small = lambda dtype: [path(make(0.1), jnp.full(3, 1e-3, dtype), dtype(0))[0] for make in OPTIMIZERS.values()]
    wide, narrow = jax.jit(lambda: (small(jnp.float32), small(jnp.float16)))()
    for name, expected, found in zip(OPTIMIZERS, wide, narrow):
        assert found.dtype == jnp.float16
        np.testing.assert_allclose(found, expected, rtol=5e-3, err_msg=name)


def test_a_run_of_no_updates_has_finite_rates():
    for schedule in (schedules.one_cycle(0), schedules.cosine(0), schedules.cooled(lambda t: 1.0, 0.5, 0)):
        assert np.isfinite(float(schedule(jnp.int32(0))))
    chex.assert_equal(float(schedules.one_cycle(0)(jnp.int32(0))), np.float32(0.1))
