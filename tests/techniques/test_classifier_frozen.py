"""Layers that do not learn, and the return to the best parameters."""

import chex
import jax
import numpy as np
import pytest

from jaxgen.core.config import changed
from jaxgen.core.types import Refused
from jaxgen.optim.registry import OPTIMIZERS
from jaxgen.optim.settings import Settings, chosen
from jaxgen.techniques.vision import classifier, mlp

KEY = jax.random.key(0)
SMALL = changed(mlp.Config(), {"shape": (6, 6, 1), "labels": ("a", "b", "c"), "hidden": "8,5", "batch_norm": True})
RNG = np.random.default_rng(0)
BATCH = {"image": RNG.integers(0, 256, (16, 36), np.uint8), "label": RNG.integers(0, 3, 16).astype(np.int32)}


def change(**fields):
    return changed(SMALL, fields)


def same_batch(arrays, key, n):
    return arrays


def begun(technique):
    """With running statistics that are not those of the start."""
    state = jax.jit(technique.init)(KEY)
    return state._replace(carry=jax.tree.map(lambda a: a + 0.3, state.carry))


def freezing(optimizer):
    """Of three layers one learns, with penalties on the weights."""
    config = change(freeze="layer1,output", learning_rate=0.01, activation="prelu", dropout=0.2)
    return mlp.make(config, chosen(optimizer, Settings(l2=0.01, weight_decay=0.01)))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_optimiser_knows_no_frozen_layer(optimizer):
    state = jax.eval_shape(freezing(optimizer).init, KEY)
    named = jax.tree_util.tree_leaves_with_path(state.opt)
    paths = {name for name in state.params for path, _ in named if name in jax.tree_util.keystr(path)}
    assert paths == (set() if optimizer == "sgd" else {"layer2"})


@pytest.mark.ci
def test_frozen_is_stop_gradient():
    """The update is that of a loss with `stop_gradient` around those parameters, clipping included."""
    config = change(freeze="layer1,output", learning_rate=1.0)
    technique = mlp.make(config, chosen("sgd", Settings(clip_norm=0.1)))
    loss = classifier.training_loss(mlp.network(config))
    state = begun(technique)

    def stopped(params):
        held = {name: jax.lax.stop_gradient(params[name]) for name in ("layer1", "output")}
        return loss(params | held, state.carry, KEY, BATCH)[0]

    grads = jax.jit(jax.grad(stopped))(state.params)
    length = np.sqrt(sum(np.square(g).sum() for g in jax.tree.leaves(grads)))
    assert length > 0.1, "nothing to clip: the test would show less"
    after, _ = jax.jit(technique.step)(state, BATCH)
    expected = jax.tree.map(lambda p, g: p - np.float32(0.1 / length) * g, state.params, grads)
    chex.assert_trees_all_close(after.params, expected, atol=1e-6)
    for name in ("layer1", "output"):
        chex.assert_trees_all_equal(after.params[name], state.params[name])


@pytest.mark.ci
def test_a_frozen_layer_is_used_as_at_evaluation():
    """With its running statistics, without its dropout and draws; the layers above it are trained as ever."""
    state, runs = jax.tree.map(np.asarray, begun(mlp.make(SMALL))._replace(key=())), []
    for freeze in ("", "layer1", "layer1,layer2"):
        model = mlp.network(change(freeze=freeze, dropout=0.4, activation="rrelu"))
        loss = jax.jit(classifier.training_loss(model))
        drawn = [loss(state.params, state.carry, jax.random.key(n), BATCH)[1][2] for n in (0, 1)]
        runs.append([not np.array_equal(*(each[name] for each in drawn)) for name in model.layers])
    assert runs == [[True, True, True], [False, True, True], [False, False, False]]
    running = state.carry["batch_stats"]["layer1"]["norm"]
    h = np.float64(BATCH["image"]) / 255 @ state.params["layer1"]["linear"]["kernel"] - running["mean"]
    h = h / np.sqrt(running["var"] + 1e-5)
    np.testing.assert_allclose(drawn[0]["layer1"], np.where(h < 0, 11 / 48 * h, h), atol=1e-4)


def test_layers_that_cannot_be_frozen():
    assert classifier.frozen(mlp.network(change(freeze="layer2,output"))) == {"layer2", "output"}
    assert classifier.frozen(mlp.network(SMALL)) == frozenset()
    with pytest.raises(Refused, match="there is no layer 'layer3'; known: layer1, layer2, output"):
        mlp.make(change(freeze="layer1,layer3"))
    with pytest.raises(Refused, match="leaves no layer to learn"):
        mlp.make(change(freeze="output,layer2,layer1"))
