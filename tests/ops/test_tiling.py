"""Gradients by tiles against those of the whole image, and how much memory they take."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops.tiling import rolled_gradient, tiled_gradient

KEY = jax.random.key(0)


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


KERNELS = [noise(3, 3, 2, 4), noise(2, 2, 4, 4), noise(3, 3, 4, 4)]


def network(image):
    """The sum of nonlinear activations that see 8 pixels each way, at stride 2."""
    x = image[None]
    for kernel, stride in zip(KERNELS, (1, 2, 1)):
        numbers = ("NHWC", "HWIO", "NHWC")
        x = jnp.tanh(0.3 * jax.lax.conv_general_dilated(x, kernel, (stride,) * 2, "SAME", dimension_numbers=numbers))
    return jnp.square(x).sum()


@pytest.mark.ci
def test_overlapping_tiles_are_as_no_tiles():
    image = noise(50, 38, 2)  # no multiple of what a tile of 24 keeps
    whole = np.asarray(jax.jit(jax.grad(network))(image))
    by = jax.jit(
        lambda image, margin: tiled_gradient(jax.value_and_grad(network), image, 24, margin)[1], static_argnums=1
    )
    np.testing.assert_allclose(by(image, 8), whole, atol=2e-6)
    assert np.abs(by(image, 2) - whole).max() > 1e-3  # too narrow
    without = np.abs(by(image, 0) - whole)[:, :16].max((1, 2))
    assert (without[20:28] > 1e-3).all()
    assert (without[:16] < 1e-5).all()


@pytest.mark.parametrize(
    ("shape", "tile", "margin"),
    [
        ((7, 9, 1), 3, 0),
        *(pytest.param(*c, marks=pytest.mark.ci) for c in [((8, 5, 2), (5, 9), 1), ((2, 3, 6, 1), 4, 1)]),
    ],
)
def test_each_pixel_has_its_gradient_from_one_tile(shape, tile, margin):
    """Also of sides that tiles do not divide, of sides that no tile fits in, and of batches."""
    image, calls = noise(*shape), []

    def value_and_grad(x):
        calls.append(x.shape)
        return jnp.sum(x**2), 2 * x

    _, gradient = jax.jit(lambda x: tiled_gradient(value_and_grad, x, tile, margin))(image)
    np.testing.assert_array_equal(gradient, 2 * image)
    assert len(set(calls)) == 1
    assert len(calls) <= 2  # traced as the body of a loop, however many tiles there are


def test_the_value_is_the_mean_of_the_tiles():
    image = jnp.arange(24.0).reshape(4, 6, 1)
    value, _ = jax.jit(lambda image: tiled_gradient(lambda x: (x.sum(), x), image, (2, 3)))(image)
    assert float(value) == np.arange(24).sum() / 4


@pytest.mark.ci
def test_memory_is_that_of_one_tile():
    def temporary(function, size):
        image = jax.ShapeDtypeStruct((size, size, 2), jnp.float32)
        return jax.jit(function).lower(image).compile().memory_analysis().temp_size_in_bytes

    whole = jax.value_and_grad(network)
    tiled = functools.partial(tiled_gradient, whole, tile=32, margin=8)
    assert temporary(whole, 256) > 10 * temporary(whole, 64)
    assert temporary(tiled, 256) < 0.25 * temporary(whole, 256)
    image = 4 * 2 * 256**2
    assert temporary(tiled, 256) < temporary(tiled, 64) + 3 * image


def test_a_roll_is_undone():
    image, weights = noise(2, 2, 3, 1)
    keys = jax.random.split(KEY, 100)
    roll = lambda key, most: rolled_gradient(lambda x: (jnp.sum(x * weights), weights), image, key, most)
    rolls = jax.jit(lambda keys: [jax.vmap(lambda key, most=most: roll(key, most))(keys) for most in (None, 1)])
    for values, gradients in jax.tree.map(np.asarray, rolls(keys)):
        # The image is rolled one way, the weights back: the product stays what it was.
        np.testing.assert_allclose((gradients * image).sum((1, 2, 3)), values, rtol=1e-5)
        assert len(np.unique(gradients, axis=0)) == 6  # all shifts of two rows and three columns


def test_margins_that_leave_nothing_are_refused():
    with pytest.raises(ValueError, match="margins of 4 leave nothing of tiles of 8 pixels"):
        tiled_gradient(jax.value_and_grad(network), jnp.zeros((16, 16, 2)), 8, 4)
