"""Paths are what the optimisers' formulas say, and what is shown of them is there to be seen."""

import functools
import re

import jax
import numpy as np
import pytest

from jaxgen.core.types import Refused
from jaxgen.optim import registry
from jaxgen.study import surfaces, trajectories

KEY = jax.random.key(0)
SHOWN = trajectories.lessons()


@functools.cache
def seen(number):
    """Optimiser -> path of one of the pictures, and its values on the surface."""
    picture = SHOWN[number]
    paths = trajectories.paths_over(picture.surface, picture.rates, picture.steps)
    return paths, {name: height(picture.surface, path) for name, path in paths.items()}


def height(name, path):
    return surfaces.SURFACES[name].value(np.float64(path).T)


def lengths(path):
    return np.linalg.norm(np.diff(path, axis=0), axis=1)


@pytest.mark.ci
def test_a_path_is_made_of_the_techniques_steps_and_noise():
    config = surfaces.Config("beale", spread=0.1, noise=0.3, learning_rate=123.0)
    technique = surfaces.make(config, registry.find("momentum").factory)
    path = trajectories.path_over(technique, KEY, 0.01, 4)
    first_key, noise_key = jax.random.split(KEY)
    point, m, slope = (
        np.float64(jax.jit(technique.init)(first_key).params["point"]),
        0.0,
        jax.jit(jax.grad(surfaces.beale)),
    )
    assert not np.array_equal(point, [1.0, 1.0])
    noise = jax.jit(jax.vmap(lambda n: technique.example(jax.random.fold_in(noise_key, n))["noise"][0]))(np.arange(4))
    assert len(np.unique(noise)) == 8
    for n in range(4):
        np.testing.assert_allclose(path[n], point, rtol=1e-5)
        m = 0.9 * m - 0.01 * np.float64(slope(np.float32(point)) + noise[n])
        point = point + m
    np.testing.assert_allclose(path[4], point, rtol=1e-5)


def test_paths_begin_where_the_surface_does_and_take_the_rate_they_are_given():
    paths = trajectories.paths_over("quadratic", {"sgd": 0.019, "nesterov": 0.005}, 40)
    assert [path.shape for path in paths.values()] == [(41, 2)] * 2
    assert all((path[0] == [-4.0, 1.0]).all() for path in paths.values())
    updates = np.arange(41)
    closed = np.stack([-4 * 0.981**updates, (-0.9) ** updates], 1)
    np.testing.assert_allclose(paths["sgd"], closed, rtol=1e-4, atol=1e-6)


@pytest.mark.ci
def test_what_there_is_not_is_refused():
    with pytest.raises(Refused, match="--surface must be one of"):
        trajectories.paths_over("plane", {"sgd": 0.1}, 1)
    with pytest.raises(Refused, match="nosuch"):
        trajectories.paths_over("beale", {"nosuch": 0.1}, 1)


def test_gradient_descent_zigzags():
    path = seen(0)[0]["sgd"]
    assert (np.sign(path[1:, 1]) == -np.sign(path[:-1, 1])).all()
    np.testing.assert_allclose(np.diff(path[:, 0]) / -path[:-1, 0], 0.019, rtol=1e-2)
    assert 1.8 < SHOWN[0].rates["sgd"] * 100 < 2


@pytest.mark.ci
def test_momentum_overshoots_and_nesterov_corrects():
    momentum, nesterov = (seen(1)[0][name][:, 1] for name in ("momentum", "nesterov"))
    assert SHOWN[1].rates["momentum"] == SHOWN[1].rates["nesterov"]
    assert momentum.min() == pytest.approx(-0.71, abs=0.005)
    assert nesterov.min() == pytest.approx(-0.42, abs=0.005)
    assert abs(nesterov[30:]).max() < 0.005
    assert abs(momentum[30:]).max() > 0.15
    theta = nesterov[:-1] - 0.002 * 100 * nesterov[:-1]  # the point without the look-ahead overshoots even less
    assert nesterov.min() < theta.min() < 0


@pytest.mark.ci
def test_adagrad_slows_down():
    (paths, heights), there = seen(2), {name: lengths(path) for name, path in seen(2)[0].items()}
    assert (np.diff(there["adagrad"]) < 0).all()
    assert there["adagrad"][0] == pytest.approx(0.14, abs=0.005)
    assert there["adagrad"][-1] == pytest.approx(0.012, abs=0.0006)
    assert heights["rmsprop"][-1] < 1e-3 < 1 < heights["adagrad"][-1]
    assert all((path[:, 1] > -1e-6).all() for path in paths.values())  # no zigzag


@pytest.mark.ci
def test_beales_valley():
    paths, heights = seen(3)
    assert paths["momentum"][:, 1].min() == pytest.approx(-0.93, abs=0.005)
    assert paths["nesterov"][:, 1].min() == pytest.approx(-0.65, abs=0.005)
    assert paths["sgd"][:, 1].min() > 0
    first = {name: np.argmax(height < 0.1) for name, height in heights.items() if height.min() < 0.1}
    assert first.pop("nesterov") == 17 < min(first.values())
    assert heights["sgd"][-1] > 0.1 > max(height[-1] for name, height in heights.items() if name != "sgd")
    assert paths["nesterov"][:, 0].max() > paths["nesterov"][-1, 0] > 3


@pytest.mark.ci
def test_rosenbrocks_valley():
    paths, heights = seen(4)
    x, y = np.stack(list(paths.values()))[:, 100:].transpose(2, 0, 1)
    assert (100 * (y - x**2) ** 2 < 0.2).all()  # all on its floor
    ends = sorted(path[-1, 0] for path in paths.values())
    assert np.diff(ends).min() > 0.02
    faster = trajectories.paths_over("rosenbrock", {"momentum": 0.002, "adagrad": 2.0, "adam": 1.0}, 400)
    for name, path in faster.items():
        assert height("rosenbrock", path)[-1] < heights[name][-1]
        assert height("rosenbrock", path)[1:].max() > height("rosenbrock", paths[name])[1:].max()


@pytest.mark.ci
def test_leaving_a_saddle():
    paths, heights = seen(5)
    assert heights["sgd"][-1] == pytest.approx(0.95, abs=0.005)
    assert all(height[-1] < 0.1 for name, height in heights.items() if name != "sgd")
    turned = {name: path[10, 1] > 0.3 for name, path in paths.items()}
    assert [name for name, at_once in turned.items() if at_once] == ["adagrad", "rmsprop", "adam"]
    over = {name: np.argmax(path[:, 1] > 1.0) for name, path in paths.items() if path[:, 1].max() > 1.0}
    assert "sgd" not in over
    assert max(over["momentum"], over["nesterov"]) < 40


def test_captions_are_of_their_pictures():
    for picture in SHOWN:
        assert set(picture.rates) <= set(trajectories.ORDER)
        assert picture.surface in surfaces.SURFACES
        assert 100 < len(picture.caption) < 450
        assert not re.search(r"\s{2}", picture.caption)
