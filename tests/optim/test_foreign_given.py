"""What optax's optimisers are given: hyper-parameters, the objective. And what they, and ours, keep."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest

from jaxgen.core.steps import descend
from jaxgen.optim import foreign
from jaxgen.optim.registry import OPTIMIZERS, find

PARAMS = {"kernel": np.ones((3, 2), np.float32), "bias": np.float32([0.3, -0.1])}
OWN_NAMES = [
    (optax.adamw, {"beta1": "b1", "beta2": "b2", "eps": "eps", "weight_decay": "weight_decay", "decay_all": "mask"}),
    (optax.rmsprop, {"momentum": "momentum", "beta2": "decay", "eps": "eps", "eps_inside_root": "eps_in_sqrt"}),
    (optax.adafactor, {"eps": "eps", "momentum": "momentum", "decay_all": "weight_decay_mask"}),
    (optax.signum, {"momentum": "beta"}),
    (optax.contrib.prodigy, {"beta1": "betas", "beta2": "betas", "eps": "eps", "weight_decay": "weight_decay"}),
    (optax.optimistic_gradient_descent, {}),  # beta is the strength of negative momentum there, beside alpha
]


def test_hyper_parameters_by_the_names_of_flags():
    for function, names in OWN_NAMES:
        assert foreign.arguments(function) == names
        assert foreign.takes(function).keys() == names.keys()


def test_hyper_parameters_are_handed_on():
    seen = []

    def function(learning_rate, betas=(0.9, 0.999), rho=0.5, key=None, mask=None):
        seen.append((float(learning_rate), betas, rho, key, mask(PARAMS)))
        return optax.sgd(learning_rate)

    assert foreign.takes(function) == {"beta1": 0.9, "beta2": 0.999, "decay_all": False}
    optimizer = foreign.factory(function)(0.5, schedule=lambda count: 0.25, beta1=0.8, decay_all=True)
    updates, _ = optimizer.update(PARAMS, optimizer.init(PARAMS), PARAMS)
    foreign.factory(function)(0.5).init(PARAMS)
    every, some = {"kernel": True, "bias": True}, {"kernel": True, "bias": False}
    told = [(0.5, (0.8, 0.999), 0.5, 0, every), (0.125, (0.8, 0.999), 0.5, 0, every), (0.5, (0.9, 0.999), 0.5, 0, some)]
    assert seen == told
    np.testing.assert_allclose(updates["bias"], -0.125 * PARAMS["bias"])


def test_what_is_kept_is_a_copy():
    """Of the parameters, of keys and of the rate: the loop donates each of them, once."""
    for name in [*OPTIMIZERS, *(f"optax.{each}" for each in ("prodigy", "schedule_free_sgd", "lbfgs", "noisy_sgd"))]:
        params, rate = jax.tree.map(jnp.array, PARAMS), jnp.float32(0.1)
        leaves = jax.tree.leaves((params, rate, find(name).factory(rate).init(params)))
        assert len({leaf.unsafe_buffer_pointer() for leaf in leaves}) == len(leaves), name


@pytest.mark.ci
@pytest.mark.parametrize(
    ("name", "rate"),
    [("lbfgs", 1e-3), *(pytest.param(*each, marks=pytest.mark.ci) for each in [("polyak_sgd", 1.0), ("sophia", 0.05)])],
)
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
