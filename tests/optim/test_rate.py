"""What every optimiser of ours promises of its state, and of its learning rate."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.core.progress import rates
from jaxgen.optim.registry import OPTIMIZERS, find
from jaxgen.optim.textbook import nesterov, without_lookahead

PARAMS = {"kernel": np.array([[0.5, -1.0, 2.0], [1.0, 0.0, -3.0]], np.float32), "bias": np.float32(0.25)}
GRADS = {"kernel": np.array([[1.0, 0.0, -2.0], [0.5, 0.0, 1e-3]], np.float32), "bias": np.float32(-1.0)}


def kinds(tree):
    return jax.tree.map(lambda a: (a.shape, a.dtype, a.weak_type), tree)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("x64", [False, True])
def test_types_and_shapes_stay(name, x64):
    """So that no second update compiles anew; slots are float32 at least, updates as the parameters."""
    with jax.enable_x64(x64):
        floats = jnp.float64 if x64 else jnp.float32
        for dtype in (jnp.bfloat16, jnp.float32, jnp.float64)[: 2 + x64]:
            params = jax.tree.map(lambda a, d=dtype: jnp.asarray(a, d), PARAMS)
            optimizer = OPTIMIZERS[name](0.1, schedule=lambda t: 1.0 / (1 + t))
            state = jax.eval_shape(optimizer.init, params)
            updates, after = jax.eval_shape(optimizer.update, params, state, params)
            assert kinds(after) == kinds(state)
            assert kinds(updates) == kinds(params)
            assert (state.rate.dtype, state.factor.dtype, state.updates.dtype) == (floats, floats, jnp.int32)
            for slot in state.slots:
                assert kinds(slot) == kinds(
                    jax.tree.map(lambda a: a.astype(jnp.promote_types(a.dtype, "float32")), params)
                )


def three(optimizer, params, grads):
    """Three updates, scanned."""

    def body(carry, _):
        params, state = carry
        updates, state = optimizer.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(body, (params, optimizer.init(params)), length=3)[0]


def test_rates_side_by_side():
    """vmapped over its rate each optimiser does what it does alone; at 0 nothing moves; and 0 / 0 is nowhere."""
    given = np.array([0.0, 0.1, 0.01], np.float32)
    every = lambda rate: {name: three(make(rate), PARAMS, GRADS) for name, make in OPTIMIZERS.items()}
    together = jax.jit(jax.vmap(every))(given)
    alone = jax.jit(every)(given[1])
    for name, (params, state) in together.items():
        at = lambda n, tree=(params, state): jax.tree.map(lambda a: a[n], tree)
        chex.assert_trees_all_close(at(1), alone[name], rtol=1e-6, custom_message=name)
        chex.assert_trees_all_equal(at(0)[0], PARAMS)
        chex.assert_tree_all_finite(params)
        assert list(rates(at(2)[1]).items()) == [("rate", given[2])]
        assert not np.array_equal(params["kernel"][1], params["kernel"][2])
        decays = find(name).takes.get("weight_decay")
        assert np.array_equal(params["kernel"][1, 0, 1], PARAMS["kernel"][0, 1]) is not bool(decays), "where g is 0"


def test_the_rate_is_a_leaf_that_can_be_set():
    for name, make in OPTIMIZERS.items():
        optimizer = make(0.1)
        state = optimizer.init(PARAMS)
        cut = optax.tree_utils.tree_set(state, rate=jnp.float32(0.05))
        full, _ = optimizer.update(GRADS, state, PARAMS)
        half, after = optimizer.update(GRADS, cut, PARAMS)
        chex.assert_trees_all_close(jax.tree.map(lambda u: 2 * u, half), full, rtol=1e-6, custom_message=name)
        assert float(after.rate) == np.float32(0.05)


def test_the_state_can_be_donated():
    """Its buffers are its own: not the parameters', not the caller's rate, and none twice."""
    rate = jnp.float32(0.1)
    optimizers = [make(rate) for make in OPTIMIZERS.values()]
    params = [jax.tree.map(jnp.array, PARAMS) for _ in optimizers]

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(params, states):
        found = [each.update(GRADS, state, p) for each, state, p in zip(optimizers, states, params)]
        return [optax.apply_updates(p, updates) for p, (updates, _) in zip(params, found)], [s for _, s in found]

    states = [each.init(p) for each, p in zip(optimizers, params)]
    before = jax.tree.leaves([(state.updates, state.rate, state.slots) for state in states])
    for _ in range(2):
        params, states = step(params, states)
    assert all(leaf.is_deleted() for leaf in before)
    assert [int(state.updates) for state in states] == [2] * len(states)
    assert float(rate) == np.float32(0.1)
    assert step._cache_size() == 1


@pytest.mark.parametrize("name", ["adamw", "lion"])
def test_decay_needs_the_parameters(name):
    optimizer = OPTIMIZERS[name](0.1, weight_decay=0.1)
    with pytest.raises(ValueError, match=r"needs the parameters: update\(grads, state, params\)"):
        optimizer.update(GRADS, optimizer.init(PARAMS))
    without = OPTIMIZERS[name](0.1, weight_decay=0.0)
    without.update(GRADS, without.init(PARAMS))


def test_nesterovs_method_looks_ahead():
    """By its formula, the gradient of x^2 / 2 - x taken at theta + beta m, while the rate changes."""
    optimizer = nesterov(0.5, momentum=0.8, schedule=lambda t: 1.0 / (1 + t))
    theta, m = 3.0, 0.0
    point = jnp.float32(theta)
    state = optimizer.init(point)
    for t in range(4):
        m = 0.8 * m - 0.5 / (1 + t) * (theta + 0.8 * m - 1)
        theta = theta + m
        updates, state = optimizer.update(point - 1, state)
        point = point + updates
        assert float(without_lookahead(point, state, 0.8)) == pytest.approx(theta, rel=1e-5)
        assert float(point) == pytest.approx(theta + 0.8 * m, rel=1e-5)
