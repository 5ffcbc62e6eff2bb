"""What optax's optimisers are given: the rate of the moment, hyper-parameters, the objective. And what they keep."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest

from jaxgen.core.steps import descend
from jaxgen.optim import foreign
from jaxgen.optim.pairs import absolute
from jaxgen.optim.registry import find

PARAMS = {"kernel": np.array([[1.0, -2.0], [0.5, 3.0], [0.1, 0.2]], np.float32), "bias": np.float32([0.3, -0.1])}
GRADS = {"kernel": np.array([[0.1, -3.0], [0.5, 1.0], [2.0, 0.2]], np.float32), "bias": np.float32([1.0, -1.0])}


OWN_NAMES = [
    (optax.adamw, {"beta1": "b1", "beta2": "b2", "eps": "eps", "weight_decay": "weight_decay", "decay_all": "mask"}),
    (optax.rmsprop, {"momentum": "momentum", "beta2": "decay", "eps": "eps", "eps_inside_root": "eps_in_sqrt"}),
    (optax.adadelta, {"beta2": "rho", "eps": "eps", "weight_decay": "weight_decay", "decay_all": "weight_decay_mask"}),
    (optax.signum, {"momentum": "beta"}),
    (
        optax.contrib.muon,
        {"momentum": "beta", "eps": "eps", "weight_decay": "weight_decay", "decay_all": "weight_decay_mask"},
    ),
    (optax.contrib.prodigy, {"beta1": "betas", "beta2": "betas", "eps": "eps", "weight_decay": "weight_decay"}),
    (optax.optimistic_gradient_descent, {}),  # beta is the strength of negative momentum there, beside alpha
    (optax.lbfgs, {}),
]


@pytest.mark.parametrize(("function", "names"), OWN_NAMES)
def test_hyper_parameters_by_the_names_of_flags(function, names):
    assert foreign.arguments(function) == names
    assert foreign.takes(function).keys() == names.keys()


def test_hyper_parameters_are_handed_on():
    seen = []

    def function(learning_rate, betas=(0.9, 0.999), rho=0.5, key=None):
        seen.append((float(learning_rate), betas, rho, key))
        return optax.sgd(learning_rate)

    assert foreign.takes(function) == {"beta1": 0.9, "beta2": 0.999}
    foreign.factory(function)(0.5, schedule=lambda count: 0.25).init(PARAMS)
    optimizer = foreign.factory(function)(0.5, schedule=lambda count: 0.25, beta1=0.8)
    updates, _ = optimizer.update(GRADS, optimizer.init(PARAMS), PARAMS)
    assert seen == [(0.5, (0.9, 0.999), 0.5, 0), (0.5, (0.8, 0.999), 0.5, 0), (0.125, (0.8, 0.999), 0.5, 0)]
    np.testing.assert_array_equal(updates["bias"], [-0.125, 0.125])


def test_a_cut_holds():
    optimizer = find("optax.sgd").factory(0.1)
    cut = optax.tree_utils.tree_set(optimizer.init(PARAMS), rate=jnp.float32(0.05))
    updates, _ = optimizer.update(GRADS, cut, PARAMS)
    np.testing.assert_allclose(updates["bias"], [-0.05, 0.05], rtol=1e-6)


def test_nothing_is_rounded_on_the_way():
    """As in float64 it would show: 30 updates of optax.adam itself at a rate that falls."""

    def followed(optimizer):
        def body(carry, g):
            theta, state = carry
            updates, state = optimizer.update(g, state, theta)
            return (theta + updates, state), None

        theta = jnp.ones(2)
        return jax.lax.scan(body, (theta, optimizer.init(theta)), gradients)[0][0]

    with jax.enable_x64(True):
        gradients = jnp.asarray(np.random.default_rng(0).normal(size=(30, 2)))
        schedule = lambda count: 1.0 / (1 + count / 3)
        named, own = find("optax.adam").factory(0.3, schedule=schedule), optax.adam(absolute(0.3, schedule))
        ours, theirs = jax.jit(lambda: (followed(named), followed(own)))()
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)


@pytest.mark.parametrize("name", ["prodigy", "schedule_free_sgd", "lbfgs", "noisy_sgd"])
def test_what_is_kept_is_a_copy(name):
    """Of the parameters, of keys and of numbers: the loop donates each of them, once."""
    params = jax.tree.map(jnp.array, PARAMS)
    leaves = jax.tree.leaves((params, find(f"optax.{name}").factory(jnp.float32(0.1)).init(params)))
    assert len({leaf.unsafe_buffer_pointer() for leaf in leaves}) == len(leaves)


@pytest.mark.parametrize(("name", "rate"), [("lbfgs", 1e-3), ("polyak_sgd", 1.0), ("sophia", 0.05)])
def test_those_that_ask_for_the_objective_are_given_it(name, rate):
    """An ill-conditioned quadratic, in a scan: L-BFGS finds the minimum, whatever its rate; the others go down."""
    scales = jnp.array([1.0, 10.0, 100.0])
    optimizer = find(f"optax.{name}").factory(rate)
    loss = lambda theta: (0.5 * jnp.sum(scales * theta**2), "aux")

    def body(carry, _):
        theta, opt, _ = descend(loss, optimizer, *carry)
        return (theta, opt), loss(theta)[0]

    theta = jnp.ones(3)
    (theta, _), values = jax.jit(lambda: jax.lax.scan(body, (theta, optimizer.init(theta)), length=20))()
    if name == "lbfgs":
        np.testing.assert_allclose(theta, 0.0, atol=1e-5)
    assert float(values[-1]) < 0.5 * float(loss(jnp.ones(3))[0])
