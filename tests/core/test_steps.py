"""A step by hand, and which parameters it leaves alone."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.core import steps
from jaxgen.core.progress import rates
from jaxgen.optim.registry import OPTIMIZERS
from jaxgen.optim.textbook import adam, sgd

KEY = jax.random.key(0)
BATCH = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
DECAYING = lambda rate: optax.chain(optax.add_decayed_weights(0.5), sgd(rate))


def params():
    """A dict of trees of different depths."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)
    first = {"kernel": draw(3, 4), "bias": draw(4)}
    return {"body": {"first": first, "second": draw(4)}, "scale": draw(), "head": draw(4)}


def loss(params, carry, key, batch):
    """Of all parameters together, and of random numbers."""
    body = params["body"]
    h = jnp.tanh(batch @ body["first"]["kernel"] + body["first"]["bias"][None]) * body["second"][None]
    value = jnp.mean(jnp.square(params["scale"] * h @ params["head"] - 1.0)) + jax.random.normal(key) * params["scale"]
    value += 0.1 * optax.tree_utils.tree_sum(jax.tree.map(jnp.square, params))
    return value, (carry + 1, {"loss": value})


def gone(state, optimizer, frozen, count=3):
    step = jax.jit(steps.gradient_step(loss, optimizer, frozen))
    for _ in range(count):
        state, metrics = step(state, BATCH)
    return state, metrics


def test_begin_counts_from_nothing_and_knows_what_is_frozen():
    given = params()
    for frozen, kept in (((), given), (("body",), {name: given[name] for name in ("scale", "head")})):
        state = steps.begin(KEY, given, adam(0.1), jnp.zeros(()), frozen)
        assert (int(state.step), state.step.dtype) == (0, jnp.int32)
        chex.assert_trees_all_equal(state.params, given)
        moments = state.opt.slots[0]
        assert jax.tree.structure(moments) == jax.tree.structure(kept)
        chex.assert_trees_all_equal_shapes(moments, kept)
    assert steps.free(given, ()) is given
    array = jnp.ones(3)
    assert steps.free(array, ()) is array, "params that are no dict"


@pytest.mark.parametrize("name", ["momentum", "adamw"])
@pytest.mark.parametrize("frozen", [("body",), ("scale", "head")])
def test_frozen_parameters_do_not_move_by_a_bit(name, frozen):
    state = steps.begin(KEY, params(), OPTIMIZERS[name](0.05), jnp.zeros(()), frozen)
    after, _ = gone(state, OPTIMIZERS[name](0.05), frozen)
    for part, tree in after.params.items():
        moved = jax.tree.map(lambda a, b: bool(jnp.any(a != b)), tree, state.params[part])
        assert set(jax.tree.leaves(moved)) == {part not in frozen}
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert (int(after.step), float(after.carry)) == (3, 3.0)


@pytest.mark.parametrize("optimizer", [adam(0.05), DECAYING(0.05)], ids=["adam", "decaying"])
def test_frozen_is_stop_gradient(optimizer):
    """The others move as where their loss has `stop_gradient` around what is frozen, and only they."""
    frozen, stopped = ("body",), lambda p: p | {"body": jax.lax.stop_gradient(p["body"])}
    ours, told = gone(steps.begin(KEY, params(), optimizer, jnp.zeros(()), frozen), optimizer, frozen)
    step = jax.jit(steps.gradient_step(lambda p, *rest: loss(stopped(p), *rest), optimizer))
    state = steps.begin(KEY, params(), optimizer, jnp.zeros(()))
    for _ in range(3):
        state, metrics = step(state._replace(params=state.params | {"body": params()["body"]}), BATCH)
    for name in ("scale", "head"):
        chex.assert_trees_all_close(ours.params[name], state.params[name], rtol=1e-6)
    assert float(told["loss"]) == pytest.approx(float(metrics["loss"]), rel=1e-6)
    chex.assert_trees_all_equal(ours.params["body"], params()["body"])


def slope_at(step):
    """Of all parameters, outside the step."""
    return jax.jit(jax.grad(lambda p: loss(p, jnp.zeros(()), jax.random.fold_in(KEY, step), BATCH)[0]))(params())


def test_clipping_by_norm_does_not_count_what_is_frozen():
    optimizer, slope = optax.chain(optax.clip_by_global_norm(1e-2), sgd(1.0)), slope_at(0)
    state = steps.begin(KEY, params(), optimizer, jnp.zeros(()), ("body",))
    after, told = gone(state, optimizer, ("body",), 1)
    norm = np.sqrt(np.square(slope["scale"]) + np.square(slope["head"]).sum())
    assert float(told["gradient_norm"]) == pytest.approx(norm, rel=1e-5)
    assert float(told["update_norm"]) == pytest.approx(1e-2, rel=1e-5)
    for name in ("scale", "head"):
        np.testing.assert_allclose(after.params[name] - state.params[name], -1e-2 * slope[name] / norm, atol=5e-7)


def test_nothing_frozen_is_the_plain_step():
    """By hand: theta - eta g, at the key of the step."""
    state = steps.begin(KEY, params(), sgd(0.1), jnp.zeros(()))._replace(step=jnp.int32(7))
    after, metrics = gone(state, sgd(0.1), (), 1)
    expected = jax.tree.map(lambda p, g: p - np.float32(0.1) * g, params(), slope_at(7))
    norm = np.sqrt(sum(np.square(leaf).sum() for leaf in jax.tree.leaves(slope_at(7))))
    assert float(metrics["gradient_norm"]) == pytest.approx(norm, rel=1e-5)
    assert float(metrics["update_norm"]) == pytest.approx(0.1 * norm, rel=1e-5)
    chex.assert_trees_all_close(after.params, expected, atol=1e-6)
    assert int(after.step) == 8
    np.testing.assert_array_equal(jax.random.key_data(after.key), jax.random.key_data(KEY))
    assert float(rates(after.opt)["rate"]) == pytest.approx(0.1)
