"""What a classifier's Config makes of it: layers, their start, and the functions of a trained one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.config import changed
from jaxgen.core.evaluation import evaluate
from jaxgen.core.types import Holdout, Refused
from jaxgen.nets.hidden import widths
from jaxgen.techniques.vision import classifier, cnn, mlp

KEY = jax.random.key(0)
SMALL = {"shape": (6, 6, 1), "labels": ("a", "b", "c"), "hidden": "8,5", "channels": "3,4"}
BOTH = pytest.mark.parametrize("network", [mlp, pytest.param(cnn, marks=pytest.mark.ci)])


def change(network=mlp, **fields):
    return changed(network.Config(), SMALL | fields)


def made(network=mlp, **fields):
    return network.make(change(network, **fields))


def pixels(count=32, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, count).astype(np.int32)
    return {"image": rng.integers(0, 256, (count, 36), np.uint8), "label": label}


def shapes(network=mlp, **fields):
    """layer -> shape of its kernel."""
    params = jax.eval_shape(made(network, **fields).init, KEY).params
    return {name: layer.get("linear", layer)["kernel"].shape for name, layer in params.items()}


def test_lists_of_widths():
    for text, expected in {"300,100": [300, 100], "100x50": [100] * 50, "8,4x2,1": [8, 4, 4, 1], "": []}.items():
        assert widths(text, "hidden") == expected


@pytest.mark.parametrize(
    "text",
    ["abc", "8,abc", "0", "-3", "1.5", "8x0", "8xx2", "x3", "8x-1", "1e3", "8 8", "2000000", "9" * 5000, "8x10001"],
)
def test_what_is_no_list_of_widths(text):
    with pytest.raises(Refused, match="--channels is a list of widths such as 300,100 or 100x50, not"):
        widths(text, "channels")


def test_too_many_layers():
    with pytest.raises(Refused, match=r"--hidden=8x600,8x401 are 1,001 layers; at most 1,000 are made"):
        widths("8x600,8x401", "hidden")


def test_the_flags_shape_the_layers():
    assert shapes(hidden="7,5x2") == {"layer1": (36, 7), "layer2": (7, 5), "layer3": (5, 5), "output": (5, 3)}
    assert shapes(hidden="") == {"output": (36, 3)}, "softmax regression"
    assert shapes(cnn, shape=(9, 8, 3), channels="4,3", hidden="6") == {
        **{"layer1": (3, 3, 3, 4), "layer2": (3, 3, 4, 3), "layer3": (2 * 2 * 3, 6)},
        "output": (6, 3),
    }
    assert shapes(cnn, channels="4", hidden="") == {"layer1": (3, 3, 1, 4), "output": (3 * 3 * 4, 3)}
    with pytest.raises(Refused, match="3 convolutions with pooling need images of at least 8 pixels a side, found 9x7"):
        shapes(cnn, channels="4x3", shape=(9, 7, 1))


@pytest.mark.ci
def test_kernels_start_as_the_initializer_says():
    """Of a variance that depends on the activation: 16 times Xavier's for tanh."""
    config = change(shape=(20, 20, 1), hidden="300", activation="tanh", initializer="lecture_normal")
    params = jax.jit(mlp.make(config).init)(KEY).params
    assert params["layer1"]["linear"]["kernel"].var() == pytest.approx(32 / 700, rel=0.02)
    assert params["output"]["kernel"].var() == pytest.approx(32 / 303, rel=0.2)


KINDS = ("sigmoid", "tanh", "relu", "leaky_relu", "rrelu", "prelu", "elu", "selu", "gelu")


@pytest.mark.ci
@BOTH
def test_each_activation_makes_another_classifier(network):
    """Of the same kernels; the slopes that prelu alone has are there for all."""
    techniques = [made(network, activation=kind) for kind in KINDS]
    image, state = pixels(1)["image"][0], jax.jit(techniques[KINDS.index("prelu")].init)(KEY)
    probabilities = np.asarray(
        jax.jit(lambda state: [t.infer["predict"](state, KEY, image) for t in techniques])(state)
    )
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    distances = np.abs(probabilities[:, None] - probabilities[None]).max(-1) + np.eye(len(KINDS))
    assert distances.min() > 1e-6, [KINDS[n] for n in np.argwhere(distances < 1e-6).reshape(-1)]


@pytest.mark.ci
def test_prediction_and_features_by_hand():
    technique = made(activation="tanh")
    state, image = jax.jit(technique.init)(KEY), pixels(1)["image"][0]
    first, second, output = (state.params[name] for name in ("layer1", "layer2", "output"))
    h = np.float64(image) / 255
    for layer in (first["linear"], second["linear"]):
        h = np.tanh(h @ layer["kernel"] + layer["bias"])
    powers = np.exp(h @ output["kernel"] + output["bias"])
    probabilities, features = jax.jit(
        lambda x: [technique.infer[name](state, KEY, x) for name in ("predict", "features")]
    )(image)
    np.testing.assert_allclose(probabilities, powers / powers.sum(), rtol=1e-5)
    np.testing.assert_allclose(features, h, rtol=1e-4, atol=1e-6)
    floats = jax.jit(technique.infer["predict"])(state, KEY, np.float32(image) / 255)
    np.testing.assert_allclose(floats, probabilities, rtol=1e-5)
    plain = made(hidden="")
    np.testing.assert_array_equal(plain.infer["features"](plain.init(KEY), KEY, image), np.float32(image) / 255)


def begun(technique):
    """With running statistics that are not those of the start."""
    state = jax.jit(technique.init)(KEY)
    return state._replace(carry=jax.tree.map(lambda a: a + 0.3, state.carry))


@pytest.mark.ci
@pytest.mark.parametrize("network", [mlp, pytest.param(cnn, marks=pytest.mark.ci)])
def test_evaluation_is_of_each_image_alone(network):
    """With every knob of training set: no draws, running statistics, and what fills up a batch does not count."""
    knobs = dict(batch_norm=True, dropout=0.5, activation="rrelu", shift=2.0, flip=True, cutout=3)
    technique, batch = made(network, **knobs), pixels(8)
    state = begun(technique)
    label, odd = batch["label"], np.arange(8) % 2 == 1
    spoilt = {
        "image": np.where(odd[:, None], batch["image"][::-1] // 3, batch["image"]),
        "label": np.where(odd, 0, label),
    }
    take = lambda arrays, n: (arrays, ~jnp.asarray(odd))
    whole, part = (evaluate(technique.evaluate, state, Holdout(b, take, 1), KEY) for b in (batch, spoilt))
    assert whole == part
    predict = jax.jit(jax.vmap(technique.infer["predict"], (None, None, 0)))
    probabilities = np.asarray(predict(state, KEY, batch["image"]))
    np.testing.assert_array_equal(probabilities, predict(state, jax.random.key(5), batch["image"]))
    assert whole["accuracy"].value == np.mean((probabilities.argmax(1) == label)[~odd])
    assert whole["nll"].value == pytest.approx(-np.log(probabilities[np.arange(8), label])[~odd].mean(), rel=1e-5)


@pytest.mark.ci
def test_bfloat16_is_for_products_only():
    config = change(batch_norm=True, precision="bf16")
    technique, batch = mlp.make(config), pixels()
    state = begun(technique)
    assert {leaf.dtype for leaf in jax.tree.leaves((state.params, state.carry))} == {jnp.dtype("float32")}
    slope = jax.value_and_grad(classifier.training_loss(mlp.network(config)), has_aux=True)
    (value, (carry, logits, hidden)), slopes = jax.jit(slope)(state.params, state.carry, KEY, batch)
    assert (value.dtype, logits.dtype) == (jnp.float32, jnp.float32)
    assert {leaf.dtype for leaf in jax.tree.leaves((carry, slopes))} == {jnp.dtype("float32")}
    assert {hidden[name].dtype for name in ("layer1", "layer2")} == {jnp.dtype("bfloat16")}
    wide = mlp.make(changed(config, {"precision": "float32"}))
    narrow, exact = (jax.jit(t.infer["predict"])(state, KEY, batch["image"][0]) for t in (technique, wide))
    assert (narrow.dtype, exact.dtype) == (jnp.float32, jnp.float32)
    assert 0 < np.abs(narrow - exact).max() < 0.02
