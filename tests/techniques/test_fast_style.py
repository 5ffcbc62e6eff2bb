"""Networks that paint in one pass: their losses are those of the optimised image, and what they are trained on."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.nets.pretrained.described import network_of
from jaxgen.ops.instance import moments
from jaxgen.techniques.imagery import adain, fast_style, painted_losses, style, style_losses
from jaxgen.techniques.imagery.style_objective import losses

NETWORK = ("cnn", "8x8x3", "3,4", "5", "gelu", "", "3")
LAYERS = ("layer1", "layer2")
CONFIG = fast_style.Config((9, 8, 3), NETWORK, ("one", "other"), 2, 1, "layer2:0.3", "layer1:0.5,layer2", "gram", 0.7)


def images(count, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(size=(count, 9, 8, 3)).astype(np.float32))


@pytest.fixture(scope="module")
def batch():
    return jax.jit(fast_style.make(CONFIG).example)(jax.random.key(1))


@pytest.mark.parametrize("distance", ["gram", pytest.param("moments", marks=pytest.mark.ci)])
def test_the_losses_are_those_of_the_optimised_image(distance, batch):
    """Term by term, each image with a style of its own."""
    network, painted, photographs = network_of(NETWORK), images(2), images(2, 1)
    config = dataclasses.replace(CONFIG, distance=distance)

    @jax.jit
    def of_batch(painted):
        features, kept = (network.apply(batch["network"], each, LAYERS) for each in (painted, photographs))
        targets = painted_losses.chosen(batch["style"], jnp.array([1, 0]))
        contents = {"layer2": kept["layer2"]}
        terms = fast_style.terms_of(config)
        return painted_losses.losses(features, painted, contents, targets, terms, distance, config.variation)

    options = {"content_layers": config.content_layers, "style_layers": config.style_layers, "distance": distance}
    slow = style.Config((9, 8, 3), NETWORK, variation=config.variation, **options)

    @jax.jit
    def of_one(image, photograph, number):
        kept = network.apply(batch["network"], photograph[None], ("layer2",))
        targets = jax.tree.map(lambda leaf: leaf[number][None], batch["style"])
        parts = {"network": batch["network"], "content": {"layer2": kept["layer2"][0]}, "style": targets}
        return losses(slow, parts, image)

    values, metrics = of_batch(painted)
    for n, number in enumerate((1, 0)):
        value, each = of_one(painted[n], photographs[n], number)
        np.testing.assert_allclose(values[n], value, rtol=1e-5)
        assert metrics.keys() == each.keys()
        for name, term in each.items():
            np.testing.assert_allclose(metrics[name][n], term, rtol=1e-4, atol=1e-7)


def test_styles_are_dealt_equally_often():
    numbers = jax.jit(jax.vmap(lambda key: painted_losses.dealt(key, 6, 3)))(jax.random.split(jax.random.key(0), 50))
    assert (np.stack([np.bincount(row, minlength=3) for row in numbers]) == 2).all()
    assert set(np.asarray(numbers)[:, 0]) == {0, 1, 2}


def test_a_photograph_in_its_own_style_has_no_loss():
    """And one whose features are 0 has a style loss of 1 for each layer."""
    network = network_of(NETWORK)
    terms = fast_style.terms_of(CONFIG)

    @jax.jit
    def of_itself(image):
        features = network.apply(network.init(jax.random.key(2), LAYERS), image, LAYERS)
        own = style_losses.style_targets(features, LAYERS)
        nothing = jax.tree.map(jnp.zeros_like, features)
        of_nothing = painted_losses.style_loss(nothing, own, terms[1], "gram")
        return *painted_losses.losses(features, image, features, own, terms, "gram", 0.0), of_nothing

    loss, metrics, of_nothing = of_itself(images(2))
    np.testing.assert_allclose(loss, 0.0, atol=1e-9)
    assert metrics["variation"].max() == 0
    np.testing.assert_allclose(of_nothing, 1.5, rtol=1e-6)


def test_adain_knows_a_style_by_its_statistics_as_by_its_image():
    features = jnp.asarray(np.random.default_rng(3).normal(2, 3, (2, 6, 5, 4)).astype(np.float32))
    both = jax.jit(lambda x: (adain.of_statistics(style_losses.statistics(x)), moments(x)))(features)
    for ours, theirs in zip(*both):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_adain_of_no_strength_does_not_depend_on_the_style():
    technique = adain.tiny()["adain"]
    state = jax.jit(technique.init)(jax.random.key(0))
    x = jax.jit(technique.inputs)(jax.random.key(1))["stylize"]
    paint = jax.jit(lambda x: technique.infer["stylize"](state, jax.random.key(0), x))
    of = lambda strength, image: paint({**x, "strength": jnp.float32(strength), "style": image})
    other = images(1, 5)[0] ** 3
    np.testing.assert_allclose(of(0.0, x["style"]), of(0.0, other), atol=1e-6)
    assert np.abs(of(1.0, x["style"]) - of(1.0, other)).max() > 1e-4


@pytest.mark.ci
@pytest.mark.ci
def test_features_of_any_size_are_decoded_alike():
    """Those of networks for pixels up to 255 are in the hundreds; as they are, they would saturate the last sigmoid."""
    technique = adain.tiny()["adain"]
    state, x = jax.jit(technique.init)(jax.random.key(0)), dict(technique.inputs(jax.random.key(1))["stylize"])
    scaled = lambda factor: jax.tree.map(lambda leaf: factor * leaf, x["network"])  # GELU of large values is linear
    stylize = jax.jit(technique.infer["stylize"])
    one, other = (stylize(state, jax.random.key(0), {**x, "network": scaled(factor)}) for factor in (1.0, 1000.0))
    assert other.std() > 0.2 * one.std() > 0
    assert 0.05 < other.min() < other.max() < 0.95


def test_only_the_painter_learns_and_its_loss_falls(batch):
    technique = fast_style.make(CONFIG)
    state, step = jax.jit(technique.init)(jax.random.key(0)), jax.jit(technique.step)
    first = None
    for _ in range(30):
        state, metrics = step(state, batch)
        first = first or float(metrics["loss"])
    assert float(metrics["loss"]) < 0.8 * first
    assert {"first", "last", "block1_conv1", "larger2_norm"} <= state.params.keys()
