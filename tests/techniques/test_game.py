"""The game of two players: what each update is made of, and what samples are drawn from."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.config import changed
from jaxgen.core.types import Refused
from jaxgen.ops import averages, games
from jaxgen.optim.textbook import adam, sgd
from jaxgen.techniques.adversarial import chollet_gan, critics, dcgan, gan, rules
from jaxgen.techniques.adversarial.rules import Rules, Variables

KEY = jax.random.key(0)
POINTS = {"points": 2, "batch": 8, "latent": 2, "hidden": "8", "critic_hidden": "8", "penalty": "none"}
RATES = {"learning_rate": 0.1, "critic_learning_rate": 0.2}


def played(optimizer=sgd, **fields):
    """A technique on points, its first State and a batch."""
    technique = gan.make(changed(gan.Config(), {**POINTS, **RATES, **fields}), optimizer, optimizer)
    return technique, jax.jit(technique.init)(KEY), technique.example(jax.random.key(1))


def close(a, b):
    return jax.tree.all(jax.tree.map(lambda x, y: np.allclose(x, y, atol=1e-5), a, b))


def test_the_networks_are_the_books():
    shapes = jax.eval_shape(chollet_gan.make().init, KEY).params
    count = lambda tree: sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))
    assert {name: count(tree) for name, tree in shapes.items()} == {"generator": 6_264_579, "critic": 790_913}


def test_the_generator_moves_through_the_critic_that_has_moved():
    """Its step is plain gradient descent on its loss, of samples of its own, against the critic of the next State."""
    technique, state, batch = played(average=0.0)
    moved, metrics = jax.jit(technique.step)(state, batch)
    net = gan.Critic([8], "none", 0.0, 0)
    critic = lambda params, x: rules.scored(net, Variables(params, {}), x, None)[0]
    keys = jax.random.split(jax.random.fold_in(state.key, 0), 4)
    z = jax.random.normal(keys[1], (8, 2), jnp.float32)
    make = lambda params: gan.Generator([8], 2, 0, False).apply({"params": params}, z)
    loss = lambda params, against: games.LOSSES["non_saturating"].generator(critic(against, make(params)))
    stepped = lambda against: jax.tree.map(
        lambda p, g: p - 0.1 * g, state.params["generator"], jax.grad(loss)(state.params["generator"], against)
    )
    assert close(moved.params["generator"], stepped(moved.params["critic"]))
    assert not close(moved.params["generator"], stepped(state.params["critic"]))
    assert np.isclose(metrics["generator_loss"], loss(state.params["generator"], moved.params["critic"]), atol=1e-6)


def test_several_steps_of_the_critic_share_a_batch():
    technique, state, batch = played(adam, critic_steps=2)
    step = jax.jit(technique.step)
    moved, _ = step(state, batch)
    counts = {name: int(opt.updates) for name, opt in moved.opt.items()}
    assert counts == {"generator": 1, "critic": 2}
    for half in (slice(0, 4), slice(4, 8)):  # each example is seen
        other, _ = step(state, {**batch, "point": batch["point"].at[half].add(1.0)})
        assert not close(other.params["critic"], moved.params["critic"])


def test_samples_are_of_the_running_average():
    technique, state, batch = played(average=0.9)
    step, averaged = jax.jit(technique.step), state.params["generator"]
    for n in range(3):
        state, _ = step(state, batch)
        weight = min(0.9, (1 + n) / (10 + n))
        averaged = jax.tree.map(lambda a, p, w=weight: w * a + (1 - w) * p, averaged, state.params["generator"])
    assert close(state.carry["average"]["params"], averaged)
    sampled = technique.infer["decode"](state, KEY, jnp.ones(2))
    direct = gan.Generator([8], 2, 0, False).apply({"params": averaged}, jnp.ones((1, 2)))[0]
    assert np.allclose(sampled, direct, atol=1e-5)


def test_batch_statistics_are_averaged_with_the_parameters():
    config = changed(
        dcgan.Config(), {"shape": (4, 4, 1), "halvings": 1, "batch": 4, "width": 2, "dense": 0, "average": 0.5}
    )
    technique = dcgan.make(changed(config, {"penalty": "none"}))
    state = jax.jit(technique.init)(KEY)
    moved, _ = jax.jit(technique.step)(state, technique.example(KEY))
    stats = lambda tree: tree["batch_stats"]
    weight = float(averages.ramped(0.5, 0))
    expected = jax.tree.map(
        lambda a, b: weight * a + (1 - weight) * b, stats(state.carry["generator"]), stats(moved.carry["generator"])
    )
    assert close(stats(moved.carry["average"]["stats"]), expected)


def test_labels_are_smoothed_of_real_examples_alone():
    real, fake = critics.targets(changed(Rules(), {"label_smoothing": 0.1}), KEY, 3)
    assert np.allclose(real, 0.9)
    assert np.allclose(fake, 0.0)
    assert critics.targets(Rules(), KEY, 3) == (None, None)
    real, fake = critics.targets(changed(Rules(), {"label_noise": 0.5}), KEY, 1000)
    np.testing.assert_allclose([real.min(), real.max(), fake.min(), fake.max()], [0.5, 1.0, -0.5, 0.0], atol=5e-3)


def test_both_kinds_are_scored_by_the_same_kernels():
    technique, state, batch = played(spectral=True, loss="wasserstein", average=0.0)
    _, metrics = jax.jit(technique.step)(state, batch)
    critic = Variables(state.params["critic"], state.carry["critic"])
    net = gan.Critic([8], "spectral", 0.0, 0)
    score = lambda x: rules.scored(net, critic, x, None, KEY)[0].mean()
    assert np.isclose(metrics["real_score"], score(batch["point"]), atol=1e-5)
    key = jax.random.fold_in(jax.random.split(jax.random.fold_in(state.key, 0), 4)[0], 0)
    z = jax.random.normal(jax.random.split(key)[0], (8, 2), jnp.float32)
    fake = gan.Generator([8], 2, 0, False).apply({"params": state.params["generator"]}, z)
    assert np.isclose(metrics["fake_score"], score(fake), atol=1e-5)


def test_a_class_that_is_asked_for_changes_the_sample():
    technique, state, _ = played(conditional=True)
    one, two = (technique.infer["decode"](state, KEY, (jnp.ones(2), jnp.int32(label))) for label in (0, 1))
    assert not np.allclose(one, two)


@pytest.mark.parametrize(
    ("module", "fields", "sentence"),
    [
        (dcgan, {"shape": (27, 28, 1)}, "images of 27x28 pixels can be halved 0 times"),
        (dcgan, {"critic_norm": "batch"}, "--penalty=r1 needs the slope of each image's own score"),
        (dcgan, {"diff_augment": "colour"}, "--diff_augment knows color,translation,cutout, not 'colour'"),
        (chollet_gan, {"shape": (16, 16, 1)}, "make even sides of at least 24 pixels, not 16x16"),
        (gan, {"critic_steps": 3}, "--batch_size=8 cannot be split among --critic_steps=3"),
        (gan, {"loss": "hinge", "label_smoothing": 0.1}, "--loss=hinge has no use for the labels of --label_smoothing"),
        (gan, {"loss": "minimax", "label_noise": 0.1}, "these have: least_squares, book"),
        (gan, {"conditional": True, "labels": ()}, "--conditional needs data of at least 2 classes"),
    ],
)
def test_what_cannot_be_played_is_refused(module, fields, sentence):
    with pytest.raises(Refused, match=sentence):
        module.make(changed(module.Config(), {"batch": 8, **fields}))
