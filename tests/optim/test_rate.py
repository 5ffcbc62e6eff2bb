"""What every optimiser of ours promises of its state, and of its learning rate."""

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


def test_decay_needs_the_parameters():
    for name in ("adamw", "lion"):
        optimizer, without = (OPTIMIZERS[name](0.1, weight_decay=decay) for decay in (0.1, 0.0))
        without.update(GRADS, state := without.init(PARAMS))
        with pytest.raises(ValueError, match=r"needs the parameters: update\(grads, state, params\)"):
            optimizer.update(GRADS, state)


def test_nesterovs_point_without_its_lookahead():
    """The third of the steps by hand in the docstring of `nesterov`."""
    optimizer = nesterov(0.1, momentum=0.5)
    state, point = optimizer.init(jnp.float32(1)), jnp.float32(1)
    for g in (1.0, 1.0, -1.0):
        updates, state = optimizer.update(jnp.float32(g), state)
        point = point + updates
    assert float(without_lookahead(point, state, 0.5)) == pytest.approx(0.775)
