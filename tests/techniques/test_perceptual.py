"""The VAE of deep features against one convolution by hand, the plain VAE, and what may not change."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from contract import keeps_gradients

from jaxgen.core import loop
from jaxgen.core.evaluation import evaluate
from jaxgen.core.types import Holdout, Refused, Stage
from jaxgen.data.sources import beside, resident, streamed
from jaxgen.techniques.autoencoders import perceptual, vae

KEY = jax.random.key(0)
# One convolution of 3x3 pixels with a rectifier, 4 channels.
NETWORK = ("cnn", "6x5x3", "4", "", "relu", "", "2")
CONFIG = perceptual.Config((6, 5, 1), NETWORK, "mlp", 8, 2, "layer1:3", 0.0, 0.5, 0.1)


def images(count=6, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 30), np.uint8)


@pytest.fixture(scope="module")
def trained():
    """Technique, State and batch; the optimiser's state is the gradient."""
    technique = perceptual.make(CONFIG, keeps_gradients)
    batch = {**jax.jit(technique.example)(KEY), "image": jnp.asarray(images())}
    return technique, jax.jit(technique.init)(KEY), batch


def convolved(variables, grey):
    """The network's layer of grey images [B, 6, 5] in numpy: [B, 6, 5, 4]."""
    layer = jax.tree.map(np.asarray, variables["params"]["layer1"]["linear"])
    padded = np.pad(grey, ((0, 0), (1, 1), (1, 1)))
    shifted = np.stack([[padded[:, r : r + 6, c : c + 5] for c in range(3)] for r in range(3)])
    kernel = layer["kernel"].sum(2)  # of three equal channels
    return np.maximum(np.einsum("rcbhw,rco->bhwo", shifted, kernel) + layer["bias"], 0)


def test_the_loss_of_features_is_that_of_a_convolution_by_hand(trained):
    """The reconstruction is drawn; without the code's noise it is known."""
    technique, state, batch = trained
    params = dict(state.params)
    last = sorted(params["encoder"])[-1]
    still = {**params["encoder"][last], "kernel": 0 * params["encoder"][last]["kernel"]}
    still["bias"] = jnp.asarray([0.3, -0.7, -60.0, -60.0], jnp.float32)  # mean and log-variance
    state = state._replace(params={**params, "encoder": {**params["encoder"], last: still}})
    _, metrics = jax.jit(technique.step)(state, batch)
    z = jnp.asarray([0.3, -0.7], jnp.float32)
    x, y = images() / 255, np.asarray(technique.infer["decode"](state, KEY, z))[None].repeat(6, 0)
    a, b = (convolved(batch["network"], each.reshape(-1, 6, 5)) for each in (x, y))
    by_hand = 3 * np.square(a - b).sum((1, 2, 3)) / (2 * 4 * 5 * 6)
    assert float(metrics["features"]) == pytest.approx(by_hand.mean(), rel=1e-4)
    assert float(metrics["squared_error"]) == pytest.approx(np.square(x - y).sum(1).mean(), rel=1e-4)
    kl = 2 * 0.5 * (60 - 1) + 0.5 * (0.3**2 + 0.7**2)
    assert float(metrics["kl"]) == pytest.approx(kl, rel=1e-4)
    assert float(metrics["loss"]) == pytest.approx(by_hand.mean() + 0.5 * kl, rel=1e-4)


def test_images_that_are_restored_exactly_have_no_loss_of_features(trained):
    """Black images, and a decoder whose logits are far below 0."""
    technique, state, batch = trained
    params = dict(state.params)
    last = sorted(params["decoder"])[-1]
    dark = {name: jnp.full_like(each, -90.0 * (name == "bias")) for name, each in params["decoder"][last].items()}
    state = state._replace(params={**params, "decoder": {**params["decoder"], last: dark}})
    _, metrics = jax.jit(technique.step)(state, {**batch, "image": jnp.zeros((6, 30), jnp.uint8)})
    assert float(metrics["features"]) == 0
    assert float(metrics["squared_error"]) == 0


def test_kl_codes_and_reconstructions_are_the_plain_vaes(trained):
    technique, state, batch = trained
    plain = vae.make(vae.Config(shape=(6, 5, 1), hidden=8, latent=2))
    theirs = jax.jit(plain.init)(KEY)._replace(params=state.params)
    _, ours = jax.jit(technique.step)(state, batch)
    _, metrics = jax.jit(plain.step)(theirs, batch)
    assert float(ours["kl"]) == pytest.approx(float(metrics["kl_greyscale"]), rel=1e-6)
    for name in ("encode", "reconstruct"):
        both = [jax.vmap(each.infer[name], (None, None, 0))(state, KEY, batch["image"]) for each in (technique, plain)]
        np.testing.assert_allclose(*both, rtol=1e-6)


def test_the_fixed_network_does_not_learn_and_its_weights_matter(trained):
    """Gradients are of the autoencoder's parameters alone, and scale as the layer's weight does."""
    technique, state, batch = trained
    gradient = jax.jit(technique.step)(state, batch)[0].opt
    assert jax.tree.structure(gradient) == jax.tree.structure(state.params)
    assert set(state.params) == {"encoder", "decoder"}
    assert technique.shared == ("network",)
    twice = perceptual.make(dataclasses.replace(CONFIG, layers="layer1:6"), keeps_gradients)
    other = jax.jit(twice.step)(state, batch)[0].opt
    for one, two in zip(jax.tree.leaves(gradient["decoder"]), jax.tree.leaves(other["decoder"])):
        np.testing.assert_allclose(2 * one, two, rtol=1e-4, atol=1e-7)  # the KL has no gradient in the decoder
    changed = jax.tree.map(lambda leaf: 1.5 * leaf, batch["network"])
    before, after = (
        jax.jit(technique.step)(state, {**batch, "network": each})[1] for each in (batch["network"], changed)
    )
    assert float(after["features"]) == pytest.approx(1.5**2 * float(before["features"]), rel=1e-4)


def test_streamed_examples_have_the_network_beside_them(trained):
    """The same updates and evaluations as with examples that stay on the device."""
    technique, _, batch = trained
    technique = perceptual.make(CONFIG)
    ends = []
    for kind in (resident, streamed):
        source = beside(kind({"image": images(12)}, 4), network=batch["network"])
        *_, last = loop.train([Stage(technique, source, 4)], KEY, 2, 4)
        ends.append([last.train["loss"], *jax.tree.leaves(last.state.params)])
    for one, other in zip(*ends):
        np.testing.assert_array_equal(one, other)


@pytest.mark.ci
def test_the_evaluation_is_of_real_examples_alone(trained):
    technique, state, batch = trained
    mask = jnp.arange(6) < 4
    holdout = Holdout(
        {"image": batch["image"]}, lambda arrays, n: (arrays, mask), 1, shared={"network": batch["network"]}
    )
    values = {name: each.value for name, each in evaluate(technique.evaluate, state, holdout, KEY).items()}
    assert list(values) == ["loss", "features", "kl", "squared_error"]
    assert values["loss"] == pytest.approx(values["features"] + 0.5 * values["kl"], rel=1e-5)


@pytest.mark.ci
@pytest.mark.parametrize("shape", [(64, 64, 3), (28, 28, 1), (9, 7, 1)])
def test_the_deep_network_restores_the_size_of_images(shape):
    config = dataclasses.replace(CONFIG, shape=shape, coder="deep")
    technique = perceptual.make(config)
    state = jax.eval_shape(technique.init, KEY)
    pixels = int(np.prod(shape))
    image = jax.ShapeDtypeStruct((pixels,), jnp.uint8)
    assert jax.eval_shape(technique.infer["reconstruct"], state, KEY, image).shape == (pixels,)


def test_layers_that_cannot_be_compared_are_refused():
    for layers, sentence in (
        ("layer9:1", "no activation 'layer9'"),
        ("", "--layers is a list of layers"),
        ("layer1/2", "--layers compares whole layers, not channel 2 of layer1"),
    ):
        with pytest.raises(Refused, match=sentence):
            perceptual.make(dataclasses.replace(CONFIG, layers=layers))
