"""Unpooling against what it is the inverse and the transpose of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops.pooling import max_pool, mean_pool
from jaxgen.ops.unpooling import max_pool_with_switches, unpool, unpool_evenly, unpool_first

SHAPE = (2, 5, 6, 3)  # an odd height, whose last row pooling cuts off


def draw(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def test_images_with_one_pixel_in_each_square_come_back():
    rng = np.random.default_rng(0)
    squares = np.eye(4, dtype=np.float32)[rng.integers(4, size=(3, 4, 5, 2))] * rng.uniform(0.1, 1, (3, 4, 5, 2, 1))
    x = squares.reshape(3, 4, 5, 2, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(3, 8, 10, 2).astype(np.float32)
    back = jax.jit(lambda x: unpool(*max_pool_with_switches(x), (8, 10)))(x)
    np.testing.assert_array_equal(back, x)


def test_unpooling_is_the_transpose_of_pooling():
    """<P x, y> = <x, P^T y>, and P^T y is the gradient of pooling; of equal maxima, too, which rectifiers make."""
    y, size = draw((2, 2, 3, 3), 1), SHAPE[1:3]

    @jax.jit
    def both(x):
        pooled, switches = max_pool_with_switches(x)
        return pooled, switches, unpool(y, switches, size), jax.vjp(max_pool, x)[1](y)[0]

    for x in (draw(SHAPE), jnp.maximum(draw(SHAPE), 0), jnp.zeros(SHAPE)):
        pooled, switches, back, gradient = both(x)
        assert (pooled.dtype, switches.dtype) == (jnp.float32, jnp.int32)
        np.testing.assert_array_equal(pooled, max_pool(x))
        np.testing.assert_array_equal(back, gradient)
        assert float(jnp.vdot(pooled, y)) == pytest.approx(float(jnp.vdot(x, back)), rel=1e-5, abs=1e-6)


def test_without_switches_and_gradients():
    """Equal parts are the transposed mean; the gradient of unpooling at switches s selects the pixels of s."""
    y, x = draw((2, 2, 3, 3), 1), draw(SHAPE)
    size = SHAPE[1:3]
    np.testing.assert_allclose(unpool_evenly(y, size), jax.vjp(mean_pool, x)[1](y)[0], rtol=1e-6)
    first = np.zeros(SHAPE, np.float32)
    first[:, :4:2, ::2] = y
    np.testing.assert_array_equal(unpool_first(y, size), first)
    pooled, switches = max_pool_with_switches(x)
    np.testing.assert_array_equal(jax.vjp(lambda y: unpool(y, switches, size), y)[1](x)[0], pooled)
    with pytest.raises(ValueError, match="pooling makes 3 x 3 of 6 x 6, not 2 x 3"):
        unpool(y, switches, (6, 6))
