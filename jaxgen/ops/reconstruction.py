"""Losses of reconstructions of images, each a tuple of pure functions.

D    values of an image, in [0, 1]
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.ops.distributions import bernoulli_log_likelihood


def squared_error(mean: jax.Array, x: jax.Array) -> jax.Array:
    """|mean - x|^2, the sum over the values of each image: [..., D] and [..., D] to [...]."""
    return jnp.square(mean - x).sum(-1)


def psnr(restored: jax.Array, x: jax.Array) -> jax.Array:
    """Peak signal-to-noise ratio, 10 log10(1 / mean squared error), in dB of each image: [..., D], [..., D] to [...].

    Of values in [0, 1], so that the peak is 1; nothing is clipped here. Infinite where both are equal.
    """
    return -10.0 * jnp.log10(jnp.square(restored - x).mean(-1))


class Reconstruction(NamedTuple):
    """How a decoder's output `out` [..., D] is compared with its target x."""

    name: str  # of the metric
    mean: Callable[[jax.Array], jax.Array]  # out -> means of pixels [..., D]
    compare: Callable[[jax.Array, jax.Array], jax.Array]  # out, x -> [...]
    definition: str


SQUARED = "sum over all pixels in [0, 1] of (reconstruction - image)^2, not clipped, mean over images"
ENTROPY = "-x log p - (1 - x) log(1 - p), sum over all pixels x in [0, 1], nats per image"
WORDS = "-sum over words of their share of a document times log p(word), nats a word, mean over documents"
RECONSTRUCTIONS = {
    "squared": Reconstruction("squared_error", lambda out: out, squared_error, SQUARED),
    "cross_entropy": Reconstruction(
        "cross_entropy", jax.nn.sigmoid, lambda out, x: -bernoulli_log_likelihood(out, x), ENTROPY
    ),
    "multinomial": Reconstruction(
        "multinomial", jax.nn.softmax, lambda out, x: -(x * jax.nn.log_softmax(out)).sum(-1), WORDS
    ),
}
