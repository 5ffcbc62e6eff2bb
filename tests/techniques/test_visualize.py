"""What an image is optimised for, and what it pays, against numpy."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.core.types import Refused
from jaxgen.nets.pretrained.described import network_of
from jaxgen.optim.textbook import adam
from jaxgen.techniques.imagery import visualize

NETWORK = ("cnn", "8x8x1", "3,4", "5", "gelu", "", "3")
CONFIG = visualize.Config((8, 8, 1), NETWORK, 2, layer="output", views="none", noise=0.0, variation=3.0, brightness=2.0)


@pytest.fixture(scope="module")
def batch():
    example = jax.jit(visualize.make(CONFIG).example)(jax.random.key(1))
    return {**example, "target": jnp.array([2, 0], jnp.int32)}


def test_a_class_climbs_by_its_log_probability_less_what_the_image_pays(batch):
    """The step's gradient, which an optimiser that stands still keeps, is that of the formula."""
    keeps = lambda gradient, opt, params=None: (jax.tree.map(jnp.zeros_like, gradient), gradient)
    technique = visualize.make(CONFIG, lambda rate: optax.GradientTransformation(lambda params: params, keeps))
    pixels = jnp.asarray(np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype(np.float32))
    state = jax.jit(technique.init)(jax.random.key(0))._replace(params={"pixels": pixels})
    gradient = jax.jit(technique.step)(state, batch)[0].opt["pixels"]
    np.testing.assert_allclose(gradient, jax.jit(jax.grad(loss_of))(pixels, batch), atol=1e-5)


def loss_of(pixels, batch):
    """The formula, from the parameters."""
    images = jax.nn.sigmoid(pixels)
    logits = network_of(NETWORK).apply(batch["network"], images, ("output",))["output"]
    climbed = jax.nn.log_softmax(logits)[jnp.arange(2), batch["target"]]
    down, right = jnp.abs(jnp.diff(images, axis=1)), jnp.abs(jnp.diff(images, axis=2))
    price = 3.0 * (down.sum((1, 2, 3)) + right.sum((1, 2, 3))) / 64 + 2.0 * images.mean((1, 2, 3))
    return (price - climbed).sum()


def test_the_metric_is_the_probability_of_each_images_own_class(batch):
    technique = visualize.make(CONFIG)
    fold, key = technique.evaluate, jax.random.key(0)
    masks = np.array([[True, False], [False, True], [True, True]])

    @jax.jit
    def both(batch, masks):
        """The metric for each mask, and the probabilities by the formula."""
        state = technique.init(key)
        measure = lambda mask: fold.finish(fold.add(state, key, fold.start(), batch, mask))["probability"]
        images = jax.vmap(technique.infer["image"], (None, None, 0))(state, key, jnp.arange(2))
        logits = network_of(NETWORK).apply(batch["network"], images, ("output",))["output"]
        return jax.lax.map(measure, masks), jax.nn.softmax(logits)

    measured, probability = both(batch, masks)
    expected = np.asarray(probability)[[0, 1], [2, 0]]
    np.testing.assert_allclose(measured, [expected[mask].mean() for mask in masks], rtol=1e-4)


@pytest.mark.parametrize("views", ["none", "jitter", "affine"])
def test_views_keep_the_size_that_dense_layers_read(views):
    view = jax.jit(visualize.viewing(dataclasses.replace(CONFIG, views=views, noise=0.2)))
    image = jnp.ones((8, 8, 1))
    one, other = (view(jax.random.key(n), image) for n in (0, 1))
    assert one.shape == image.shape
    assert not np.array_equal(one, other)


def test_a_channel_of_a_layer_without_positions(batch):
    technique = visualize.make(dataclasses.replace(CONFIG, what="neuron"), adam)
    with pytest.raises(Refused, match="--what=neuron --layer=output: output has 2 axes"):
        jax.eval_shape(technique.step, jax.eval_shape(technique.init, jax.random.key(0)), batch)
