"""DeepDream's octaves, its update, and what bounds it, against numpy and by hand."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import loop
from jaxgen.core.types import Refused, Stage
from jaxgen.data.sources import beside, resident
from jaxgen.nets.pretrained.described import network_of
from jaxgen.nets.pretrained.terms import Term, names, terms
from jaxgen.optim.textbook import sgd
from jaxgen.techniques.imagery import deepdream
from jaxgen.techniques.imagery.guided import guided

NETWORK = ("cnn", "8x8x3", "3,4", "5", "gelu", "", "3")
CONFIG = deepdream.Config((12, 10, 3), NETWORK, layers="layer1:0.5,layer2:2")


def photograph(size=(12, 10)):
    return jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (*size, 3)).astype(np.float32))


def octave(config, smaller, original, image):
    return deepdream.begun(config, sgd, smaller, jax.random.key(0), original, image)


def test_octaves_without_an_update_restore_the_photograph():
    original = image = photograph()
    smaller = None
    for size in ((4, 3), (7, 6), (12, 10)):
        state = octave(dataclasses.replace(CONFIG, shape=(*size, 3)), smaller, original, image)
        image, smaller = deepdream.dreamt(state), size
    np.testing.assert_allclose(image, original, atol=1e-6)
    assert np.abs(state.params["image"] - original).max() > 0.1  # which had lost its detail


@pytest.fixture(scope="module")
def batch():
    return deepdream.make(CONFIG).example(jax.random.key(1))


def test_an_update_adds_the_gradient_over_its_mean_magnitude(batch):
    technique, original = deepdream.make(CONFIG), photograph()
    state = octave(CONFIG, None, original, original)
    network = network_of(NETWORK)

    def excitement(image):
        values = network.apply(batch["network"], 0.5 * (image[None] + 1), ("layer1", "layer2"))
        return 0.5 * jnp.square(values["layer1"]).mean() + 2 * jnp.square(values["layer2"]).mean()

    value, slope = jax.jit(jax.value_and_grad(excitement))(original)
    moved, metrics = jax.jit(technique.step)(state, batch)
    np.testing.assert_allclose(metrics["loss"], value, rtol=1e-5)
    expected = original + 0.01 * slope / np.abs(slope).mean()
    np.testing.assert_allclose(moved.params["image"], expected, atol=1e-5)


def test_an_octave_ends_where_the_loss_is_above_its_bound(batch):
    technique = deepdream.make(dataclasses.replace(CONFIG, max_loss=1e-6))
    state = octave(CONFIG, None, photograph(), photograph())
    moved, _ = jax.jit(technique.step)(state, batch)
    np.testing.assert_array_equal(moved.params["image"], state.params["image"])
    assert moved.carry["over"]


def test_an_octave_compiles_nothing_after_its_first_chunk(batch, compilations):
    source = beside(resident({"image": np.asarray(batch["image"])}, 1), network=batch["network"])
    stages = []
    for size in ((7, 6), (12, 10)):
        config = dataclasses.replace(CONFIG, shape=(*size, 3), jitter=1)
        begin = lambda previous, key, arrays, config=config: octave(config, None, photograph(), photograph())
        stages.append(Stage(deepdream.make(config), source, 6, adopt=begin))
    counts = [compilations() for _ in loop.train(stages, jax.random.key(0), 2)]
    assert counts[0] == counts[2] < counts[3] == counts[5]


def test_a_guide_raises_the_largest_inner_products():
    draws = np.random.default_rng(0)
    features, guide = draws.normal(size=(1, 2, 3, 4)).astype(np.float32), draws.normal(size=(5, 4)).astype(np.float32)
    value = guided({"a": jnp.asarray(features)}, {"a": jnp.asarray(guide)}, [Term("a", None, 3.0)])
    np.testing.assert_allclose(value, 3.0 * (features.reshape(6, 4) @ guide.T).max(1).mean() / 4, rtol=1e-5)


def test_the_image_is_enlarged_about_its_middle():
    image = photograph((8, 12))
    np.testing.assert_allclose(deepdream.zoomed(image, 1.0), image, atol=1e-6)
    np.testing.assert_allclose(deepdream.zoomed(image, 2.0), deepdream.resized(image[2:6, 3:9], (8, 12)), atol=1e-6)


def test_layers_as_they_are_written():
    assert terms("mixed4:2, mixed5/13:-.5e1,mixed4", "layers") == (
        Term("mixed4", None, 2.0),
        Term("mixed5", 13, -5.0),
        Term("mixed4", None, 1.0),
    )
    assert names(terms("a:2,b,a/1", "layers")) == ("a", "b")
    for text in ("", "a:b", "a//1", "a b", "a:1:2"):
        with pytest.raises(Refused, match="--layers is a list of layers"):
            terms(text, "layers")
    with pytest.raises(Refused, match="the classifier has no activation 'layer9'; the nearest: layer3"):
        deepdream.make(dataclasses.replace(CONFIG, layers="layer1:1,layer9"))
