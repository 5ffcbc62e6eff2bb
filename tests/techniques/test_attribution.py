"""Heat maps against calculations by hand, on networks small enough for it."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.ops.objectives import channel
from jaxgen.techniques.imagery.attribution import attribute, class_map, grad_cam, integrated_gradients, occlusion


def test_grad_cam_by_hand():
    """Two features, pixels and their negatives; the logit is twice the sum of the first minus the sum of the second."""
    image = jnp.array([[[1.0], [2.0]], [[0.0], [-3.0]]])

    def score(image, added):
        features = jnp.concatenate([image, -image], -1) + added
        return 2.0 * features[..., 0].sum() - features[..., 1].sum(), features

    # Mean slopes are 2 and -1: the map is 2 x + x where that is positive, divided by its largest value.
    np.testing.assert_allclose(jax.jit(lambda x: grad_cam(score, x))(image), [[0.5, 1.0], [0.0, 0.0]], atol=1e-6)
    np.testing.assert_array_equal(class_map(jnp.ones((2, 3, 4)), -jnp.ones((2, 3, 4))), np.zeros((2, 3)))


def test_integrated_gradients_of_a_polynomial_and_completeness():
    """Of x^2 y the path from 0 gives x and y the shares 2/3 and 1/3 of the score."""
    score = lambda image: (image[0, 0, 0] ** 2 * image[0, 1, 0]).sum()
    image = jnp.array([[[2.0], [3.0]]])
    parts = integrated_gradients(score, image, jnp.zeros_like(image), 64)
    np.testing.assert_allclose(parts[0, :, 0], [8.0, 4.0], rtol=1e-3)
    baseline = jnp.ones_like(image)
    whole = integrated_gradients(score, image, baseline, 64).sum()
    np.testing.assert_allclose(whole, score(image) - score(baseline), rtol=1e-3)


def test_occlusion_by_a_loop():
    image, weight = (np.random.default_rng(seed).normal(size=(5, 7, 2)).astype(np.float32) for seed in (0, 1))
    score = lambda image: (image * weight).sum()
    heat = occlusion(score, jnp.asarray(image), 3, 2, fill=0.25)
    assert heat.shape == (3, 4)
    for i, j in np.ndindex(3, 4):
        covered = image.copy()
        covered[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] = 0.25
        np.testing.assert_allclose(heat[i, j], ((image - covered) * weight).sum(), atol=1e-5)


def test_all_ways_of_a_network_of_two_layers():
    """A layer of two features, and their sums after a rectifier; the score is the second sum."""
    image = jnp.asarray(np.random.default_rng(0).uniform(0, 1, (4, 6, 1)).astype(np.float32))

    def apply(images, names, added=None):
        features = jnp.concatenate([images - 0.5, 0.5 - images], -1) + (added or {"features": 0.0})["features"]
        return {"features": features, "sums": jax.nn.relu(features).sum((1, 2))}

    ways = jax.jit(lambda x: attribute(apply, ("sums",), channel("sums", 1), "features", x, 0.25, 200, 2, 2))(image)
    dark = np.maximum(0.5 - np.asarray(image[..., 0]), 0)
    np.testing.assert_allclose(ways.heat, dark / dark.max(), atol=1e-6)
    np.testing.assert_allclose(ways.scores, [dark.sum(), 24 * 0.25], rtol=1e-5)
    np.testing.assert_allclose(ways.parts.sum(), ways.scores[0] - ways.scores[1], rtol=5e-3)
    squares = dark.reshape(2, 2, 3, 2).sum((1, 3))
    np.testing.assert_allclose(ways.falls, squares - 4 * 0.25, atol=1e-5)
    nothing = jax.jit(lambda x: attribute(apply, ("sums",), channel("sums", 1), "", x, 0.0, 1, 2, 2))(image)
    assert nothing.heat.shape == (0, 0)
