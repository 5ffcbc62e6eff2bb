"""Three ways to make pixels of grey values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops.likelihoods import LIKELIHOODS, binarise, binarise_once

KEY = jax.random.key(0)
once = jax.jit(binarise_once)


def greys(count=500, pixels=64):
    """Images that differ from each other in few grey levels."""
    levels = np.full((count, pixels), 77)
    levels[np.arange(count), np.arange(count) % pixels] += 1 + np.arange(count) // pixels
    return jnp.asarray(levels / 255, jnp.float32)


def test_what_is_drawn_once_depends_on_the_image_alone():
    grey = greys()
    drawn = once(grey)
    order = np.random.default_rng(0).permutation(len(grey))
    assert np.array_equal(once(grey[order]), drawn[order])
    assert np.array_equal(once(grey[7]), drawn[7])
    assert np.array_equal(once(grey.reshape(5, 100, -1)).reshape(drawn.shape), drawn)
    assert set(np.unique(drawn)) == {0.0, 1.0}


@pytest.mark.ci
def test_images_that_hardly_differ_have_draws_of_their_own():
    drawn = np.asarray(once(greys()))
    assert len(np.unique(drawn, axis=0)) == len(drawn)
    agree = np.mean(drawn[:-1] == drawn[1:])
    p = 77 / 255
    assert agree == pytest.approx(p**2 + (1 - p) ** 2, abs=0.01)  # as independent ones do


@pytest.mark.ci
@pytest.mark.parametrize("draw", [once, jax.jit(lambda grey: binarise(KEY, grey))], ids=["once", "anew"])
def test_grey_is_the_probability_of_white(draw):
    grey = greys(4000)
    np.testing.assert_allclose(draw(grey).mean(0), grey.mean(0), atol=0.04)  # five standard errors
    assert np.array_equal(draw(jnp.tile(jnp.array([[0.0, 1.0]]), (5, 8))), np.tile([0.0, 1.0], (5, 8)))


@pytest.mark.ci
@pytest.mark.parametrize(("name", "varies"), [("greyscale", False), ("stochastic", True), ("static", False)])
def test_what_a_key_changes(name, varies):
    grey = greys(20)
    one, other = (LIKELIHOODS[name].target(key, grey) for key in jax.random.split(KEY))
    assert bool((one != other).any()) is varies
    assert (np.array_equal(one, grey)) is (name == "greyscale")


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_those_that_are_called_normalised_are(name):
    """Over all x: black and white where targets are binarised, otherwise an integral of one pixel."""
    likelihood, out, log_sigma = LIKELIHOODS[name], jnp.array([[-2.0], [0.0], [3.0]]), jnp.float32(-1.0)
    binary = name in ("stochastic", "static")
    x = jnp.array([0.0, 1.0]) if binary else jnp.linspace(*((0.0, 1.0) if name == "greyscale" else (-9.0, 9.0)), 20_001)
    p = np.exp(np.float64(likelihood.log_prob(out[None], log_sigma, x[:, None, None])))
    total = p.sum(0) if binary else np.trapezoid(p, x, axis=0)
    assert (np.abs(total - 1.0) < 1e-3).all() if likelihood.normalised else (total < 0.501).all()
