"""Normalisation of each channel of each image by its own mean and deviation over positions, and with those of another.

Ulyanov et al. 2016, https://arxiv.org/abs/1607.08022 (instance normalisation); Huang & Belongie 2017,
https://arxiv.org/abs/1703.06868 (adaptive: the style is the other image's mean and deviation).

h, w    positions        C    channels
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

EPSILON = 1e-5  # added to variances; of features near 1, as both papers' code has it


class Moments(NamedTuple):
    """Over the positions of each channel."""

    mean: jax.Array  # [..., C]
    deviation: jax.Array  # [..., C], the root of the variance (of the positions as a whole population) + EPSILON


def moments(x: jax.Array, epsilon: float = EPSILON) -> Moments:
    """The moments of x [..., h, w, C], float32."""
    x = x.astype(jnp.float32)
    mean = x.mean((-3, -2))
    # Of differences: the mean of squares less the square of the mean would lose digits where the mean is large.
    variance = jnp.square(x - _over(mean)).mean((-3, -2))
    return Moments(mean, jnp.sqrt(variance + epsilon))


def transferred(x: jax.Array, moments_of_x: Moments, target: Moments) -> jax.Array:
    """x [..., h, w, C] with the target's moments instead of its own, as one product and one sum of each value."""
    factor = target.deviation / moments_of_x.deviation
    return x * _over(factor).astype(x.dtype) + _over(target.mean - moments_of_x.mean * factor).astype(x.dtype)


def instance_norm(x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float = EPSILON) -> jax.Array:
    """(x - mean) / deviation * scale + bias of x [..., h, w, C]; scale and bias are [C], or [..., C]
    of each image; a bias may be a scalar.
    """
    own = moments(x, epsilon)
    return transferred(x, own, Moments(*(jnp.broadcast_to(each, own.mean.shape) for each in (bias, scale))))


def adain(content: jax.Array, style: Moments, strength: float | jax.Array = 1.0) -> jax.Array:
    """Features [..., h, w, C] whose moments are moved to the style's, equation 8; the paper's equation 14 for strength.

    Args:
        content: features of the content.
        style: moments of the style's features, [..., C].
        strength: 0 keeps the features, 1 gives them all of the style's moments; a number, or [...] of each image.
    """
    own = moments(content)
    share = jnp.broadcast_to(jnp.asarray(strength, jnp.float32), own.mean.shape[:-1])[..., None]
    mixed = Moments(*(a + share * (jnp.broadcast_to(b, a.shape) - a) for a, b in zip(own, style)))
    return transferred(content, own, mixed)


def _over(statistic):
    """[..., C] as [..., 1, 1, C]."""
    return statistic[..., None, None, :]
