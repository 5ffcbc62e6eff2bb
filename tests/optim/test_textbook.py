"""The optimisers against the papers' formulas in numpy, under a constant rate and after it was cut."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.core.steps import descend
from jaxgen.optim.textbook import OPTIMIZERS

RATE, CUT = 0.1, 0.02


def sgd(theta, gradients, rates):
    for g, eta in zip(gradients, rates):
        theta = theta - eta * g
    return theta


def momentum(theta, gradients, rates):
    m = 0
    for g, eta in zip(gradients, rates):
        m = 0.9 * m - eta * g
        theta = theta + m
    return theta


def rmsprop(theta, gradients, rates):
    s = 0
    for g, eta in zip(gradients, rates):
        s = 0.9 * s + 0.1 * g * g
        theta = theta - eta * g / (np.sqrt(s) + 1e-8)
    return theta


def adam(theta, gradients, rates):
    m = s = 0
    for t, (g, eta) in enumerate(zip(gradients, rates), 1):
        m = 0.9 * m + 0.1 * g
        s = 0.999 * s + 0.001 * g * g
        theta = theta - eta * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
    return theta


@pytest.mark.parametrize("formula", [sgd, momentum, rmsprop, adam], ids=lambda f: f.__name__)
def test_against_the_paper(formula):
    gradients = np.random.default_rng(0).normal(size=(20, 5))
    optimizer = OPTIMIZERS[formula.__name__](RATE)
    theta = jnp.ones(5)
    state = optimizer.init(theta)
    for t, g in enumerate(gradients):
        if t == 10:
            state = optax.tree_utils.tree_set(state, rate=jnp.float32(CUT))
        updates, state = optimizer.update(jnp.asarray(g, jnp.float32), state, theta)
        theta = optax.apply_updates(theta, updates)
    expected = formula(np.ones(5), gradients, [RATE] * 10 + [CUT] * 10)
    np.testing.assert_allclose(theta, expected, rtol=1e-4, atol=1e-5)


def test_every_name_has_its_formula_tested():
    assert set(OPTIMIZERS) >= {"sgd", "momentum", "rmsprop", "adam"}


def test_line_searches_are_given_what_they_need():
    """L-BFGS through `descend`: the minimum of an ill-conditioned quadratic in a few steps, in a scan."""
    scales = jnp.array([1.0, 10.0, 100.0])
    optimizer = optax.lbfgs()
    loss = lambda theta: (0.5 * jnp.sum(scales * theta**2), "aux")

    def body(carry, _):
        theta, opt, _ = descend(loss, optimizer, *carry)
        return (theta, opt), None

    theta = jnp.ones(3)
    (theta, _), _ = jax.lax.scan(body, (theta, optimizer.init(theta)), length=20)
    np.testing.assert_allclose(theta, 0.0, atol=1e-5)
