"""Generative adversarial network of dense layers (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661).

The paper's two losses, and those that came after it, are values of --loss, whose formulas stand in `ops.games`. For
images, and for points, where the generator's output is linear. What both networks are trained with stands in
`techniques.adversarial.game`.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxgen.core.config import changed, knob, nested
from jaxgen.core.types import Technique
from jaxgen.nets.conditions import ConditionalCode, Projection
from jaxgen.nets.hidden import widths
from jaxgen.nets.normed import Normed
from jaxgen.ops.imaging import signed, unsigned
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.adversarial.adversary import condition_count, technique
from jaxgen.techniques.adversarial.rules import Players, Rules


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape`, `labels`, `batch`, `points` and `judge_spec` are the data's; the rest are flags."""

    shape: tuple[int, int, int] = (28, 28, 1)
    labels: tuple[str, ...] = tuple("0123456789")
    batch: int = 128
    points: int = 0  # dimensions of a point; 0: the data are images
    judge_spec: tuple[str, ...] = ()
    latent: int = knob(64, "dimensions of a code", lower=1, upper=2**20)
    hidden: str = knob("256,512", "units of the generator's hidden layers; 128x3 are three of 128")
    critic_hidden: str = knob("512,256", "units of the critic's")
    dropout: float = knob(0.0, "share of the critic's hidden units that are dropped", lower=0.0, upper=0.99)
    spectral: bool = knob(False, "divide the critic's kernels by their largest singular values")
    conditional: bool = knob(False, "networks that know the class")
    rules: Rules = nested(Rules())


class Generator(nn.Module):
    """Dense layers with ReLU, then a linear one: codes [B, Z] to points, or through tanh to images [B, D]."""

    units: Sequence[int]
    size: int
    classes: int
    bounded: bool

    @nn.compact
    def __call__(self, z, label=None, train=False):
        x = ConditionalCode(self.classes)(z, label)
        for features in self.units:
            x = nn.relu(nn.Dense(features)(x))
        x = nn.Dense(self.size)(x)
        return jnp.tanh(x) if self.bounded else x


class Critic(nn.Module):
    """Dense layers with leaky ReLU, then a logit: examples [B, D] to [B]."""

    units: Sequence[int]
    norm: str
    dropout: float
    classes: int

    @nn.compact
    def __call__(self, x, label=None, train=False):
        for features in self.units:
            x = nn.leaky_relu(Normed(nn.Dense(features), self.norm)(x, train), 0.2)
            if self.dropout:
                x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return Projection(self.classes, self.norm)(x, label, train)


def make(config: Config = Config(), optimizer: Factory = adam, critic_optimizer: Factory = adam) -> Technique:
    """The Technique; `adversary.technique` describes its batches, whose column is `image`, or `point` of points."""
    classes, size = condition_count(config), config.points or math.prod(config.shape)
    units, critic_units = widths(config.hidden, "hidden"), widths(config.critic_hidden, "critic_hidden")
    generator = Generator(units, size, classes, bounded=not config.points)
    critic = Critic(critic_units, "spectral" if config.spectral else "none", config.dropout, classes)
    ranges: dict[str, Any] = {"column": "point"} if config.points else {"to_network": signed, "to_data": unsigned}
    players = Players(generator, critic, config.latent, size, bool(classes), **ranges)
    return technique(players, config.rules, config, optimizer, critic_optimizer)


def tiny(optimizer=adam):
    """Small cases, for the contract tests: each loss but the book's, both penalties and points occur."""
    fields = {"shape": (4, 4, 1), "batch": 8, "latent": 2, "hidden": "8", "critic_hidden": "8", "labels": ("a", "b")}
    judge = ("2", "4", "relu", "", "")
    small = changed(Config(), {**fields, "learning_rate": 1e-3, "critic_learning_rate": 1e-3})
    build = lambda **change: make(changed(small, change), optimizer, optimizer)
    points = {"points": 2, "critic_steps": 2}
    return {
        "gan": build(dropout=0.3),
        "gan_minimax": build(loss="minimax", penalty="none", average=0.0, conditional=True),
        "gan_least_squares": build(loss="least_squares", label_noise=0.1, penalty_every=2, judge_spec=judge),
        "gan_points": build(loss="wasserstein", penalty="gradient", penalty_weight=10.0, **points),
        # Gradients that are 0 but for rounding, which Adam divides by itself, move little at this rate.
        "gan_hinge": build(loss="hinge", spectral=True, penalty="none", critic_learning_rate=1e-5, **points),
    }
