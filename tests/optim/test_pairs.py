"""Each optimiser beside optax's equal, over 100 updates of a network, at a constant rate and at one that changes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.optim.pairs import PAIRS, Pair, absolute
from jaxgen.optim.registry import find

STEPS = 100
RATES = {"adadelta": 1.0, "adagrad": 0.1, "sgd": 0.1, "lion": 1e-3}
EVERY = {**PAIRS, "by name": Pair(find("optax.adam").factory, optax.adam)}  # as nothing may be rounded on the way


def loss(params, x, y):
    """Of a network of 4-6-2, its parameters in one array [44]; a batch is x [8, 4], y [8, 2]."""
    inner, outer = params[:30].reshape(5, 6), params[30:].reshape(7, 2)
    h = jnp.tanh(x @ inner[1:] + inner[:1])
    return jnp.mean(jnp.square(h @ outer[1:] + outer[:1] - y))


def trained(optimizers, params, batches):
    """Where each of them [R] leads from the same params: [R, 44]."""

    def body(carry, batch):
        params, states = carry
        grads = jax.vmap(jax.grad(loss), (0, None, None))(params, *batch)  # once for all: tracing is what takes long
        done = [each.update(g, state, p) for each, g, state, p in zip(optimizers, grads, states, params)]
        return (params + jnp.stack([updates for updates, _ in done]), [state for _, state in done]), None

    start = (jnp.stack([params] * len(optimizers)), [each.init(params) for each in optimizers])
    return jax.lax.scan(body, start, batches)[0][0]


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", 1e-12), pytest.param("float32", 1e-5, marks=pytest.mark.ci)]
)
def test_pairs_are_equal(dtype, tolerance):
    rng = np.random.default_rng(0)
    params, *batches = (rng.normal(size=size).astype(dtype) for size in ((44,), (STEPS, 8, 4), (STEPS, 8, 2)))

    def every(slowness):
        schedule = lambda count: 1.0 / (1.0 + count / slowness)
        optimizers = []
        for name, (ours, theirs) in EVERY.items():
            rate = RATES.get(name, 0.01)
            optimizers += [ours(rate, schedule=schedule), theirs(absolute(rate, schedule))]
        return trained(optimizers, jnp.asarray(params), batches)

    with jax.enable_x64(dtype == "float64"):
        ends = np.asarray(jax.jit(jax.vmap(every))(jnp.array([np.inf, 10.0], dtype)))
    assert ends.dtype == dtype
    for n, name in enumerate(EVERY):
        ours, theirs = ends[:, 2 * n], ends[:, 2 * n + 1]
        error = np.linalg.norm(ours - theirs, axis=-1) / np.linalg.norm(theirs, axis=-1)
        np.testing.assert_array_less(error, tolerance, err_msg=name)
        assert np.linalg.norm(ours[0] - ours[1]) > 1e-3 * np.linalg.norm(ours[0]), "the schedule changed nothing"
