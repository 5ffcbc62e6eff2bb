"""What adversarial networks share (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661): the game of two players.

A generator maps codes z drawn from N(0, I) to examples; a critic scores examples, the higher the more real they look.
An update moves the critic `critic_steps` times, each time on its part of the batch and on as many samples, and then
the generator once, on as many samples again (B / critic_steps of them), through the critic as it is now. Samples are
drawn from a running average of the generator (Yazici et al. 2019, https://arxiv.org/abs/1806.04498), whose batch
statistics are averaged with its parameters.

Several devices split the examples of a batch, and hold the two networks whole. Codes are drawn whole on each of them,
so that samples do not depend on how many there are; how far work on samples is split is left to XLA.

B    examples of a batch
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.core.steps import NORMS, descended, started
from jaxgen.core.types import State
from jaxgen.ops import averages, games
from jaxgen.techniques.adversarial.critics import critic_loss
from jaxgen.techniques.adversarial.rules import Players, Rules, Variables, generated, scored


def in_parts(array: jax.Array, count: int) -> jax.Array:
    """[B, ...] in `count` parts [count, B / count, ...], part k with every count-th example from the k-th on.

    Devices that have runs of examples one after the other have as many of each part, and pass none to each other.
    """
    return array.reshape(-1, count, *array.shape[1:]).swapaxes(0, 1)


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


def game_step(players: Players, rules: Rules, optimizers: tuple[Any, Any]) -> Callable[[State, Any], Any]:
    """State, batch -> State, metrics: `critic_steps` updates of the critic and one of the generator.

    Samples have the labels of the examples that the critic sees beside them, so that classes are as frequent.
    """
    generator_loss, count = games.LOSSES[rules.loss].generator, rules.critic_steps

    def sampled(variables, key, label, size):
        z = jax.random.normal(key, (size, players.latent), jnp.float32)
        return generated(players.generator, variables, z, label, True)

    def step(state, batch):
        critic_key, code_key, augment_key, dropout_key = jax.random.split(jax.random.fold_in(state.key, state.step), 4)
        generator = Variables(state.params["generator"], state.carry["generator"])
        real = in_parts(players.to_network(batch[players.column]), count)
        labels = in_parts(batch["label"], count) if players.conditional else None

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
