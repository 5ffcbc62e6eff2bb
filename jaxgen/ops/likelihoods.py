"""Likelihoods p(x | z) of pixels under a decoder's output, each a tuple of pure functions.

Grey values can be the target of a Bernoulli decoder in three ways, whose log-likelihoods cannot be compared: unchanged,
binarised anew in each step, or binarised once and for all. So metrics carry the way in their definition.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.ops.distributions import bernoulli_log_likelihood, normal_log_likelihood

STATIC_SEED = 28


class Likelihood(NamedTuple):
    """p(x | z), where `out` [..., D] is the decoder's output."""

    target: Callable  # key, grey values [..., D] in [0, 1] -> x
    log_prob: Callable  # out, log_sigma, x -> [...]
    mean: Callable  # out -> pixel means [..., D] in [0, 1]
    definition: str  # for metrics
    normalised: bool = True  # whether p(x | z) sums or integrates to 1 over x, without which log p(x) is nothing


def binarise(key: jax.Array, grey: jax.Array) -> jax.Array:
    """Black (0) or white (1) with the grey value [..., D] as the probability of white, as float32."""
    return jax.random.bernoulli(key, grey).astype(jnp.float32)


def binarise_once(grey: jax.Array) -> jax.Array:
    """`binarise` with a key that is a function of the image [..., D] alone, so that each draw is the same.

    Two hashes of the image's grey levels, each a product with random odd numbers modulo 2^32, make the key, so that
    different images have different draws.
    """
    key, levels = jax.random.key(STATIC_SEED), jnp.rint(grey * 255).astype(jnp.uint32)
    factors = jax.random.bits(key, (2, grey.shape[-1]), jnp.uint32) | 1
    hashes = [jnp.tensordot(levels, factor, axes=1) for factor in factors]

    def draw(first, second, pixels):
        return binarise(jax.random.fold_in(jax.random.fold_in(key, first), second), pixels)

    one: Callable = draw
    for _ in range(grey.ndim - 1):
        one = jax.vmap(one)
    return one(*hashes, grey)


def _bernoulli(target, definition, normalised=True):
    log_prob = lambda out, _, x: bernoulli_log_likelihood(out, x)
    return Likelihood(target, log_prob, jax.nn.sigmoid, definition, normalised)


LIKELIHOODS = {
    # The integral of p^x (1 - p)^(1 - x) over x is (2 p - 1) / log(p / (1 - p)), a half at p = 1/2 and less elsewhere.
    "greyscale": _bernoulli(lambda key, x: x, "greyscale: cross-entropy of grey values in [0, 1]", normalised=False),
    "stochastic": _bernoulli(
        binarise, "stochastic binarisation: Bernoulli, pixels drawn anew with their grey value as probability"
    ),
    "static": _bernoulli(
        lambda key, x: binarise_once(x),
        "static binarisation: Bernoulli, each image's pixels drawn once with their grey value as probability "
        "(a draw of jaxgen's own, not Larochelle's file)",
    ),
    "gaussian": Likelihood(
        lambda key, x: x,
        normal_log_likelihood,
        lambda out: jnp.clip(out, 0.0, 1.0),
        "normal density of grey values in [0, 1], one learnt standard deviation",
    ),
}
