"""How a restricted Boltzmann machine learns, and what it computes, against NumPy and enumeration."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.config import changed
from jaxgen.core.types import Refused
from jaxgen.ops import boltzmann
from jaxgen.ops.boltzmann import Machine, Units
from jaxgen.optim.textbook import sgd
from jaxgen.techniques.energy import learning, rbm

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
SMALL = {"shape": (2, 3, 1), "labels": ("a", "b", "c"), "batch": 16, "hidden": 4, "pixels": "greyscale"}
ALL_X = np.array(list(itertools.product([0, 1], repeat=6)), np.float32)
BATCH = {"image": ALL_X[RNG.choice(64, 16, p=RNG.dirichlet(np.full(64, 0.2)))], "label": np.arange(16) % 3}


def made(**fields):
    config = changed(rbm.Config(), {**SMALL, **fields})
    return config, rbm.make(config, sgd)


def machine(hidden=4, visible=6, scale=1.0):
    return {
        "kernel": np.float32(scale * RNG.normal(size=(visible, hidden))),
        "visible_bias": np.float32(RNG.normal(size=visible)),
        "hidden_bias": np.float32(RNG.normal(size=hidden)),
    }


def with_machine(technique, params):
    """A first State with these parameters, also as those that are tested."""
    state = jax.jit(technique.init)(KEY)
    carry = {**state.carry, "average": params} if "average" in state.carry else state.carry
    return state._replace(params=params, carry=carry)


@pytest.mark.parametrize("scale", [1.0, pytest.param(0.5, marks=pytest.mark.ci)])
def test_the_centred_gradient_is_that_of_centred_parameters(scale):
    """By autodiff: the plain parameters as functions of the centred ones, which move against their own gradient."""
    units = Units("gaussian" if scale != 1.0 else "binary", sigma=scale)
    own, x = Machine(**machine()), jnp.float32(BATCH["image"])
    mu, offset = np.float32(RNG.uniform(size=6)), np.float32(RNG.uniform(size=4))

    def plain(theta):
        w, a, b = theta
        return Machine(w, a - scale * w @ offset, b - mu @ w)

    theta = Machine(own.kernel, own.visible_bias + scale * own.kernel @ offset, own.hidden_bias + mu @ own.kernel)
    free = lambda m: boltzmann.free_energy(units, m, x).mean()

    @jax.jit
    def both(own, theta):
        of_centred = jax.grad(lambda theta: free(plain(theta)))(theta)
        moved = jax.jvp(plain, (theta,), (of_centred,))[1]  # `plain` is linear
        return learning.centred(jax.grad(free)(own), mu, offset, scale), moved

    for ours, theirs in zip(*both(own, theta)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_step_is_contrastive_divergence():
    """Of a machine that is not centred, from data: parameters by hand, with the draws of the chain as they were."""
    config, technique = made(centred=False, average=0.0, k=3, learning_rate=0.5)
    state = with_machine(technique, machine())
    after, _ = jax.jit(technique.step)(state, BATCH)
    m, x = Machine(**state.params), jnp.float32(BATCH["image"])
    key = jax.random.split(jax.random.fold_in(state.key, 0))[1]
    negative = jax.jit(lambda x: boltzmann.chains(Units(), m, key, x, config.learning.k))(x)
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    h, other = (sigmoid(np.asarray(each) @ m.kernel + m.hidden_bias) for each in (x, negative))
    change = {
        "kernel": x.T @ h - negative.T @ other,
        "visible_bias": (x - negative).sum(0),
        "hidden_bias": (h - other).sum(0),
    }
    for name, value in change.items():
        np.testing.assert_allclose(after.params[name], state.params[name] + 0.5 * value / 16, rtol=1e-4, atol=1e-5)
    assert not after.carry


def test_chains_persist_offsets_follow_and_parameters_are_averaged():
    _, technique = made(chains="persistent", average=0.9)
    first = jax.jit(technique.init)(KEY)
    state, _ = jax.jit(technique.step)(first, BATCH)
    assert set(np.unique(state.carry["chains"])) == {0.0, 1.0}
    assert (state.carry["chains"] != first.carry["chains"]).any()
    mean = BATCH["image"].mean(0)  # after the first update; then it follows slowly
    np.testing.assert_allclose(state.carry["visible_offset"], mean, rtol=1e-5)
    other = {**BATCH, "image": 1 - BATCH["image"]}
    late = state._replace(step=jnp.int32(500))
    moved = jax.jit(technique.step)(late, other)[0].carry["visible_offset"]
    np.testing.assert_allclose(moved, 0.99 * mean + 0.01 * (1 - mean), rtol=1e-5)
    for name, average in state.carry["average"].items():  # of the first update min(0.9, 1/10) is kept
        expected = 0.1 * first.params[name] + 0.9 * state.params[name]
        np.testing.assert_allclose(average, expected, rtol=1e-4, atol=1e-7)
    with pytest.raises(Refused, match="a batch of 7 examples cannot be learnt with 16 chains"):
        jax.eval_shape(technique.step, state, {name: each[:7] for name, each in BATCH.items()})


def trained_nll(image):
    """-log p(x), exactly, of a machine after 600 updates on the images."""
    config, technique = made(
        chains="persistent", k=2, learning_rate=0.1, average=0.99, temperatures=50, pixels="stochastic"
    )

    @jax.jit
    def train(image):
        step = lambda _, state: technique.step(state, {"image": image})[0]
        state = jax.lax.fori_loop(0, 600, step, technique.init(KEY))
        fold = rbm.likelihood(config)
        return fold.finish(fold.add(state, KEY, fold.start(), {"image": image}, jnp.ones(16, bool)))

    return train(image)


def test_centred_machines_learn_an_image_and_its_negative_alike():
    image = BATCH["image"]
    metrics = [trained_nll(each) for each in (image, 1 - image)]
    exact = [each["nll_exact"] for each in metrics]
    assert abs(exact[0] - exact[1]) < 0.1
    counts = np.unique(image, axis=0, return_counts=True)[1] / 16
    entropy = -(counts * np.log(counts)).sum()
    assert entropy <= min(exact) <= max(exact) < 6 * np.log(2) - 0.4  # better than no machine
    for each in metrics:
        assert abs(each["nll"] - each["nll_exact"]) < 4 * each["nll_error"] < 0.2
        assert abs(each["nll_downwards"] - each["nll_exact"]) < 0.2


def test_sparsity_pulls_units_to_their_target():
    means = []
    for sparsity in (0.0, 3.0):
        _, technique = made(sparsity=sparsity, target=0.05, learning_rate=0.1)
        step = lambda _, state, technique=technique: technique.step(state, BATCH)[0]
        state = jax.jit(lambda technique=technique, step=step: jax.lax.fori_loop(0, 300, step, technique.init(KEY)))()
        means.append(float(boltzmann.hidden_mean(Units(), Machine(**state.params), BATCH["image"]).mean()))
    assert means[0] > 0.3
    assert means[1] < 0.15


def test_chains_keep_what_is_known_and_have_the_machines_conditional_distribution():
    _, technique = made()
    state = with_machine(technique, machine())
    known = np.arange(6) < 4
    start = {"image": BATCH["image"][0], "known": known, "steps": jnp.int32(30)}
    drawn = jax.jit(jax.vmap(technique.infer["fill"], (None, 0, None)))(state, jax.random.split(KEY, 4000), start)
    np.testing.assert_array_equal(drawn[:, :4], np.tile(start["image"][:4], (4000, 1)))
    fits = (ALL_X[:, :4] == start["image"][:4]).all(1)
    p = np.asarray(jax.nn.softmax(-boltzmann.free_energy(Units(), Machine(**state.params), jnp.float32(ALL_X[fits]))))
    np.testing.assert_allclose(drawn[:, 4:].mean(0), p @ ALL_X[fits, 4:], atol=0.02)


def test_a_labelled_machine_draws_of_a_class_and_classifies():
    config, technique = made(labelled=True)
    state = with_machine(technique, machine(visible=9))
    m, units = Machine(**state.params), Units(classes=3)
    label = np.eye(3, dtype=np.float32)
    pairs = np.concatenate([np.repeat(ALL_X, 3, 0), np.tile(label, (64, 1))], 1)
    p = np.exp(-np.asarray(boltzmann.free_energy(units, m, pairs), np.float64)).reshape(64, 3)
    predict = jax.jit(jax.vmap(technique.infer["predict"], (None, None, 0)))
    np.testing.assert_allclose(predict(state, KEY, ALL_X), p / p.sum(1, keepdims=True), atol=1e-4)
    start = {"label": jnp.int32(1), "steps": jnp.int32(40)}
    drawn = jax.jit(jax.vmap(technique.infer["sample_class"], (None, 0, None)))(
        state, jax.random.split(KEY, 4000), start
    )
    np.testing.assert_allclose(drawn.mean(0), p[:, 1] @ ALL_X / p[:, 1].sum(), atol=0.02)
    fold, mask = rbm.accuracy(config), jnp.arange(16) < 12
    metrics = jax.jit(lambda: fold.finish(fold.add(state, KEY, fold.start(), BATCH, mask)))()
    right = predict(state, KEY, BATCH["image"]).argmax(1) == BATCH["label"]
    assert metrics["accuracy"] == pytest.approx(right[:12].mean())


def test_what_cannot_be_a_machine_is_refused():
    cases = {
        "--units=linear": {"units": "linear", "pixels": "gaussian"},
        "at least two classes; this one has 1": {"labelled": True, "labels": ("a",)},
        "needs binary pixels": {"labelled": True, "pixels": "gaussian"},
        "at least 2, or 0": {"temperatures": 1},
        "binary pixels and hidden units": {"temperatures": 9, "units": "linear", "pixels": "static"},
        "have no likelihood": {"temperatures": 9},
    }
    for message, fields in cases.items():
        with pytest.raises(Refused, match=message):
            made(**fields)
