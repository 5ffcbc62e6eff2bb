"""What a game of two networks is: its rules, its players, and how each of them is applied.

B    examples of a batch
D    values of an example
Z    dimensions of a code
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax

from jaxgen.core.config import knob
from jaxgen.core.types import Refused
from jaxgen.ops import games


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
    if (noise or smoothing) and not games.accepts(games.LOSSES[rules.loss], -noise, 1.0):
        takers = ", ".join(name for name, loss in games.LOSSES.items() if games.accepts(loss, -noise, 1.0))
        changed = "--label_noise" if noise else "--label_smoothing"
        raise Refused(f"--loss={rules.loss} has no use for the labels of {changed}; these have: {takers}")
    if batch % rules.critic_steps:
        raise Refused(f"--batch_size={batch} cannot be split among --critic_steps={rules.critic_steps}")


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
