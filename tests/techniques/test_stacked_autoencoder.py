"""Stacked autoencoders: what is fixed stays, what is adopted is equal, and layers compose."""

import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.config import changed
from jaxgen.core.evaluation import evaluate
from jaxgen.core.types import Holdout, Refused
from jaxgen.optim.textbook import adam
from jaxgen.techniques.autoencoders import stacked_autoencoder as stacked

KEY = jax.random.key(0)
SMALL = {"shape": (3, 4, 1), "labels": ("a", "b", "c"), "hidden": "7,6", "latent": 5}


def config(**fields):
    return changed(stacked.Config(), {**SMALL, "learning_rate": 0.1, "pretrain_rate": 0.1, **fields})


def batch(count=8):
    rng = np.random.default_rng(1)
    image = rng.uniform(0, 1, (count, 12)).astype(np.float32)
    return {"image": jnp.asarray(image), "label": jnp.asarray(rng.integers(0, 3, count), jnp.int32)}


def adopted(own, previous):
    """A stage's first State, by one program: op by op, each would be compiled by itself."""
    return jax.jit(stacked.adopting(own, adam))(previous, KEY, ())


@functools.cache
def greedy(base, updates=2):
    """The State of each layer after a few updates, the lowest first; biases are not 0 then."""
    states = []
    for layer in (1, 2, 3):
        own = dataclasses.replace(base, layer=layer)
        state = adopted(own, states[-1] if states else None)
        step = jax.jit(stacked.make(own).step)
        for _ in range(updates):
            state, _ = step(state, batch())
        states.append(state)
    return states


def inferred(technique, name, state, x):
    return jax.jit(jax.vmap(technique.infer[name], (None, None, 0)))(state, KEY, x)


def test_a_layer_learns_on_layers_that_stay_bit_for_bit():
    first, second, third = greedy(config())
    chex.assert_trees_all_equal(third.carry, (*second.carry, second.params))
    chex.assert_trees_all_equal(second.carry, (first.params,))
    begun = adopted(config(layer=3), second)
    moved, _ = jax.jit(stacked.make(config(layer=3)).step)(begun, batch())
    assert np.abs(moved.params["encoder_0"]["kernel"] - begun.params["encoder_0"]["kernel"]).max() > 0.01
    sizes = {leaf.shape for leaf in jax.tree.leaves(begun.opt)}
    assert (6, 5) in sizes  # the optimiser knows this layer's kernel, and no other
    assert not {(12, 7), (7, 6)} & sizes


@pytest.mark.parametrize(
    "fields",
    [
        {"code": "linear", "loss": "squared"},
        pytest.param({"activation": "relu", "tied": False, "pretraining": "plain"}, marks=pytest.mark.ci),
        pytest.param({"activation": "tanh", "loss": "squared", "pretraining": "contractive"}, marks=pytest.mark.ci),
    ],
)
def test_unrolled_layers_are_their_composition(fields):
    own, x = config(**fields), batch()["image"]
    last = greedy(own)[-1]
    begun = adopted(own, last)
    alone, deep = stacked.make(dataclasses.replace(own, layer=3)), stacked.make(own)
    for name in ("encode", "reconstruct"):
        np.testing.assert_allclose(inferred(deep, name, begun, x), inferred(alone, name, last, x), rtol=2e-5, atol=1e-6)
    assert jax.tree.structure(begun.params) == jax.tree.structure(jax.eval_shape(deep.init, KEY).params)
    if own.network.tied:
        for n, layer in enumerate((*last.carry, last.params)):
            np.testing.assert_array_equal(begun.params[f"decoder_{2 - n}"]["kernel"].T, layer["encoder_0"]["kernel"])


@pytest.mark.ci
def test_reconstruction_of_two_layers_by_hand():
    state = greedy(config(loss="squared"))[1]
    sigmoid = lambda a: 1 / (1 + np.exp(-a))
    below, own = jax.tree.map(lambda a: np.asarray(a, np.float64), (state.carry[0], state.params))
    x = np.asarray(batch()["image"], np.float64)
    h1 = sigmoid(x @ below["encoder_0"]["kernel"] + below["encoder_0"]["bias"])
    h2 = sigmoid(h1 @ own["encoder_0"]["kernel"] + own["encoder_0"]["bias"])
    back = sigmoid(h2 @ own["encoder_0"]["kernel"].T + own["decoder_0"]["bias"])
    mean = back @ below["encoder_0"]["kernel"].T + below["decoder_0"]["bias"]  # of squared errors the output is linear
    technique = stacked.make(config(loss="squared", layer=2))
    np.testing.assert_allclose(inferred(technique, "reconstruct", state, batch()["image"]), mean, rtol=1e-4, atol=1e-5)


def test_above_the_first_layer_codes_are_corrupted_and_compared():
    """All of them masked: what is left of each is its square; zeros are encoded alike."""
    own = config(layer=2, strength=1.0)
    technique, x = stacked.make(own), batch()
    state = jax.jit(technique.init)(KEY)
    code = inferred(
        stacked.make(config(layer=1)), "encode", state._replace(params=state.carry[0], carry=()), x["image"]
    )
    holdout = Holdout(x, lambda arrays, n: (arrays, jnp.ones(8, bool)), 1)
    metrics = evaluate(technique.evaluate, state, holdout, KEY)
    assert metrics["squared_error_corrupted"].value == pytest.approx(float(np.square(code).sum(-1).mean()), rel=1e-5)
    h = 1 / (1 + np.exp(-np.asarray(state.params["encoder_0"]["bias"], np.float64)))
    out = h @ np.asarray(state.params["encoder_0"]["kernel"], np.float64).T + np.asarray(
        state.params["decoder_0"]["bias"]
    )
    entropy = (np.log1p(np.exp(out)) - np.asarray(code) * out).sum(-1).mean()
    assert metrics["cross_entropy_restored"].value == pytest.approx(entropy, rel=1e-5)
    assert all("of the codes of layer 1 in place of pixels" in metric.definition for metric in metrics.values())


@pytest.mark.parametrize("freeze", [True, pytest.param(False, marks=pytest.mark.ci)])
def test_a_classifier_starts_from_the_layers_and_may_leave_them(freeze):
    smoothing, noise = (0.3, 0.0) if freeze else (0.0, 0.4)
    rules = {"freeze": freeze, "label_smoothing": smoothing, "tuning_noise": noise}
    last, own = greedy(config())[-1], config(top="classifier", **rules)
    technique, begun = stacked.make(own), adopted(own, last)
    layers = (*last.carry, last.params)
    chex.assert_trees_all_equal([begun.params[f"encoder_{n}"] for n in range(3)], [p["encoder_0"] for p in layers])
    drawn = jax.jit(technique.init)(KEY)
    chex.assert_trees_all_equal(begun.params["output"], drawn.params["output"])
    assert begun.params.keys() == drawn.params.keys()
    chex.assert_trees_all_equal(begun.opt, drawn.opt)  # afresh: of other parameters, but of none of their updates
    moved, metrics = jax.jit(technique.step)(begun, batch())
    change = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), begun.params, moved.params)
    assert change["output"]["kernel"] > 0.01
    assert [change[f"encoder_{n}"]["kernel"] > 0.01 for n in range(3)] == 3 * [not freeze]
    assert max(change[f"encoder_{n}"]["bias"] for n in range(3)) > 0 or freeze
    drawn = jax.random.normal(jax.random.fold_in(begun.key, 0), (8, 12), jnp.float32)
    code = inferred(stacked.make(config(layer=3)), "encode", last, batch()["image"] + noise * drawn)
    logits = code @ begun.params["output"]["kernel"] + begun.params["output"]["bias"][None]
    log_p = np.asarray(jax.nn.log_softmax(logits))
    right = log_p[np.arange(8), batch()["label"]].mean()
    expected = (1 - smoothing) * right + smoothing * log_p.mean()
    assert float(metrics["loss"]) == pytest.approx(-float(expected), rel=1e-5)


@pytest.mark.ci
@pytest.mark.parametrize("kind", ["plain", "salt_and_pepper", "gaussian", "contractive", "kl", "l1"])
def test_every_kind_of_layer_learns(kind):
    first = stacked.make(config(layer=2, pretraining=kind, pretrain_rate=1e-2))
    state, step, losses = jax.jit(first.init)(KEY), jax.jit(first.step), []
    for _ in range(60):
        state, metrics = step(state, batch())
        losses.append(float(metrics["loss"]))
    assert np.mean(losses[-10:]) < np.mean(losses[:10])
    named = {"contractive": "jacobian", "kl": "kl_activations", "l1": "l1_activations", "plain": "squared_error"}
    assert named.get(kind, "squared_error_corrupted") in metrics


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"strength": 1.5}, "--strength=1.5 of --pretraining=masking is a share"),
        ({"freeze": True, "layer": 0}, "--freeze is for --top=classifier"),
        ({"label_smoothing": 0.1, "layer": 0}, "--label_smoothing is for --top=classifier"),
        ({"tuning_noise": 0.1, "layer": 0}, "--tuning_noise is for --top=classifier"),
        ({"top": "classifier", "labels": (), "layer": 0}, "at least two classes; this one has 0"),
        ({"pretraining": "kl", "code": "linear", "layer": 3}, "--sparsity=kl compares probabilities"),
    ],
)
def test_what_cannot_be_stacked_is_refused(fields, message):
    with pytest.raises(Refused, match=message.replace("(", r"\(")):
        stacked.make(config(**{"layer": 1, **fields}))
