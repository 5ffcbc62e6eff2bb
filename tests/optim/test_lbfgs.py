"""L-BFGS against scipy's at equal evaluations, by hand, and where a loss is not finite."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize

from jaxgen.optim.lbfgs import lbfgs
from jaxgen.optim.registry import find

START = np.random.default_rng(0).uniform(-1, 1, 20).astype(np.float32)


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def values(function, params, updates, optimizer=None):
    """The losses that were evaluated, one an update, the first of them at `params`; and the last parameters."""
    optimizer = optimizer or lbfgs(1.0)

    def step(carry, _):
        params, state = carry
        value, grads = jax.value_and_grad(function)(params)
        delta, state = optimizer.update(grads, state, params, value=value)
        return (optax.apply_updates(params, delta), state), value

    run = jax.jit(lambda params: jax.lax.scan(step, (params, optimizer.init(params)), length=updates))
    (params, _), losses = run(params)
    return np.asarray(losses), params


def test_as_low_as_scipy_at_equal_evaluations():
    slope = jax.jit(jax.value_and_grad(rosenbrock))
    theirs = []

    def function(x):
        value, gradient = slope(jnp.asarray(x, jnp.float32))
        theirs.append(float(value))
        return float(value), np.asarray(gradient, np.float64)

    scipy.optimize.minimize(function, START, jac=True, method="L-BFGS-B", options={"maxfun": 60})
    ours, _ = values(rosenbrock, START, 60)
    assert ours[0] == theirs[0]
    assert min(ours) <= 1.02 * min(theirs[:60])
    parted = lambda tree: rosenbrock(jnp.concatenate([tree["a"].ravel(), tree["b"]]))
    as_tree, _ = values(parted, {"a": START[:7].reshape(7, 1), "b": START[7:]}, 60)
    np.testing.assert_allclose(as_tree[:20], ours[:20], rtol=1e-3)


def test_a_parabola_by_hand():
    losses, params = values(lambda x: jnp.sum(x**2), jnp.ones(1), 2)
    np.testing.assert_array_equal(losses, [1.0, 0.0])  # from 1 by -1/2 of the gradient 2
    assert float(params[0]) == 0.0


def test_a_quadratic_ends_within_as_many_updates_as_it_has_curvatures():
    curvature = jnp.repeat(jnp.asarray([1.0, 10.0, 100.0]), 4)
    losses, _ = values(lambda x: 0.5 * jnp.sum(curvature * x**2), jnp.ones(12), 30)
    assert losses[-1] < 1e-9 * losses[0]


def test_where_a_loss_is_not_finite_the_search_turns_back():
    losses, params = values(lambda x: jnp.sum(x - jnp.log(x)), jnp.full(3, 0.01), 40)  # NaN below 0
    np.testing.assert_allclose(params, 1.0, rtol=1e-3)
    losses, _ = values(lambda x: jnp.sum(jnp.where(x < 0.4, jnp.nan, x**2)), jnp.ones(3), 60)
    assert np.nanmin(losses) < 0.6
    assert np.isnan(losses).any()


def test_no_rate_does_not_move_and_the_flag_finds_it():
    _, params = values(rosenbrock, START, 25, lbfgs(0.0))
    np.testing.assert_array_equal(params, START)
    entry = find("lbfgs")
    assert (entry.factory, entry.rate, dict(entry.takes)) == (lbfgs, 1.0, {})
