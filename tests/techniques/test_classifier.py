"""What a classifier's Config makes of it: layers, their start, and the functions of a trained one."""

import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import loop
from jaxgen.core.types import Refused, Holdout
from jaxgen.optim.textbook import sgd
from jaxgen.techniques.vision import classifier

KEY = jax.random.key(0)
SMALL = classifier.Config(shape=(6, 6, 1), labels=("a", "b", "c"), hidden="8,5", channels="3,4")
change = functools.partial(dataclasses.replace, SMALL)


def pixels(count=32, config=SMALL, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, len(config.labels), count).astype(np.int32)
    return {"image": rng.integers(0, 256, (count, np.prod(config.shape)), np.uint8), "label": label}


def shapes(**fields):
    """layer -> shape of its kernel."""
    params = jax.eval_shape(classifier.make(change(**fields)).init, KEY).params
    return {name: layer.get("linear", layer)["kernel"].shape for name, layer in params.items()}


def test_lists_of_widths():
    for text, found in {"300,100": [300, 100], "100x50": [100] * 50, "8,4x2,1": [8, 4, 4, 1], "": []}.items():
        assert classifier.widths(text, "hidden") == found


@pytest.mark.parametrize(
    "text",
    ["abc", "8,abc", "0", "-3", "1.5", "8x0", "8xx2", "x3", "8x-1", "1e3", "8 8", "2000000", "9" * 5000, "8x10001"],
)
def test_what_is_no_list_of_widths(text):
    with pytest.raises(Refused, match="--channels is a list of widths such as 300,100 or 100x50, not"):
        classifier.widths(text, "channels")


def test_too_many_layers():
    with pytest.raises(Refused, match=r"--hidden=8x600,8x401 are 1,001 layers; at most 1,000 are made"):
        classifier.widths("8x600,8x401", "hidden")


def test_the_flags_shape_the_layers():
    assert shapes(hidden="7,5x2") == {"layer1": (36, 7), "layer2": (7, 5), "layer3": (5, 5), "output": (5, 3)}
    assert shapes(hidden="") == {"output": (36, 3)}, "softmax regression"
    assert shapes(network="cnn", shape=(9, 8, 3), channels="4,3", hidden="6") == {
        **{"layer1": (3, 3, 3, 4), "layer2": (3, 3, 4, 3), "layer3": (2 * 2 * 3, 6)},
        "output": (6, 3),
    }
    assert shapes(network="cnn", channels="4", hidden="") == {"layer1": (3, 3, 1, 4), "output": (3 * 3 * 4, 3)}
    with pytest.raises(Refused, match="3 convolutions with pooling need images of at least 8 pixels a side, found 9x7"):
        shapes(network="cnn", channels="4x3", shape=(9, 7, 1))


VARIANCES = {
    **{"xavier_uniform": 2 / 700, "xavier_normal": 2 / 700, "he_uniform": 2 / 400, "he_normal": 2 / 400},
    **{"lecun_normal": 1 / 400, "lecture_uniform": 32 / 700, "lecture_normal": 32 / 700},
    "truncated": 4 * 0.7737 / 400,  # of a normal distribution cut at two standard deviations
}


def test_kernels_start_as_the_initializer_says():
    """The output's too; biases start at 0. 120,000 weights each, variances known to 1 %."""
    configs = [change(shape=(20, 20, 1), hidden="300", activation="tanh", initializer=name) for name in VARIANCES]
    begun = jax.jit(lambda: [classifier.make(config).init(KEY).params for config in configs])()
    for params, (name, expected) in zip(begun, VARIANCES.items(), strict=True):
        kernel = np.asarray(params["layer1"]["linear"]["kernel"])
        assert kernel.var() == pytest.approx(expected, rel=0.02), name
        assert bool(np.abs(kernel).max() < 1.8 * kernel.std()) is ("uniform" in name), name
        scale = {"truncated": 400 / 300, "he_uniform": 400 / 300, "he_normal": 400 / 300, "lecun_normal": 400 / 300}
        assert params["output"]["kernel"].var() == pytest.approx(expected * scale.get(name, 700 / 303), rel=0.2), name
        assert not np.any(params["layer1"]["linear"]["bias"])
        assert not np.any(params["output"]["bias"])


KINDS = ("sigmoid", "tanh", "relu", "leaky_relu", "rrelu", "prelu", "elu", "selu", "gelu")


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_each_activation_makes_another_classifier(network):
    """Of the same kernels; the slopes that prelu alone has are there for all."""
    techniques = [classifier.make(change(network=network, activation=kind)) for kind in KINDS]
    image, state = pixels(1)["image"][0], jax.jit(techniques[KINDS.index("prelu")].init)(KEY)
    told = np.asarray(jax.jit(lambda state: [t.infer["predict"](state, KEY, image) for t in techniques])(state))
    np.testing.assert_allclose(told.sum(1), 1, rtol=1e-5)
    distances = np.abs(told[:, None] - told[None]).max(-1) + np.eye(len(KINDS))
    assert distances.min() > 1e-6, [KINDS[n] for n in np.argwhere(distances < 1e-6).reshape(-1)]


def test_prediction_and_features_by_hand():
    technique = classifier.make(change(activation="tanh"))
    state, image = jax.jit(technique.init)(KEY), pixels(1)["image"][0]
    first, second, output = (state.params[name] for name in ("layer1", "layer2", "output"))
    h = np.float64(image) / 255
    for layer in (first["linear"], second["linear"]):
        h = np.tanh(h @ layer["kernel"] + layer["bias"])
    powers = np.exp(h @ output["kernel"] + output["bias"])
    told, seen = jax.jit(lambda x: [technique.infer[name](state, KEY, x) for name in ("predict", "features")])(image)
    np.testing.assert_allclose(told, powers / powers.sum(), rtol=1e-5)
    np.testing.assert_allclose(seen, h, rtol=1e-4, atol=1e-6)
    floats = jax.jit(technique.infer["predict"])(state, KEY, np.float32(image) / 255)
    np.testing.assert_allclose(floats, told, rtol=1e-5)
    plain = classifier.make(change(hidden=""))
    np.testing.assert_array_equal(plain.infer["features"](plain.init(KEY), KEY, image), np.float32(image) / 255)


def begun(technique):
    """With running statistics that are not those of the start."""
    state = jax.jit(technique.init)(KEY)
    return state._replace(carry=jax.tree.map(lambda a: a + 0.3, state.carry))


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_evaluation_is_of_each_image_alone(network):
    """With every knob of training set: no draws, running statistics, and what fills up a batch does not count."""
    knobs = dict(batch_norm=True, dropout=0.5, activation="rrelu", shift=2.0, flip=True, cutout=3)
    technique, batch = classifier.make(change(network=network, **knobs)), pixels(8)
    state = begun(technique)
    label, odd = batch["label"], np.arange(8) % 2 == 1
    spoilt = {
        "image": np.where(odd[:, None], batch["image"][::-1] // 3, batch["image"]),
        "label": np.where(odd, 0, label),
    }
    take = lambda arrays, n: (arrays, ~jnp.asarray(odd))
    whole, part = (loop.evaluate(technique.evaluate, state, Holdout(b, take, 1), KEY) for b in (batch, spoilt))
    assert whole == part
    predict = jax.jit(jax.vmap(technique.infer["predict"], (None, None, 0)))
    told = np.asarray(predict(state, KEY, batch["image"]))
    np.testing.assert_array_equal(told, predict(state, jax.random.key(5), batch["image"]))
    assert whole["accuracy"] == np.mean((told.argmax(1) == label)[~odd])
    assert whole["nll"] == pytest.approx(-np.log(told[np.arange(8), label])[~odd].mean(), rel=1e-5)


def test_running_statistics_become_those_of_the_data():
    """A rate of 0 for 100 steps: parameters stay, the first layer's statistics are those of all images."""
    technique = classifier.make(change(batch_norm=True, learning_rate=0.0), sgd)
    data, state = pixels(640), jax.jit(technique.init)(KEY)
    take = lambda arrays, key, n: jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, n % 10 * 64, 64), arrays)
    before, data = jax.tree.map(np.array, state.params), jax.tree.map(jnp.asarray, data)
    state, _, finite = loop.chunk(technique.step, take, state, data, None, 100, KEY)
    chex.assert_trees_all_equal(state.params, before)
    assert finite
    given = np.float64(data["image"]) / 255 @ before["layer1"]["linear"]["kernel"]
    running = state.carry["batch_stats"]["layer1"]["norm"]
    noise = 5 / np.sqrt(19 * 64)  # momentum 0.9 averages over about 19 batches
    np.testing.assert_allclose((running["mean"] - given.mean(0)) / given.std(0), 0, atol=noise)
    np.testing.assert_allclose(running["var"] / given.var(0), 1, atol=noise * np.sqrt(2) + 1 / 64)


def test_bfloat16_is_for_products_only():
    config = change(batch_norm=True, precision="bf16")
    technique, batch = classifier.make(config), pixels()
    state = begun(technique)
    assert {leaf.dtype for leaf in jax.tree.leaves((state.params, state.carry))} == {jnp.dtype("float32")}
    slope = jax.value_and_grad(classifier.training(config)[1], has_aux=True)
    (value, (carry, logits, hidden)), slopes = jax.jit(slope)(state.params, state.carry, KEY, batch)
    assert (value.dtype, logits.dtype) == (jnp.float32, jnp.float32)
    assert {leaf.dtype for leaf in jax.tree.leaves((carry, slopes))} == {jnp.dtype("float32")}
    assert {a.dtype for a in hidden[:-1]} == {jnp.dtype("bfloat16")}
    wide = classifier.make(dataclasses.replace(config, precision="float32"))
    told, exact = (jax.jit(t.infer["predict"])(state, KEY, batch["image"][0]) for t in (technique, wide))
    assert (told.dtype, exact.dtype) == (jnp.float32, jnp.float32)
    assert 0 < np.abs(told - exact).max() < 0.02
