"""From two networks and the rules of their game to a Technique, whatever the networks are made of."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.core.types import Refused, Technique
from jaxgen.ops.imaging import speckled
from jaxgen.ops.minibatch import group_size
from jaxgen.optim.settings import Factory
from jaxgen.techniques.adversarial import game, judging
from jaxgen.techniques.adversarial.rules import Players, Rules, check


def technique(players: Players, rules: Rules, config: Any, optimizer: Factory, critic_optimizer: Factory) -> Technique:
    """The Technique of two networks.

    A batch has the column of `players`, [B, D] as the data are, and `label` [B] where networks are conditional. Where
    the Config has a `judge_spec`, its variables are shared by all batches as `judge`.

    Args:
        players: the networks.
        rules: of the game.
        config: a Config with the facts `shape`, `labels`, `batch` and `judge_spec`.
        optimizer: of the generator, a factory of its rate.
        critic_optimizer: of the critic.

    Raises:
        Refused: rules that do not fit together, or a batch that cannot be split.
    """
    check(rules, config.batch)
    optimizers = optimizer(rules.learning_rate), critic_optimizer(rules.critic_learning_rate)
    classes = max(len(config.labels), 1)
    judge = judging.judge_net(config.judge_spec, config.shape, classes) if config.judge_spec else None
    group = group_size(config.batch // rules.critic_steps)

    def init(key):
        return game.first_state(players, rules, optimizers, key)

    def example(key):
        data_key, label_key, judge_key = jax.random.split(key, 3)
        label = jax.random.randint(label_key, (config.batch,), 0, classes, jnp.int32)
        if players.column == "image":
            real = speckled(data_key, config.batch, players.size)
        else:
            real = jax.random.normal(data_key, (config.batch, players.size), jnp.float32)
        batch = {players.column: real, "label": label}
        if judge is None:
            return batch
        return {**batch, "judge": dict(judge.init(judge_key, jnp.zeros((1, players.size), jnp.float32)))}

    def inputs(key):
        real_key, code_key = jax.random.split(key)
        codes = jax.random.normal(code_key, (2, players.latent), jnp.float32)
        real, label = example(real_key)[players.column][:group], jnp.zeros(group, jnp.int32)
        beside = lambda x, label: (x, label) if players.conditional else x
        pairs = {"decode": beside(codes[0], label[0]), "interpolate": beside(codes, label[0])}
        scored = {"score": beside(real[0], label[0]), "score_group": beside(real, label)}
        return {"sample": label[0] if players.conditional else (), **pairs, **scored}

    evaluate = judging.by_energy(players) if judge is None else judging.by_judge(players, judge, config.judge_spec[-1])
    step, infer = game.game_step(players, rules, optimizers), judging.inference(players)
    return Technique(init, step, evaluate, infer, example, inputs, shared=() if judge is None else ("judge",))


def condition_count(config: Any) -> int:
    """C, where the Config makes networks conditional, else 0. Raises Refused where the data have no classes."""
    if config.conditional and len(config.labels) < 2:
        raise Refused(f"--conditional needs data of at least 2 classes; these have {len(config.labels)}")
    return len(config.labels) if config.conditional else 0
