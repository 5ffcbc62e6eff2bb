"""What adversarial networks share (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661): the game of two players.

A generator maps codes z drawn from N(0, I) to examples; a critic scores examples, the higher the more real they look.
An update moves the critic `critic_steps` times, each time on its part of the batch and on as many samples, and then
the generator once, through the critic as it is now. Samples are drawn from a running average of the generator
(Yazici et al. 2019, https://arxiv.org/abs/1806.04498), whose batch statistics are averaged with its parameters.

B    examples of a batch
D    values of an example
Z    dimensions of a code
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core.config import knob
from jaxgen.core.steps import NORMS, descended, started
from jaxgen.core.types import Refused, State
from jaxgen.nets.spectral import COLLECTION
from jaxgen.ops import averages, games, penalties


@dataclasses.dataclass(frozen=True)
class Rules:
    """How the two networks play."""

    loss: Literal["non_saturating", "minimax", "least_squares", "hinge", "wasserstein", "book"] = knob(
        "non_saturating", "of both players; book: cross-entropy of probabilities that are clipped, as Keras does"
    )
    penalty: Literal["none", "r1", "gradient"] = knob(
        "r1", "on the critic's gradient in real examples (r1), or between real and generated ones (gradient)"
    )
    penalty_weight: float = knob(1.0, "gamma of r1, lambda of gradient", lower=0.0)
    penalty_every: int = knob(
        1, "critic's updates for each one with the penalty, which is as many times as strong", lower=1, upper=2**16
    )
    critic_steps: int = knob(1, "updates of the critic for one of the generator; they share a batch", lower=1)
    label_noise: float = knob(0.0, "what is added to the critic's labels at most, drawn uniformly", lower=0.0)
    label_smoothing: float = knob(0.0, "taken from the labels of real examples, never of others", lower=0.0, upper=1.0)
    average: float = knob(
        0.999, "decay of the generator's running average, from which samples are drawn; 0: none", lower=0.0, upper=1.0
    )
    learning_rate: float = knob(2e-4, "of the generator's optimiser", above=0.0)
    critic_learning_rate: float = knob(2e-4, "of the critic's optimiser", above=0.0)


class Players(NamedTuple):
    """Two networks, and how examples pass between them and the data. Labels [B] are None without conditions."""

    generator: nn.Module  # codes [B, Z], labels, train -> examples [B, D] in the networks' range
    critic: nn.Module  # examples [B, D], labels, train -> logits [B]
    latent: int  # Z
    size: int  # D
    conditional: bool = False
    column: str = "image"  # of a batch
    to_network: Callable[[jax.Array], jax.Array] = lambda x: x  # from the data's range to the networks'
    to_data: Callable[[jax.Array], jax.Array] = lambda x: x  # and back
    augment: Callable[[jax.Array, jax.Array], jax.Array] = lambda key, x: x  # before the critic, in training


class Variables(NamedTuple):
    """What a network is applied with."""

    params: Any
    stats: dict[str, Any]  # collections that training writes: batch statistics, vectors of spectral normalisation


def check(rules: Rules, batch: int) -> None:
    """Raises Refused for labels that a loss does not take, and for a batch that cannot be split."""
    noise, smoothing = rules.label_noise, rules.label_smoothing
    if (noise or smoothing) and not games.accepts(games.LOSSES[rules.loss], -noise, 1.0 - min(noise, smoothing)):
        takers = ", ".join(name for name, loss in games.LOSSES.items() if games.accepts(loss, -noise, 1.0))
        changed = "--label_noise" if noise else "--label_smoothing"
        raise Refused(f"--loss={rules.loss} has no use for the labels of {changed}; these have: {takers}")
    if batch % rules.critic_steps:
        raise Refused(f"--batch_size={batch} cannot be split among --critic_steps={rules.critic_steps}")


def first_state(players: Players, rules: Rules, optimizers: tuple[Any, Any], key: jax.Array) -> State:
    """The state before the first update. The average starts as the generator."""
    state_key, generator_key, critic_key = jax.random.split(key, 3)
    label = jnp.zeros(1, jnp.int32) if players.conditional else None
    rows = {"generator": players.latent, "critic": players.size}
    params, opt, carry = {}, {}, {}
    for name, net, net_key, optimizer in zip(rows, players[:2], (generator_key, critic_key), optimizers):
        variables: Any = dict(net.init(net_key, jnp.zeros((1, rows[name]), jnp.float32), label))
        params[name] = variables.pop("params")
        opt[name], carry[name] = started(optimizer, params[name]), variables
    if rules.average:
        # A copy: the loop donates a state, and no array twice.
        copied = jax.tree.map(jnp.copy, Variables(params["generator"], carry["generator"]))
        carry["average"] = copied._asdict()
    return State(jnp.zeros((), jnp.int32), state_key, params, opt, carry)


def sampler(state: State) -> Variables:
    """The generator that samples are drawn from: its running average, where there is one."""
    if "average" in state.carry:
        return Variables(**state.carry["average"])
    return Variables(state.params["generator"], state.carry["generator"])


def generated(net: nn.Module, variables: Variables, z: jax.Array, label: Any, train: bool = False) -> Any:
    """Examples [B, D] of codes z [B, Z], and the statistics after them."""
    params, stats = variables
    x, moved = net.apply({"params": params, **stats}, z, label, train, mutable=list(stats) if train else [])
    return x, {**stats, **moved}


def scored(
    net: nn.Module, variables: Variables, x: jax.Array, label: Any, key: jax.Array | None = None
) -> tuple[jax.Array, dict[str, Any]]:
    """Logits [B] of examples x [B, D], and the statistics after them; as in training where there is a key."""
    (params, stats), train = variables, key is not None
    random = {"dropout": key} if key is not None else {}
    applied: Any = net.apply({"params": params, **stats}, x, label, train, rngs=random, mutable=list(stats) * train)
    logits, moved = applied
    return logits, {**stats, **moved}


def critic_loss(
    players: Players, rules: Rules, variables: Variables, key: jax.Array, real: Any, fake: Any, updates: jax.Array
) -> tuple[jax.Array, Any]:
    """The critic's loss, its statistics afterwards, and metrics.

    Args:
        players: the networks.
        rules: of the game.
        variables: of the critic.
        key: of this update.
        real: examples [B, D] in the networks' range, and labels.
        fake: generated ones, likewise.
        updates: [] int32, the critic's before this one, which lazy penalties count.
    """
    (x, label), (fake_x, fake_label), critic = real, fake, players.critic
    augment_key, fake_augment_key, dropout_key, fake_dropout_key, label_key, point_key = jax.random.split(key, 6)

    def score(x):  # also of points in between, where only the logits' gradient matters
        return scored(critic, variables, players.augment(augment_key, x), label, dropout_key)

    loss, fake_x = games.LOSSES[rules.loss], players.augment(fake_augment_key, jax.lax.stop_gradient(fake_x))
    logits, stats = score(x)
    # Batch statistics have seen the real examples by then, but both kinds are scored by the same kernels.
    kernels = {name: each for name, each in variables.stats.items() if name == COLLECTION}
    seen = Variables(variables.params, {**stats, **kernels})
    fake_logits, stats = scored(critic, seen, fake_x, fake_label, fake_dropout_key)
    value = loss.critic(logits, fake_logits, *targets(rules, label_key, len(x)))
    metrics = {"critic_loss": value, "real_score": logits.mean(), "fake_score": fake_logits.mean()}
    if rules.penalty == "none" or not rules.penalty_weight:
        return value, (stats, metrics)
    if rules.penalty == "r1":
        pay = lambda: penalties.r1(lambda x: score(x)[0], x, rules.penalty_weight)
    else:
        between = lambda: penalties.gradient_penalty(point_key, lambda x: score(x)[0], x, fake[0])
        pay = lambda: rules.penalty_weight * between()
    penalty = loss.weight * penalties.lazily(pay, updates, rules.penalty_every)
    return value + penalty, (stats, {**metrics, "penalty": penalty})


def targets(rules: Rules, key: jax.Array, count: int) -> tuple[Any, Any]:
    """The critic's labels [count] of real and of generated examples; None where they are 1 and 0."""
    if not (rules.label_noise or rules.label_smoothing):
        return None, None
    real, fake = games.noisy_targets(key, count, rules.label_noise)
    return real - rules.label_smoothing, fake


def game_step(players: Players, rules: Rules, optimizers: tuple[Any, Any]) -> Callable[[State, Any], Any]:
    """State, batch -> State, metrics: `critic_steps` updates of the critic and one of the generator.

    Samples have the labels of the examples that the critic sees beside them, so that classes are as frequent.
    """
    generator_loss, count = games.LOSSES[rules.loss].generator, rules.critic_steps
    in_parts = lambda array: array.reshape(count, -1, *array.shape[1:])

    def sampled(variables, key, label, size):
        z = jax.random.normal(key, (size, players.latent), jnp.float32)
        return generated(players.generator, variables, z, label, True)

    def step(state, batch):
        critic_key, code_key, augment_key, dropout_key = jax.random.split(jax.random.fold_in(state.key, state.step), 4)
        generator = Variables(state.params["generator"], state.carry["generator"])
        real = in_parts(players.to_network(batch[players.column]))
        labels = in_parts(batch["label"]) if players.conditional else None

        def move_critic(critic, item):
            number, x, label = item
            (params, stats), opt = critic
            sample_key, loss_key = jax.random.split(jax.random.fold_in(critic_key, number))
            fake, _ = sampled(generator, sample_key, label, len(x))
            pairs, updates = ((x, label), (fake, label)), count * state.step + number
            loss = lambda p: critic_loss(players, rules, Variables(p, stats), loss_key, *pairs, updates)
            params, opt, (stats, metrics), norms = descended(loss, optimizers[1], params, opt)
            return (Variables(params, stats), opt), {**metrics, **norms}

        critic = Variables(state.params["critic"], state.carry["critic"]), state.opt["critic"]
        numbers = jnp.arange(count, dtype=jnp.int32)
        (critic, critic_opt), measured = jax.lax.scan(move_critic, critic, (numbers, real, labels))
        label = None if labels is None else labels[-1]

        def fools(params):
            fake, stats = sampled(generator._replace(params=params), code_key, label, real.shape[1])
            logits, _ = scored(players.critic, critic, players.augment(augment_key, fake), label, dropout_key)
            value = generator_loss(logits)
            return value, (value, stats)

        params, opt, (value, stats), norms = descended(fools, optimizers[0], generator.params, state.opt["generator"])
        metrics = {"generator_loss": value, **{name: each.mean(0) for name, each in measured.items()}}
        metrics |= {name: jnp.hypot(norms[name], metrics[name]) for name in NORMS}  # of both players
        carry = {"generator": stats, "critic": critic.stats}
        if rules.average:
            now = Variables(params, stats)._asdict()
            carry["average"] = averages.decayed(state.carry["average"], now, averages.ramped(rules.average, state.step))
        both = {"generator": params, "critic": critic.params}
        return State(state.step + 1, state.key, both, {"generator": opt, "critic": critic_opt}, carry), metrics

    return step
