"""Activations against their formulas in float64, and the two whose slopes are drawn or learnt."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from jaxgen.ops.activations import ACTIVATIONS, PRELU_SLOPE, prelu, rrelu

KEY = jax.random.key(0)
LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017, equation 14
FORMULAS = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-np.clip(x, -700, 700))),
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.maximum(0.01 * x, x),
    "elu": lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1),
    "selu": lambda x: LAMBDA * np.where(x > 0, x, ALPHA * (np.exp(np.minimum(x, 0)) - 1)),
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
}
POINTS = np.array([-1e4, -100.0, -20.0, -3.0, -1.0, -0.3, 0.0, 0.3, 1.0, 3.0, 20.0, 100.0, 1e4])


def test_there_is_a_formula_for_each():
    assert FORMULAS.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("name", FORMULAS)
def test_values_and_gradients_by_the_formula(name):
    """Gradients against central differences of the formula in float64; at 0 only where there is no corner."""
    x = jnp.asarray(POINTS, jnp.float32)
    np.testing.assert_allclose(ACTIVATIONS[name](x), FORMULAS[name](POINTS), rtol=1e-5, atol=1e-6)
    slope, step = np.asarray(jax.grad(lambda x: ACTIVATIONS[name](x).sum())(x)), 1e-5
    expected = (FORMULAS[name](POINTS + step) - FORMULAS[name](POINTS - step)) / (2 * step)
    smooth = (POINTS != 0) | (name not in ("relu", "leaky_relu", "selu"))
    np.testing.assert_allclose(slope[smooth], expected[smooth], atol=5e-6)
    assert np.isfinite(slope).all()


@pytest.mark.ci
def test_types_stay():
    def all_of_them(x):
        yield rrelu(KEY, x, train=True)
        yield rrelu(None, x, train=False)
        yield prelu(x, jnp.full(3, PRELU_SLOPE, jnp.float32))
        yield from (function(x) for function in ACTIVATIONS.values())

    x = jnp.zeros((3, 3), jnp.bfloat16)
    for y in jax.eval_shape(lambda x: list(all_of_them(x)), x):
        assert (y.shape, y.dtype) == (x.shape, x.dtype)


def test_selu_keeps_mean_and_variance_of_standard_normals():
    y = ACTIVATIONS["selu"](jax.random.normal(KEY, (200_000,)))
    assert float(y.mean()) == pytest.approx(0.0, abs=0.012)  # five standard errors
    assert float(y.var()) == pytest.approx(1.0, abs=0.02)


def test_rrelu_at_evaluation_has_the_mean_slope():
    x = jnp.array([-2.0, 0.0, 3.0])
    np.testing.assert_allclose(rrelu(None, x, train=False), [-2 * 11 / 48, 0.0, 3.0], rtol=1e-6)
    assert np.array_equal(rrelu(KEY, x, train=False), rrelu(jax.random.key(1), x, train=False))
    np.testing.assert_allclose(rrelu(KEY, x, 0.1, 0.5, train=False), [-0.6, 0.0, 3.0], rtol=1e-6)


@pytest.mark.parametrize(("lower", "upper"), [(1 / 8, 1 / 3), pytest.param(0.5, 0.9, marks=pytest.mark.ci)])
def test_rrelu_draws_slopes_in_training(lower, upper):
    x = -jnp.exp(jax.random.normal(KEY, (100, 400)))
    slopes = np.asarray(rrelu(KEY, x, lower, upper, train=True) / x, np.float64).ravel()
    assert slopes.min() >= lower - 1e-6
    assert slopes.max() <= upper + 1e-6
    deviation = (upper - lower) / np.sqrt(12)
    assert slopes.mean() == pytest.approx((lower + upper) / 2, abs=5 * deviation / 200)
    assert slopes.std() == pytest.approx(deviation, rel=0.02)
    positive = jnp.abs(x)
    assert np.array_equal(rrelu(KEY, positive, train=True), positive)


@pytest.mark.ci
def test_rrelu_slopes_are_each_elements_own():
    x = -jnp.ones((50, 20))
    y = rrelu(KEY, x, train=True)
    assert len(np.unique(y)) == y.size  # examples and units
    assert np.array_equal(y, rrelu(KEY, x, train=True))
    assert not np.any(y == rrelu(jax.random.key(1), x, train=True))
    np.testing.assert_allclose(jax.grad(lambda x: rrelu(KEY, x, train=True).sum())(x), -y, rtol=1e-6)


@pytest.mark.parametrize("shape", [(4,), *(pytest.param(shape, marks=pytest.mark.ci) for shape in ((), (3, 4)))])
def test_prelu_and_its_slopes_gradient(shape):
    """The slope receives min(x, 0) dy, summed over what shares it."""
    x_key, dy_key, slope_key = jax.random.split(KEY, 3)
    x, dy = (jax.random.normal(key, (5, 2, 3, 4)) for key in (x_key, dy_key))
    slope = jax.random.uniform(slope_key, shape)
    y, back = jax.vjp(prelu, x, slope)
    by_x, by_slope = back(dy)
    wide = np.broadcast_to(np.asarray(slope), x.shape)
    np.testing.assert_allclose(y, np.maximum(x, 0) + wide * np.minimum(x, 0), rtol=1e-6)
    np.testing.assert_allclose(by_x, dy * np.where(x > 0, 1, wide), rtol=1e-6)
    summed = (np.minimum(x, 0) * dy).reshape(-1, *shape).sum(0)
    np.testing.assert_allclose(by_slope, summed, rtol=1e-4, atol=1e-5)


@pytest.mark.ci
def test_prelu_sums_its_gradient_in_the_slopes_precision():
    x = -jnp.ones((3001, 1), jnp.bfloat16)
    slope = jax.grad(lambda slope: prelu(x, slope).astype(jnp.float32).sum())(jnp.full(1, PRELU_SLOPE, jnp.float32))
    assert slope.dtype == jnp.float32
    assert float(slope[0]) == -3001.0  # bfloat16 knows 2992 and 3008


@pytest.mark.ci
def test_slopes_that_do_not_fit_are_errors():
    with pytest.raises(ValueError, match="broadcast"):
        prelu(jnp.ones((2, 4)), jnp.ones(3))
