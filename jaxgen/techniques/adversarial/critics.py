"""The critic's loss: what its two kinds of examples, their labels and the penalty on its slope come to.

B    examples of a batch
D    values of an example
"""

from typing import Any

import jax

from jaxgen.nets.spectral import COLLECTION
from jaxgen.ops import games, penalties
from jaxgen.techniques.adversarial.rules import Players, Rules, Variables, scored


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
    return games.noisy_targets(key, count, rules.label_noise, games.smooth_targets(rules.label_smoothing))
