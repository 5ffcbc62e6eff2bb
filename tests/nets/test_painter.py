"""The painter: sizes, styles and their mixtures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.nets.painter import LEAST, Painter

PAINTER = Painter(width=3, blocks=1, styles=2)


def image(height, width):
    return jnp.asarray(np.random.default_rng(0).uniform(size=(1, height, width, 3)).astype(np.float32))


@pytest.fixture(scope="module")
def variables():
    """Of two styles that differ."""
    drawn = jax.jit(PAINTER.init)(jax.random.key(0), image(8, 8), jnp.ones((1, 2)))
    keys = iter(jax.random.split(jax.random.key(1), 100))
    return jax.tree.map(lambda leaf: leaf + 0.1 * jax.random.normal(next(keys), leaf.shape), drawn)


paint = jax.jit(PAINTER.apply)


@pytest.mark.parametrize("size", [(12, 16), pytest.param((13, 10), marks=pytest.mark.ci), (LEAST, 9)])
def test_any_size_is_painted_in_its_size(size, variables):
    painted = paint(variables, image(*size), jnp.array([[1.0, 0.0]]))
    assert painted.shape == (1, *size, 3)
    assert 0 < painted.min() < painted.max() < 1


def test_an_image_that_4_does_not_divide_is_painted_as_its_reflection_would_be(variables):
    whole = image(12, 16)
    cut = jnp.pad(whole[:, :11, :13], ((0, 0), (0, 1), (0, 3), (0, 0)), mode="reflect")
    weights = jnp.array([[0.5, 0.5]])
    np.testing.assert_allclose(
        paint(variables, whole[:, :11, :13], weights), paint(variables, cut, weights)[:, :11, :13], atol=1e-5
    )


def test_a_style_is_a_network_of_its_own_and_weights_mix_their_norms(variables):
    x = image(8, 8)
    single = Painter(width=3, blocks=1, styles=1)
    for number in (0, 1):
        own = {
            name: jax.tree.map(lambda leaf, n=number: leaf[n : n + 1], each) if name.endswith("_norm") else each
            for name, each in variables["params"].items()
        }
        alone = jax.jit(single.apply)({"params": own}, x, jnp.ones((1, 1)))
        np.testing.assert_allclose(paint(variables, x, jnp.eye(2)[number][None]), alone, atol=1e-5)
    both = jnp.concatenate([x, x])
    first, mixed = paint(variables, both, jnp.array([[1.0, 0.0], [0.3, 0.7]]))
    assert np.abs(first - mixed).max() > 1e-3
    np.testing.assert_allclose(first, paint(variables, x, jnp.array([[1.0, 0.0]]))[0], atol=1e-5)
