"""Penalties, clips and decay around an optimiser, by hand."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.core.progress import rates
from jaxgen.core.steps import descend
from jaxgen.optim.gradients import add_penalty_gradient, clips, penalty, wrapped
from jaxgen.optim.registry import OPTIMIZERS, find
from jaxgen.optim.textbook import adam, sgd

RNG = np.random.default_rng(0)
SHAPES = {"scale": (), "bias": (3,), "kernel": (4, 3), "conv": (2, 2, 3, 4)}
W = {name: RNG.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
W["kernel"][0, 0] = 0.0
G = {name: RNG.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
HELD = ("kernel", "conv")


def tree(of):
    return jax.tree.map(jnp.asarray, of)


def after(optimizer, params, state):
    updates, state = optimizer.update(tree(G), state, params)
    return optax.apply_updates(params, updates), state


def moved(*optimizers, steps=1):
    """(W after so many updates by the same gradients, the state) of each, by one program."""
    once = lambda each: lambda at, _: (after(each, *at), None)
    run = lambda each: jax.lax.scan(once(each), (start := tree(W), each.init(start)), length=steps)[0]
    return jax.jit(lambda: [run(each) for each in optimizers])()


def test_penalties_are_on_arrays_of_two_axes_or_more():
    """l1 sum |w| + l2 sum w^2, whose gradient is l1 sign(w) + 2 l2 w; biases and scales go free."""
    value, slopes = jax.jit(jax.value_and_grad(lambda w: penalty(w, 0.03, 0.2)))(tree(W))
    assert float(value) == pytest.approx(sum((0.03 * np.abs(W[n]) + 0.2 * W[n] ** 2).sum() for n in HELD), rel=1e-5)
    found = add_penalty_gradient(G, tree(W), 0.03, 0.2)
    for name, w in W.items():
        expected = (0.03 * np.sign(w) + 0.4 * w) * (name in HELD)
        np.testing.assert_allclose(found[name] - G[name], expected, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(slopes[name], expected, atol=1e-6, err_msg=name)
    assert found["kernel"][0, 0] == G["kernel"][0, 0]


def norm(grads):
    return np.sqrt(sum(np.square(np.float64(g)).sum() for g in grads.values()))


def by_unit(g, w, share):
    """Of each output's column g and w, or of the whole array where it has but one axis."""
    axes = tuple(range(max(g.ndim - 1, 1))) if g.ndim else ()
    length = lambda x: np.sqrt(np.square(np.float64(x)).sum(axes, keepdims=True))
    return g * np.minimum(1, share * np.maximum(length(w), 1e-3) / length(g))


def test_clips_cut_one_after_the_other():
    """Each component, then all together, then each unit. At rate 1 plain descent shows the gradient that is left."""
    bounds = [(0.3, 0, 0), (0, 0.7, 0), (0.3, 0.7, 0), (0, 0, 0.3), (0.3, 0.7, 0.05), (1e6, 1e6, 1e6)]
    assert clips() == []
    for (value, largest, adaptive), (found, _) in zip(
        bounds, moved(*(wrapped(sgd(1.0), clips=clips(*b)) for b in bounds))
    ):
        expected = G
        if value:
            expected = {name: np.clip(g, -value, value) for name, g in expected.items()}
        if largest:
            expected = {name: g * min(1, largest / norm(expected)) for name, g in expected.items()}
        if adaptive:
            expected = {name: by_unit(g, W[name], adaptive) for name, g in expected.items()}
        for name, w in W.items():
            clipped = bool(np.abs(expected[name] - G[name]).max() > 1e-3)
            assert clipped is (value != 1e6), "nothing was clipped, or something"
            np.testing.assert_allclose(w - found[name], expected[name], atol=1e-6, err_msg=name)


def test_penalties_come_before_clips_and_decay_after_the_optimiser():
    """theta <- theta - eta clip(g + 2 l2 w) - eta decay theta, on arrays of two axes or more, or on all."""
    make = lambda decay_all: wrapped(sgd(0.1, schedule=lambda t: 0.5), 0.0, 2.0, clips(1.0), 0.3, decay_all)
    for decay_all, (found, state) in enumerate(moved(make(False), make(True))):
        for name, w in W.items():
            held = bool(decay_all) or name in HELD
            g = np.clip(G[name] + 4.0 * w * held, -1.0, 1.0)
            np.testing.assert_allclose(found[name], w - 0.05 * g - 0.05 * 0.3 * w * held, atol=1e-6, err_msg=name)
        assert float(rates(state)["rate"]) == pytest.approx(0.05)


@pytest.mark.ci
def test_decay_has_the_rate_of_its_update():
    """Adam and decay are AdamW (Loshchilov & Hutter, algorithm 2), whatever the schedule; so it is of optax's."""
    falling = lambda t: 1.0 / (1.0 + t)
    for decay_all in (False, True):
        mask = {name: decay_all or name in HELD for name in W}
        theirs = optax.adamw(lambda t: 0.1 * falling(t), weight_decay=0.3, mask=mask)
        beside = wrapped(adam(0.1, schedule=falling), decay=0.3, decay_all=decay_all)
        told = {"schedule": falling, "weight_decay": 0.3, "decay_all": decay_all}
        own = [find(name).factory(0.1, **told) for name in ("adamw", "optax.adamw")]
        (expected, _), *found = moved(theirs, beside, *own, steps=5)
        for params, _ in found:
            chex.assert_trees_all_close(params, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.ci
def test_the_state_is_the_optimisers_own():
    for make in OPTIMIZERS.values():
        bare, around = make(0.1), wrapped(make(0.1), 0.1, 0.1, clips(1.0, 1.0, 1.0), 0.1)
        state = jax.eval_shape(around.init, tree(W))
        chex.assert_trees_all_equal_shapes_and_dtypes(state, jax.eval_shape(bare.init, tree(W)))
        chex.assert_trees_all_equal_shapes_and_dtypes(state, jax.eval_shape(around.update, tree(G), state, tree(W))[1])


@pytest.mark.ci
def test_a_line_search_is_told_of_the_penalty():
    """L-BFGS finds the ridge regression in closed form, (X'X + 2 l2 I)^-1 X'y."""
    x, y = RNG.normal(size=(8, 4)), RNG.normal(size=(8, 2))
    loss = lambda w: (0.5 * jnp.sum((jnp.asarray(x, w.dtype) @ w - jnp.asarray(y, w.dtype)) ** 2), None)
    optimizer = wrapped(optax.lbfgs(), l2=3.0)

    def body(at, _):
        params, state, _ = descend(loss, optimizer, *at)
        return (params, state), None

    start = jnp.zeros((4, 2))
    (found, _), _ = jax.jit(lambda: jax.lax.scan(body, (start, optimizer.init(start)), length=15))()
    np.testing.assert_allclose(found, np.linalg.solve(x.T @ x + 6 * np.eye(4), x.T @ y), atol=1e-5)
