"""Distances of activations by hand."""

import jax.numpy as jnp
import numpy as np

from jaxgen.ops.feature_distance import feature_loss, perceptual_distance, weighted_loss


def activations(seed, sizes=((5, 4, 3), (2, 2, 6))):
    rng = np.random.default_rng(seed)
    return {f"layer{n}": rng.normal(size=(7, *size)).astype(np.float32) for n, size in enumerate(sizes, 1)}


def on_device(layers):
    return {name: jnp.asarray(each) for name, each in layers.items()}


def test_the_loss_of_a_layer_is_the_papers():
    a, b = activations(0), activations(1)
    by_hand = np.square(a["layer1"] - b["layer1"]).sum((1, 2, 3)) / (2 * 3 * 4 * 5)
    np.testing.assert_allclose(feature_loss(jnp.asarray(a["layer1"]), jnp.asarray(b["layer1"])), by_hand, rtol=1e-5)
    second = np.square(a["layer2"] - b["layer2"]).sum((1, 2, 3)) / (2 * 6 * 2 * 2)
    both = weighted_loss(on_device(a), on_device(b), (("layer1", 0.5), ("layer2", 2.0)))
    np.testing.assert_allclose(both, 0.5 * by_hand + 2 * second, rtol=1e-5)


def test_the_distance_of_directions():
    """By hand; of equal activations 0, in both directions alike, whatever the lengths; 4 of opposite ones."""
    a, b = activations(0), activations(1)
    unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)
    by_hand = np.mean([np.square(unit(a[n]) - unit(b[n])).sum(-1).mean((1, 2)) for n in a], axis=0)
    a, b = on_device(a), on_device(b)
    np.testing.assert_allclose(perceptual_distance(a, b), by_hand, rtol=1e-5)
    np.testing.assert_allclose(perceptual_distance(a, b), perceptual_distance(b, a), rtol=1e-6)
    longer, opposite = ({name: factor * each for name, each in a.items()} for factor in (3.0, -1.0))
    np.testing.assert_allclose(perceptual_distance(a, a), np.zeros(7), atol=0)
    np.testing.assert_allclose(perceptual_distance(a, longer), np.zeros(7), atol=1e-6)
    np.testing.assert_allclose(perceptual_distance(a, opposite), np.full(7, 4.0), rtol=1e-5)
    nothing = {name: jnp.zeros_like(each) for name, each in a.items()}
    np.testing.assert_allclose(perceptual_distance(a, nothing), np.ones(7), rtol=1e-5)
