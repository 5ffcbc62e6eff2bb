"""The surfaces are what their sources say, and noise and spread do what they are called."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.config import check
from jaxgen.core.evaluation import evaluate
from jaxgen.core.types import Refused
from jaxgen.optim.textbook import sgd
from jaxgen.study import surfaces

KEY = jax.random.key(0)
KNOWN = {  # a point and the value there, by hand
    "rosenbrock": ((-1.2, 1.0), 2.2**2 + 100 * 0.44**2),
    "beale": ((2.0, -1.0), 2.5**2 + 2.25**2 + 1.375**2),
    "quadratic": ((-3.0, 0.2), 6.5),
    "saddle": ((1.5, -2.0), 3.25),
}
SLOPES = {  # the gradient there, by hand
    "rosenbrock": (-215.6, -88.0),
    # Residuals -2.5, 2.25 and -1.375; their slopes -2, 0, -2 in x and 2, -4, 6 in y.
    "beale": (2 * (5.0 + 0.0 + 2.75), 2 * (-5.0 - 9.0 - 8.25)),
    "quadratic": (-3.0, 20.0),
    "saddle": (3.0, -4.0),
}
CURVATURES = {"quadratic": (1.0, 100.0), "saddle": (2.0, 4.0), "rosenbrock": (0.39936, 1001.60)}
"""Eigenvalues at the minimum: of [[802, -400], [-400, 200]] for Rosenbrock's, 501 -+ sqrt(501^2 - 400)."""


@pytest.mark.parametrize("name", surfaces.SURFACES)
def test_values_slopes_and_minima(name):
    of, start, minima, (left, right, low, high) = surfaces.SURFACES[name]
    point, value = KNOWN[name]
    found, slope = jax.jit(jax.value_and_grad(of))(jnp.array(point))
    np.testing.assert_allclose(found, value, rtol=1e-6)
    np.testing.assert_allclose(slope, SLOPES[name], rtol=1e-5)
    for x, y in (start, *minima):
        assert left < x < right
        assert low < y < high
    for least in minima:
        slope, curvature = jax.jit(lambda p: (jax.grad(of)(p), jax.hessian(of)(p)))(jnp.array(least))
        assert of(np.array(least)) == pytest.approx(0.0, abs=1e-15)
        np.testing.assert_allclose(slope, 0.0, atol=1e-6)
        assert (np.linalg.eigvalsh(curvature) > 0.1).all()
        if name in CURVATURES:
            np.testing.assert_allclose(np.linalg.eigvalsh(curvature), CURVATURES[name], rtol=2e-3)
    np.testing.assert_array_equal(surfaces.minima_of(surfaces.Config(name)), np.float32(minima))


@pytest.mark.ci
@pytest.mark.parametrize("name", surfaces.SURFACES)
def test_a_grid_is_evaluated_at_once(name):
    of, _, _, (left, right, low, high) = surfaces.SURFACES[name]
    grid = np.stack(np.meshgrid(np.linspace(left, right, 7), np.linspace(low, high, 5)))
    values = of(grid)
    assert isinstance(values, np.ndarray)
    assert (values.shape, values.dtype) == ((5, 7), np.float64)
    assert (values > 0).all()
    assert values[3, 2] == of(grid[:, 3, 2])


def test_the_saddle_is_one():
    of = surfaces.saddle
    assert of(np.zeros(2)) == 1.0
    np.testing.assert_array_equal(jax.jit(jax.hessian(of))(jnp.zeros(2)), [[2.0, 0.0], [0.0, -2.0]])


@pytest.mark.ci
def test_seeds_differ_by_the_spread():
    config = surfaces.Config("beale", spread=0.25)
    points = jax.jit(jax.vmap(surfaces.make(config).init))(jax.random.split(KEY, 4000)).params["point"]
    np.testing.assert_allclose(points.mean(0), [1.0, 1.0], atol=0.02)  # 5 standard errors
    np.testing.assert_allclose(points.std(0), 0.25, rtol=0.05)
    still = surfaces.make(dataclasses.replace(config, spread=0.0))
    np.testing.assert_array_equal(still.init(KEY).params["point"], [1.0, 1.0])


def test_noise_is_added_to_the_gradient():
    technique = surfaces.make(surfaces.Config("quadratic", spread=0.0, learning_rate=0.01), sgd)
    state, step = technique.init(KEY), jax.jit(technique.step)
    noise = np.array([[1.0, 2.0], [3.0, -6.0], [5.0, 1.0]], np.float32)
    moved, metrics = step(state, {"noise": jnp.asarray(noise)})
    np.testing.assert_allclose(moved.params["point"], [-4 - 0.01 * (-4 + 3), 1 - 0.01 * (100 - 1)], atol=1e-6)
    np.testing.assert_allclose(metrics["loss"], 58 - 4 * 3 - 1, rtol=1e-6)
    still, _ = step(state, {"noise": jnp.zeros((3, 2))})
    np.testing.assert_allclose(still.params["point"], [-3.96, 0.0], atol=1e-7)


@pytest.mark.ci
def test_batches_are_noise_and_evaluations_are_not():
    config = surfaces.Config("saddle", spread=0.0, noise=0.5)
    source = surfaces.noise_source(config, 3000)
    batches = [source.take(source.arrays, KEY, jnp.int32(n))["noise"] for n in (0, 1, 1)]
    np.testing.assert_allclose(batches[0].std(0), 0.5, rtol=0.1)
    np.testing.assert_allclose(batches[0].mean(0), 0.0, atol=0.05)
    assert not np.any(batches[0] == batches[1])
    np.testing.assert_array_equal(batches[1], batches[2])
    assert source.take is surfaces.noise_source(config, 3000).take  # one compilation
    assert (surfaces.noise_source(surfaces.Config()).take((), KEY, jnp.int32(0))["noise"] == jnp.zeros((1, 2))).all()
    assert not surfaces.exact_holdout().take((), 0)[0]["noise"].any()
    technique = surfaces.make(config)
    found = evaluate(technique.evaluate, technique.init(KEY), surfaces.exact_holdout(), KEY)
    assert found["excess"].value == pytest.approx(surfaces.saddle((1.5, 0.01)), rel=1e-6)
    assert technique.example(KEY)["noise"].std() > 0


@pytest.mark.ci
def test_unknown_surfaces_are_refused():
    with pytest.raises(Refused, match="--surface must be one of rosenbrock, beale, quadratic, saddle"):
        check(surfaces.Config("himmelblau"))
