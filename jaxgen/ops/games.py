"""The losses of two players, a critic and a generator: what a GAN minimises in turn.

A critic's logit is high for "real": D(x) = sigmoid(logit). Targets are probabilities of "real", 1 and 0 unless given.

B    images of each half: real and fake [B] are the critic's logits of real and of generated images
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

CLIP = 1e-7  # Keras's epsilon, the nearest to 0 and 1 that its cross-entropy lets a probability come


class Game(NamedTuple):
    """Both players' losses, averages over the batch in the form of their source, halves included.

    Published weights of penalties belong to critics' losses without a half: multiply them by `weight`.
    """

    critic: Callable  # real [B], fake [B], real_target, fake_target, each [B], [] or None (1 and 0) -> []
    generator: Callable  # fake [B] -> []
    weight: float  # of each of the two expectations in the critic's loss
    targets: tuple[float, float] | None  # from the lowest to the highest for which that is bounded below; None: refused


def cross_entropy(logits: jax.Array, target: jax.Array | float) -> jax.Array:
    """-t log D - (1 - t) log(1 - D) [B] of logits [B], targets t [B] or []; unbounded below for t outside [0, 1]."""
    return target * jax.nn.softplus(-logits) + (1.0 - target) * jax.nn.softplus(logits)


def clipped(logits: jax.Array) -> jax.Array:
    """Logits [B] with their probabilities p clipped to [CLIP, 1 - CLIP], and gradient 0 where they are.

    Keras clips p in float32, where 1 - CLIP is rounded to 1 - 1.2e-7: its -log(1 - p) ends at 15.94, here at 16.12 as
    its -log(p) does.
    """
    return jnp.clip(logits, math.log(CLIP / (1 - CLIP)), math.log((1 - CLIP) / CLIP))


def _halved(error: Callable) -> Callable:
    """The critic's loss 1/2 E error(real, 1) + 1/2 E error(fake, 0): the mean over the 2 B images of both halves."""

    def critic(real, fake, real_target=None, fake_target=None):
        real_error = error(real, 1.0 if real_target is None else real_target)
        fake_error = error(fake, 0.0 if fake_target is None else fake_target)
        return 0.5 * real_error.mean() + 0.5 * fake_error.mean()

    return critic


def _untargeted(loss: Callable) -> Callable:
    """The critic's loss `loss(real, fake)`, which raises ValueError where it is given targets."""

    def critic(real, fake, real_target=None, fake_target=None):
        if real_target is not None or fake_target is not None:
            raise ValueError("this critic's loss has no targets to smooth or to add noise to")
        return loss(real, fake)

    return critic


def _squared(logits, target):
    return (logits - target) ** 2


def _bounded(logits, target):
    return cross_entropy(clipped(logits), target)


ANY = (-math.inf, math.inf)
LOSSES = {
    # Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, equation 1, halved as in https://arxiv.org/abs/1701.00160,
    # section 3.2: L_D = -1/2 E log D(x) - 1/2 E log(1 - D(G(z))), L_G = 1/2 E log(1 - D(G(z))). The gradient of L_G
    # vanishes where the critic is sure.
    "minimax": Game(_halved(cross_entropy), lambda fake: -0.5 * jax.nn.softplus(fake).mean(), 0.5, (0.0, 1.0)),
    # Section 3 of the first of them: L_G = -1/2 E log D(G(z)).
    "non_saturating": Game(_halved(cross_entropy), lambda fake: 0.5 * jax.nn.softplus(-fake).mean(), 0.5, (0.0, 1.0)),
    # Mao et al. 2017, https://arxiv.org/abs/1611.04076, equation 9: the logit itself is drawn to 1 and to 0.
    "least_squares": Game(_halved(_squared), lambda fake: 0.5 * _squared(fake, 1.0).mean(), 0.5, ANY),
    # Lim & Ye 2017, https://arxiv.org/abs/1705.02894: logits beyond 1 and -1 add nothing.
    "hinge": Game(
        _untargeted(lambda real, fake: jax.nn.relu(1.0 - real).mean() + jax.nn.relu(1.0 + fake).mean()),
        lambda fake: -fake.mean(),
        1.0,
        None,
    ),
    # Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, equation 2: minus the distance, for a critic of slope 1.
    "wasserstein": Game(
        _untargeted(lambda real, fake: fake.mean() - real.mean()), lambda fake: -fake.mean(), 1.0, None
    ),
    # Chollet & Allaire 2018, Deep Learning with R, section 8.5: Keras's cross-entropy of probabilities, bounded for any
    # target by `clipped`. The generator's is a mean over its B images, so that both begin near log 2.
    "book": Game(_halved(_bounded), lambda fake: _bounded(fake, 1.0).mean(), 0.5, ANY),
}


def accepts(game: Game, lowest: float, highest: float) -> bool:
    """Whether the critic's loss is bounded below for all targets from `lowest` to `highest`."""
    return game.targets is not None and game.targets[0] <= lowest and highest <= game.targets[1]


def smooth_targets(amount: float) -> tuple[float, float]:
    """(real target, fake target): 1 - amount and 0.

    Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 3.4. Fake ones stay 0: with a positive target the
    best critic would take images for real that only the generator makes.
    """
    return 1.0 - amount, 0.0


def noisy_targets(
    key: jax.Array, count: int, amount: float, around: tuple[float, float] = (1.0, 0.0)
) -> tuple[jax.Array, jax.Array]:
    """(real targets, fake targets) [count] of the book's label noise: 1 - amount U and -amount U, U uniform in [0, 1).

    `around` are the targets without noise, where they are not 1 and 0.

    The book calls generated images 1 and real ones 0 and adds amount U to both: amount 0.05 in its Python edition, 0.5
    in its R edition. So fake targets are below 0 here as they are above 1 there.
    """
    real_key, fake_key = jax.random.split(key)
    real_noise = jax.random.uniform(real_key, (count,), jnp.float32)
    return around[0] - amount * real_noise, around[1] - amount * jax.random.uniform(fake_key, (count,), jnp.float32)
