"""The types of all optimisers, and of optax's and its contrib's three steps at two rates side by side."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.progress import rates
from jaxgen.core.steps import descend
from jaxgen.optim import foreign
from jaxgen.optim.registry import OPTIMIZERS, find

PARAMS = {"kernel": np.array([[1.0, -2.0], [0.5, 3.0], [0.1, 0.2]], np.float32), "bias": np.float32([0.3, -0.1])}
X = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0], [2.0, 0.5, 1.0], [-1.0, 0.0, 0.3]], np.float32)
FIRST = ("adam", "noisy_sgd", "lion", "prodigy", "schedule_free_sgd")  # of the first tier: a state of each kind
NAMES = [pytest.param(name, marks=[pytest.mark.ci] * (name not in FIRST)) for name in foreign.usable_optimizers()]
# How far what moves at a rate of 0 goes, if at all: see `foreign` on what each makes of the rate.
AT_REST = {"lbfgs": 3.0, "madgrad": 1e-4, "schedule_free_adamw": 1e-6, "schedule_free_sgd": 1e-6}
NOT_AT_0 = ("prodigy", "dadapt_adamw")


def loss(params):
    return jnp.mean(jnp.square(jnp.tanh(X @ params["kernel"] + params["bias"][None]) - 0.3))


def kinds(tree):
    return jax.tree.map(lambda a: (a.shape, a.dtype, a.weak_type), tree)


@functools.cache
def trained(names):
    """{name: (params, state)} after three steps at two rates [2, ...]; all by one program, to compile the loss once."""

    def train(given):
        optimizers = [find(f"optax.{name}").factory(given[name]) for name in names]

        def body(carry, _):
            stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[params for params, _ in carry])
            values, grads = jax.vmap(jax.value_and_grad(loss))(stacked)
            moved = []
            for n, (optimizer, (params, state)) in enumerate(zip(optimizers, carry)):
                g = jax.tree.map(lambda a, n=n: a[n], grads)
                updates, state = optimizer.update(g, state, params, value=values[n], grad=g, value_fn=loss)
                moved.append((jax.tree.map(jnp.add, params, updates), state))
            return moved, None

        params = jax.tree.map(jnp.asarray, PARAMS)
        return jax.lax.scan(body, [(params, each.init(params)) for each in optimizers], length=3)[0]

    given = {name: np.float32([1e-3 if name in NOT_AT_0 else 0.0, 0.1]) for name in names}
    return dict(zip(names, jax.jit(jax.vmap(train))(given)))


@pytest.mark.parametrize("name", NAMES)
def test_three_steps_at_two_rates(name):
    assert len(foreign.usable_optimizers()) >= 47
    rest = tuple(each for each in foreign.usable_optimizers() if each not in FIRST)
    params, state = trained(FIRST if name in FIRST else rest)[name]
    for leaf in jax.tree.leaves((params, state)):
        assert not jnp.issubdtype(leaf.dtype, jnp.floating) or np.isfinite(leaf).all()
    given = np.float32([1e-3 if name in NOT_AT_0 else 0.0, 0.1])
    assert list(rates(state)) == ["rate"]
    np.testing.assert_array_equal(state.rate, given)
    still, moved = ([np.abs(a[n] - PARAMS[key]).max() for key, a in params.items()] for n in (0, 1))
    assert min(moved) > 0
    if name not in NOT_AT_0:
        assert max(still) <= AT_REST.get(name, 0.0)


@pytest.mark.parametrize(
    "name", [*OPTIMIZERS, *(pytest.param(f"optax.{each.values[0]}", marks=each.marks) for each in NAMES)]
)
def test_types_and_shapes_stay(name):
    """Through `descend`: those of the state, weak types included, so that the second update compiles nothing."""
    optimizer = find(name).factory(0.1)
    step = lambda params, state: descend(lambda p: (loss(p), ()), optimizer, params, state)[:2]
    for x64, dtype in ((True, jnp.float32), (False, jnp.bfloat16)):
        with jax.enable_x64(x64):
            params = jax.tree.map(lambda a, d=dtype: jnp.asarray(a, d), PARAMS)
            state = jax.eval_shape(optimizer.init, params)
            moved, after = jax.eval_shape(step, params, state)
            assert kinds(after) == kinds(state)
            assert kinds(moved) == kinds(params)
            assert state.rate.dtype == (jnp.float64 if x64 else jnp.float32)
