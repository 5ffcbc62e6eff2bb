"""The GAN of Chollet & Allaire, Deep Learning with R (Manning 2018), section 8.5, which draws frogs of 32 x 32 pixels.

https://www.manning.com/books/deep-learning-with-r

Layer for layer the book's: 6,264,579 parameters of the generator and 790,913 of the critic for 32 x 32 x 3 pixels. Its
pixels are in [0, 1] although the generator ends in tanh: what is below 0 is black here (the book casts to bytes, where
it wraps around). The critic's dropout is on in the generator's step too, as in Keras. The book's losses, labels with
noise, optimisers, clips and data order are flags of the preset `chollet`.
"""

import dataclasses
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core.config import changed, knob, nested
from jaxgen.core.types import Refused, Technique
from jaxgen.nets.layers import Conv, ConvTranspose
from jaxgen.ops.imaging import to_unit
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.adversarial.adversary import technique
from jaxgen.techniques.adversarial.rules import Players, Rules

SMALLEST = 24  # pixels a side, of which the critic leaves one
SLOPE = 0.3  # of Keras's leaky ReLU, where none is given
KERAS: Any = {"kernel_init": nn.initializers.glorot_uniform()}


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape`, `labels`, `batch` and `judge_spec` are the data's; the rest are flags."""

    shape: tuple[int, int, int] = (32, 32, 3)
    labels: tuple[str, ...] = ()
    batch: int = 20
    judge_spec: tuple[str, ...] = ()
    latent: int = knob(32, "dimensions of a code", lower=1, upper=2**20)
    width: int = knob(256, "channels of the generator; half as many of the critic", lower=2, upper=2**14)
    dropout: float = knob(0.4, "share of the critic's features that are dropped", lower=0.0, upper=0.99)
    rules: Rules = nested(Rules())


def leaky(x: jax.Array) -> jax.Array:
    """Leaky ReLU of slope SLOPE."""
    return nn.leaky_relu(x, SLOPE)


class Generator(nn.Module):
    """Codes [B, Z] to images [B, D] in [-1, 1]."""

    config: Config

    @nn.compact
    def __call__(self, z, label=None, train=False):
        (height, width, channels), features = self.config.shape, self.config.width
        half = (height // 2, width // 2, features // 2)
        x = leaky(nn.Dense(math.prod(half), **KERAS)(z)).reshape(-1, *half)
        x = leaky(Conv(features, (5, 5), **KERAS)(x))
        x = leaky(ConvTranspose(features, (4, 4), 2, **KERAS)(x))
        for _ in range(2):
            x = leaky(Conv(features, (5, 5), **KERAS)(x))
        return jnp.tanh(Conv(channels, (7, 7), **KERAS)(x)).reshape(len(z), -1)


class Critic(nn.Module):
    """Images [B, D] to logits [B]."""

    config: Config

    @nn.compact
    def __call__(self, x, label=None, train=False):
        features = self.config.width // 2
        x = leaky(Conv(features, (3, 3), padding="VALID", **KERAS)(x.reshape(-1, *self.config.shape)))
        for _ in range(3):
            x = leaky(Conv(features, (4, 4), 2, padding="VALID", **KERAS)(x))
        x = nn.Dropout(self.config.dropout, deterministic=not train)(x.reshape(len(x), -1))
        return nn.Dense(1, **KERAS)(x)[:, 0]


def make(config: Config = Config(), optimizer: Factory = adam, critic_optimizer: Factory = adam) -> Technique:
    """The Technique; `adversary.technique` describes its batches.

    Raises Refused for images that the networks cannot make or halve three times.
    """
    height, width, _ = config.shape
    if height % 2 or width % 2 or min(height, width) < SMALLEST:
        raise Refused(f"the book's networks make even sides of at least {SMALLEST} pixels, not {height}x{width}")
    to_data = lambda x: jnp.clip(x, 0.0, 1.0)
    players = Players(
        Generator(config), Critic(config), config.latent, math.prod(config.shape), to_network=to_unit, to_data=to_data
    )
    return technique(players, config.rules, config, optimizer, critic_optimizer)


def tiny(optimizer=adam):
    """A small case with the book's loss and label noise, for the contract tests."""
    fields = {"shape": (24, 24, 1), "batch": 4, "latent": 2, "width": 2, "loss": "book", "label_noise": 0.05}
    rates = {"learning_rate": 1e-3, "critic_learning_rate": 1e-3, "penalty": "none", "average": 0.0}
    return {"chollet_gan": make(changed(Config(), {**fields, **rates}), optimizer, optimizer)}
