import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.ops.image_gradient import by_mean_magnitude, with_gradient
from jaxgen.ops.tiling import tiled_gradient


def test_gradients_are_divided_by_their_mean_magnitude():
    g = np.random.default_rng(0).standard_normal((4, 5, 3)).astype(np.float32)
    scaled = jax.jit(by_mean_magnitude)
    np.testing.assert_allclose(scaled(g), g / np.abs(g).mean(), rtol=1e-5)
    np.testing.assert_allclose(scaled(1e-9 * g), 1e-9 * g / 1e-7, rtol=1e-5)
    assert not np.asarray(scaled(0 * g)).any()


def test_a_gradient_by_tiles_goes_back_through_what_made_the_image():
    objective = lambda image: jnp.sum(jnp.sin(image) ** 2)
    p = np.random.default_rng(0).standard_normal((6, 8, 2)).astype(np.float32)

    def loss(p):
        image = jax.nn.sigmoid(p)
        value, gradient = tiled_gradient(jax.value_and_grad(objective), image, (3, 4))
        return with_gradient(4 * value, gradient, image)  # the value is a mean over 4 tiles

    plain = lambda p: objective(jax.nn.sigmoid(p))
    found, expected = jax.jit(lambda p: (jax.value_and_grad(loss)(p), jax.value_and_grad(plain)(p)))(p)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5), found, expected)
