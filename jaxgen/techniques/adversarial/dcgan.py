"""Deep convolutional GAN (Radford et al. 2016, https://arxiv.org/abs/1511.06434), and what has made it stable since.

The generator doubles an image from a few pixels by transposed convolutions, each with half the channels of the one
before; the critic is its mirror image. The preset `radford` is the paper's: batch normalisation in both (but for the
critic's first layer), kernels of 5. Convolutions and the generator's first layer start from N(0, 0.02), as there; the
critic's logit starts as dense layers do. `small` learns 28 x 28 pixels on two cores in minutes: two doublings, kernels
of 4, R1, and deviations within groups of a batch as one more channel (Karras et al. 2018,
https://arxiv.org/abs/1710.10196). What else both are trained with stands in `techniques.adversarial.game`.
"""

import dataclasses
import math
from typing import Any, Literal

import flax.linen as nn
import jax.numpy as jnp

from jaxgen.core.config import changed, knob, nested
from jaxgen.core.types import Refused, Technique
from jaxgen.nets.conditions import ConditionalCode, Projection
from jaxgen.nets.layers import Conv, ConvTranspose
from jaxgen.nets.normed import Normed
from jaxgen.ops.diff_augment import POLICY, diff_augment
from jaxgen.ops.imaging import signed, unsigned
from jaxgen.ops.minibatch import minibatch_deviation
from jaxgen.optim.settings import Factory
from jaxgen.optim.textbook import adam
from jaxgen.techniques.adversarial.adversary import condition_count, technique
from jaxgen.techniques.adversarial.rules import Players, Rules

SMALLEST = 4  # pixels a side that --halvings=0 leaves at least
NORMAL: Any = {"kernel_init": nn.initializers.normal(0.02)}


@dataclasses.dataclass(frozen=True)
class Config:
    """`shape`, `labels`, `batch` and `judge_spec` are the data's; the rest are flags."""

    shape: tuple[int, int, int] = (28, 28, 1)
    labels: tuple[str, ...] = tuple("0123456789")
    batch: int = 64
    judge_spec: tuple[str, ...] = ()
    latent: int = knob(64, "dimensions of a code", lower=1, upper=2**20)
    width: int = knob(48, "channels beside the image, twice as many at each halving of it", lower=1, upper=2**14)
    halvings: int = knob(2, f"of the image; 0: as many as leave {SMALLEST} pixels a side", lower=0, upper=12)
    kernel: int = knob(4, "pixels a side of the convolutions' kernels", lower=2, upper=16)
    dense: int = knob(128, "units of a dense layer before the critic's logit; 0: none", lower=0, upper=2**16)
    norm: Literal["batch", "none"] = knob("batch", "of the generator's layers")
    critic_norm: Literal["none", "batch", "spectral"] = knob("none", "of the critic's")
    deviation: bool = knob(True, "show the critic the deviation within groups of a batch")
    conditional: bool = knob(False, "networks that know the class")
    diff_augment: str = knob("", "of all that the critic sees, with commas: color, translation, cutout")
    rules: Rules = nested(Rules())


def halved(config: Config) -> int:
    """The number of halvings. Raises Refused for an image that cannot be halved so often."""
    (height, width, _), possible, least = config.shape, 0, 1 if config.halvings else SMALLEST
    while height % 2 == width % 2 == 0 and min(height, width) >= 2 * least:
        height, width, possible = height // 2, width // 2, possible + 1
    if not possible or config.halvings > possible:
        size = f"{config.shape[0]}x{config.shape[1]}"
        raise Refused(
            f"images of {size} pixels can be halved {possible} times, so that no network makes them by "
            f"--halvings={config.halvings}; --network=dense makes any"
        )
    return config.halvings or possible


class Generator(nn.Module):
    """Codes [B, Z] to images [B, D] in [-1, 1]."""

    config: Config
    classes: int

    @nn.compact
    def __call__(self, z, label=None, train=False):
        config, halvings = self.config, halved(self.config)
        height, width, channels = config.shape
        base = (height >> halvings, width >> halvings, config.width << (halvings - 1))
        options = {"use_bias": config.norm == "none", **NORMAL}
        kernel = (config.kernel, config.kernel)
        x = nn.Dense(math.prod(base), **options)(ConditionalCode(self.classes)(z, label))
        x = x.reshape(-1, *base)
        if config.norm == "batch":
            x = nn.BatchNorm(not train, momentum=0.9)(x)
        x = nn.relu(x)
        for n in reversed(range(halvings - 1)):
            layer = ConvTranspose(config.width << n, kernel, 2, **options)
            x = nn.relu(Normed(layer, config.norm)(x, train))
        return jnp.tanh(ConvTranspose(channels, kernel, 2, **NORMAL)(x)).reshape(len(z), -1)


class Critic(nn.Module):
    """Images [B, D] in [-1, 1] to logits [B]."""

    config: Config
    classes: int

    @nn.compact
    def __call__(self, x, label=None, train=False):
        config, kernel = self.config, (self.config.kernel, self.config.kernel)
        spectral = "spectral" if config.critic_norm == "spectral" else "none"
        x = x.reshape(-1, *config.shape)
        for n in range(halved(config)):
            norm = config.critic_norm if n else spectral  # none beside the image, as in the paper
            layer = Conv(config.width << n, kernel, 2, use_bias=norm != "batch", **NORMAL)
            x = nn.leaky_relu(Normed(layer, norm)(x, train), 0.2)
        if config.deviation:
            x = minibatch_deviation(x)
        x = x.reshape(len(x), -1)
        if config.dense:
            x = nn.leaky_relu(Normed(nn.Dense(config.dense), spectral)(x, train), 0.2)
        return Projection(self.classes, spectral)(x, label, train)


def make(config: Config = Config(), optimizer: Factory = adam, critic_optimizer: Factory = adam) -> Technique:
    """The Technique; `adversary.technique` describes its batches.

    Raises Refused for images that cannot be halved, for an unknown augmentation, and for a penalty on a critic whose
    scores depend on all images of a batch.
    """
    halved(config)
    if config.critic_norm == "batch" and config.rules.penalty != "none":
        raise Refused(
            f"--penalty={config.rules.penalty} needs the slope of each image's own score, which --critic_norm=batch "
            "makes depend on the others: choose --penalty=none, or another norm"
        )
    classes, shape, policy = condition_count(config), config.shape, config.diff_augment
    if unknown := {*filter(None, policy.split(","))} - {*POLICY.split(",")}:
        raise Refused(f"--diff_augment knows {POLICY}, not {min(unknown)!r}")
    augment = lambda key, x: diff_augment(key, x.reshape(-1, *shape), policy).reshape(x.shape)
    players = Players(
        Generator(config, classes),
        Critic(config, classes),
        config.latent,
        math.prod(shape),
        bool(classes),
        to_network=signed,
        to_data=unsigned,
        augment=augment if policy else lambda key, x: x,
    )
    return technique(players, config.rules, config, optimizer, critic_optimizer)


def tiny(optimizer=adam):
    """Small cases, for the contract tests: each normalisation, a lazy penalty, classes and augmentation occur."""
    fields = {"shape": (8, 8, 1), "batch": 8, "latent": 2, "width": 2, "dense": 4, "labels": ("a", "b")}
    small = changed(Config(), {**fields, "learning_rate": 1e-3, "critic_learning_rate": 1e-3})
    build = lambda **change: make(changed(small, change), optimizer, optimizer)
    return {
        "dcgan": build(critic_norm="batch", deviation=False, dense=0, halvings=1, penalty="none", critic_steps=2),
        "dcgan_r1": build(judge_spec=("2", "4", "relu", "batch_norm", ""), penalty_every=2),
        "dcgan_spectral": build(
            critic_norm="spectral", loss="hinge", penalty="none", conditional=True, diff_augment=POLICY, shape=(8, 4, 3)
        ),
    }
