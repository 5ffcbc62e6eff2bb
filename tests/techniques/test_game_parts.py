"""Parts of an update, with players made so that a metric shows each: penalties, augmentation, statistics, labels."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import loop
from jaxgen.core.config import changed
from jaxgen.core.progress import Policy, best_state
from jaxgen.core.types import Holdout, Source, Stage
from jaxgen.optim.textbook import adam, sgd
from jaxgen.techniques.adversarial import adversary, critics, gan, rules
from jaxgen.techniques.adversarial.game import in_parts
from jaxgen.techniques.adversarial.rules import Players, Variables

KEY = jax.random.key(0)
FIELDS = {"batch": 8, "points": 2, "latent": 2, "penalty": "none", "average": 0.0, "labels": ("a", "b", "c")}
RATES = {"learning_rate": 0.1, "critic_learning_rate": 0.2}
DENSE = gan.Generator([4], 2, 0, False), gan.Critic([4], "none", 0.0, 0)


def played(generator=DENSE[0], critic=DENSE[1], conditional=False, augment=lambda key, x: x, **fields):
    """A technique of the two networks on points, its first State and a batch."""
    config = changed(gan.Config(), {**FIELDS, **RATES, **fields})
    players = Players(generator, critic, 2, 2, conditional, "point", augment=augment)
    technique = adversary.technique(players, config.rules, config, sgd, sgd)
    return technique, jax.jit(technique.init)(KEY), technique.example(jax.random.key(1))


class Normalised(nn.Module):
    """A player that is nothing but batch normalisation: a generator, or, with `scores`, a critic."""

    scores: bool = False

    @nn.compact
    def __call__(self, x, label=None, train=False):
        x = nn.BatchNorm(not train, momentum=0.9, name="norm")(x)
        return x.sum(-1) if self.scores else x


class Label(nn.Module):
    """A generator whose samples are their label, or, with `scores`, a critic of the distance from it; both stay."""

    scores: bool = False

    @nn.compact
    def __call__(self, x, label=None, train=False):
        shift = self.param("shift", nn.initializers.zeros_init(), (1,))
        asked = label.astype(jnp.float32)[:, None] + 0.0 * shift[None]
        return ((x - asked) ** 2).sum(-1) if self.scores else jnp.broadcast_to(asked, x.shape)


def test_the_penalty_is_of_the_augmented_critic_and_counts_the_critics_updates():
    """Two updates a batch, every fourth of which pays 1/2 * 4 * 3/2 E |grad D(2 x)|^2; the metric is a mean of two."""
    lazy = {"penalty": "r1", "penalty_weight": 3.0, "penalty_every": 4, "critic_steps": 2}
    technique, state, batch = played(augment=lambda key, x: 2.0 * x, **lazy)
    critic = lambda x: DENSE[1].apply({"params": state.params["critic"]}, 2.0 * x[None])[0]
    slopes = jax.jit(jax.vmap(jax.grad(critic)))(batch["point"][0::2])
    expected = 0.5 * 4 * 1.5 * (slopes**2).sum(-1).mean() / 2
    step, paid = jax.jit(technique.step), []
    for _ in range(3):
        state, metrics = step(state, batch)
        paid.append(float(metrics["penalty"]))
    assert paid[0] == pytest.approx(float(expected), rel=1e-4)
    assert paid[1] == 0.0
    assert paid[2] > 0.0


def test_both_kinds_are_augmented_by_other_draws_and_the_generator_learns_through_it():
    """All examples become one draw, which tells the generator nothing; then they are doubled."""
    drawn = lambda key, x: 0.0 * x + jax.random.normal(key, (1, 2))
    technique, state, batch = played(augment=drawn)
    moved, metrics = jax.jit(technique.step)(state, batch)
    assert metrics["real_score"] != metrics["fake_score"]
    jax.tree.map(np.testing.assert_array_equal, moved.params["generator"], state.params["generator"])
    technique, state, batch = played(augment=lambda key, x: 2.0 * x)
    moved, _ = jax.jit(technique.step)(state, batch)
    z = jax.random.normal(jax.random.split(jax.random.fold_in(state.key, 0), 4)[1], (8, 2), jnp.float32)

    def loss(params):
        fake = DENSE[0].apply({"params": params}, z)
        return 0.5 * jax.nn.softplus(-DENSE[1].apply({"params": moved.params["critic"]}, 2.0 * fake)).mean()

    slopes = jax.jit(jax.grad(loss))(state.params["generator"])
    for new, old, slope in zip(*map(jax.tree.leaves, (moved.params["generator"], state.params["generator"], slopes))):
        np.testing.assert_allclose(new, old - 0.1 * slope, atol=1e-5)


def test_batch_statistics_move_once_for_each_batch_that_a_player_learns_from():
    """The generator's by its own step alone; the critic's by real and then by generated examples, whose mean is 0."""
    technique, state, batch = played(Normalised(), Normalised(True))
    moved, _ = jax.jit(technique.step)(state, batch)
    mean = lambda player: moved.carry[player]["batch_stats"]["norm"]["mean"]
    z = jax.random.normal(jax.random.split(jax.random.fold_in(state.key, 0), 4)[1], (8, 2), jnp.float32)
    np.testing.assert_allclose(mean("generator"), 0.1 * z.mean(0), atol=1e-5)
    np.testing.assert_allclose(mean("critic"), 0.9 * 0.1 * batch["point"].mean(0), atol=1e-5)


def test_samples_have_the_labels_of_the_examples_beside_them():
    technique, state, batch = played(Label(), Label(True), conditional=True, critic_steps=2)
    _, metrics = jax.jit(technique.step)(state, batch)
    assert metrics["fake_score"] == 0.0
    assert metrics["real_score"] > 0.1
    assert len({*batch["label"].tolist()}) > 1


def test_each_part_of_a_batch_has_some_of_every_devices_examples():
    parts = np.asarray(in_parts(jnp.arange(12), 3))
    assert parts.tolist() == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]


def test_a_group_is_scored_as_in_training():
    """A critic that sees deviations gives one example another score than it has in its group."""

    class Deviation(nn.Module):
        @nn.compact
        def __call__(self, x, label=None, train=False):
            self.param("unused", nn.initializers.zeros_init(), (1,))
            return jnp.repeat(x.reshape(-1, min(len(x), 4), 2).std(1).sum(-1), min(len(x), 4))

    technique, state, batch = played(critic=Deviation())
    x = technique.inputs(KEY)["score_group"]
    assert x.shape == (4, 2)
    group = technique.infer["score_group"](state, KEY, batch["point"][:4])
    in_training, _ = rules.scored(Deviation(), Variables(state.params["critic"], {}), batch["point"], None, KEY)
    np.testing.assert_allclose(group, in_training[:4], rtol=1e-6)
    assert technique.infer["score"](state, KEY, batch["point"][0]) == 0.0


def test_the_label_noise_goes_on_top_of_smoothing():
    real, fake = critics.targets(changed(rules.Rules(), {"label_noise": 0.1, "label_smoothing": 0.2}), KEY, 500)
    np.testing.assert_allclose([real.min(), real.max(), fake.min(), fake.max()], [0.7, 0.8, -0.1, 0.0], atol=5e-3)


@pytest.mark.ci
def test_the_best_generator_is_the_average_that_was_evaluated():
    config = changed(gan.Config(), {**FIELDS, **RATES, "hidden": "4", "critic_hidden": "4", "average": 0.5})
    technique = gan.make(config, adam, adam)
    batch = technique.example(KEY)
    holdout = Holdout(batch, lambda arrays, n: (arrays, jnp.ones(8, bool)), 1)
    stage = Stage(technique, Source(batch, lambda arrays, key, n: arrays), 8, holdout)
    values, averages = [], []
    for event in loop.train([stage], KEY, 2, 2, Policy(keep_best=True)):
        values.append(event.valid["energy_distance"].value)
        averages.append(jax.tree.map(np.array, event.state.carry["average"]))
    best = best_state(event.progress, event.state).carry["average"]
    jax.tree.map(np.testing.assert_array_equal, best, averages[int(np.argmin(values))])
