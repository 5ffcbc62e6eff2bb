"""Machines above machines: what a stage adopts, the passes up and down, and the networks that start from them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import dbn as experiment
from jaxgen.core.config import changed
from jaxgen.core.types import Refused
from jaxgen.ops.boltzmann import Machine
from jaxgen.optim.textbook import sgd
from jaxgen.techniques.autoencoders import stacked_autoencoder
from jaxgen.techniques.energy import dbn

KEY = jax.random.key(0)
SMALL = {"shape": (2, 3, 1), "labels": ("a", "b", "c"), "batch": 8, "hidden": "5", "latent": 4, "average": 0.5}
CONFIG = changed(dbn.Config(), SMALL)
IMAGE = np.random.default_rng(0).uniform(size=(8, 6)).astype(np.float32)
BATCH = {"image": IMAGE, "label": np.arange(8) % 3}
sigmoid = lambda z: 1 / (1 + np.exp(-np.asarray(z, np.float64)))


def learnt(**fields):
    """The States of both machines after a few updates at a rate that moves their weights."""
    config, states = changed(CONFIG, {"learning_rate": 2.0, **fields}), [None]
    for layer in (1, 2):
        own = changed(config, {"layer": layer})
        technique = dbn.make(own, sgd)
        state = jax.jit(lambda previous, own=own: dbn.adopting(own, sgd)(previous, KEY, ()))(states[-1])
        many = lambda state, technique=technique: jax.lax.fori_loop(
            0, 20, lambda _, state: technique.step(state, BATCH)[0], state
        )
        states.append(jax.jit(many)(state))
    return changed(config, {"layer": 2}), states[1:]


def test_a_machine_stands_on_the_averages_of_those_below():
    config, (lower, upper) = learnt()
    below, own = jax.tree.map(np.asarray, dbn.every_machine(config, upper))
    for name, value in lower.carry["average"].items():
        np.testing.assert_array_equal(getattr(below, name), value)
    technique = dbn.make(config, sgd)
    codes = sigmoid(IMAGE @ below.kernel + below.hidden_bias)
    expected = sigmoid(codes @ own.kernel + own.hidden_bias)
    encode = jax.jit(jax.vmap(technique.infer["encode"], (None, None, 0)))
    np.testing.assert_allclose(encode(upper, KEY, IMAGE), expected, atol=1e-5)
    up = sigmoid(expected @ own.kernel.T + own.visible_bias)
    pixels = sigmoid(up @ below.kernel.T + below.visible_bias)
    decode = jax.jit(jax.vmap(technique.infer["decode"], (None, None, 0)))
    np.testing.assert_allclose(decode(upper, KEY, np.float32(expected)), pixels, atol=1e-5)
    moved = jax.jit(technique.step)(upper, BATCH)[0]
    np.testing.assert_array_equal(moved.carry["below"][0]["kernel"], below.kernel)


def test_networks_that_start_from_machines_compute_what_these_do():
    config, (_, state) = learnt(labelled=True)
    *_, top = dbn.every_machine(config, state)
    assert top.kernel.shape == (5, 4)  # without the classes
    layers = experiment.as_layers(config, state)
    network = {"hidden": "5", "latent": 4, "shape": (2, 3, 1), "activation": "sigmoid", "labels": ("a", "b", "c")}
    for kind in ("autoencoder", "classifier"):
        deep = changed(stacked_autoencoder.Config(), {**network, "top": kind})
        technique = stacked_autoencoder.make(deep, sgd)
        begun = jax.jit(lambda layers, deep=deep: stacked_autoencoder.adopting(deep, sgd)(layers, KEY, ()))(layers)
        theirs = jax.jit(jax.vmap(technique.infer["encode"], (None, None, 0)))(begun, KEY, IMAGE)
        ours = jax.jit(jax.vmap(dbn.make(config, sgd).infer["encode"], (None, None, 0)))(state, KEY, IMAGE)
        np.testing.assert_allclose(theirs, ours, atol=1e-5)
        if kind == "autoencoder":
            reconstruct = jax.jit(jax.vmap(technique.infer["reconstruct"], (None, None, 0)))
            machines = dbn.every_machine(config, state)
            np.testing.assert_allclose(reconstruct(begun, KEY, IMAGE), dbn.downwards(config, machines, ours), atol=1e-5)


def test_passes_are_those_of_single_machines():
    rng = np.random.default_rng(1)
    made = lambda d, h: Machine(*(np.float32(rng.normal(size=shape)) for shape in ((d, h), (d,), (h,))))
    machines = [made(6, 5), made(5, 4)]
    softmax = lambda z: np.exp(z) / np.exp(z).sum(1, keepdims=True)
    for pixels, words, output in (("greyscale", 1, sigmoid), ("counts", 7, softmax)):
        config = changed(CONFIG, {"pixels": pixels, "words": words, "code": "linear"})
        code = dbn.upwards(config, machines, jnp.asarray(IMAGE))
        below = sigmoid(words * IMAGE @ machines[0].kernel + machines[0].hidden_bias)
        np.testing.assert_allclose(code, below @ machines[1].kernel + machines[1].hidden_bias, atol=1e-5)
        up = sigmoid(np.asarray(code) @ machines[1].kernel.T + machines[1].visible_bias)
        expected = output(up @ machines[0].kernel.T + machines[0].visible_bias)
        np.testing.assert_allclose(dbn.downwards(config, machines, code), expected, atol=1e-5)


def test_a_labelled_network_needs_classes():
    with pytest.raises(Refused, match="--labelled needs a set of at least two classes; this one has 0"):
        dbn.make(changed(CONFIG, {"labelled": True, "labels": ()}))
    with pytest.raises(Refused, match="hidden"):
        dbn.make(changed(CONFIG, {"hidden": "5,x"}))
