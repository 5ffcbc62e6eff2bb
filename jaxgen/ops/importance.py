"""Importance sampling of a likelihood: log p(x) >= E log 1/K sum_k w_k, w_k = p(x, z_k) / q(z_k | x), in nats.

Burda, Grosse & Salakhutdinov 2016, "Importance weighted autoencoders", https://arxiv.org/abs/1509.00519.

K    samples of z
Z    dimensions of a code
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp


def log_ratio(z: jax.Array, noise: jax.Array, log_var: jax.Array) -> jax.Array:
    """log N(z; 0, I) - log N(z; mean, exp(log_var)) at z = mean + sigma * noise, of [..., Z], summed over Z: [...].

    The exponent of the second density is computed as noise^2, which loses no precision where sigma is small. The
    gradients are those of reparameterisation, through z and through the normalising log_var.
    """
    return 0.5 * jnp.sum(noise**2 + log_var - z**2, axis=-1)


def bound(log_weights: jax.Array) -> jax.Array:
    """log 1/K sum_k w_k of log w [K, ...]: the K-sample bound L_K [...], equation 8; for K = 1 a draw of the ELBO."""
    return jax.nn.logsumexp(log_weights, axis=0) - jnp.log(log_weights.shape[0])


class Total(NamedTuple):
    """A running sum of exponentials, exp(peak) * scaled, neither of which leaves float32's range."""

    peak: jax.Array  # [...] the largest exponent so far
    scaled: jax.Array  # [...] sum of exp(exponent - peak)


def empty_total(shape: tuple[int, ...]) -> Total:
    """The sum of no terms, 0."""
    return Total(jnp.full(shape, jnp.finfo(jnp.float32).min, jnp.float32), jnp.zeros(shape, jnp.float32))


def add(total: Total, exponents: jax.Array) -> Total:
    """The sum plus those of exp(exponents) [K, ...]; -inf adds 0."""
    peak = jnp.maximum(total.peak, exponents.max(axis=0))
    scaled = total.scaled * jnp.exp(total.peak - peak) + jnp.exp(exponents - peak[None]).sum(axis=0)
    return Total(peak, scaled)


def sampled_log_likelihood(
    log_weights: Callable[[jax.Array], jax.Array], key: jax.Array, samples: int, at_once: int
) -> jax.Array:
    """log 1/K sum_k w_k with K = `samples`, drawn `at_once` at a time, so that memory does not grow with K.

    Args:
        log_weights: key -> log w [at_once, ...] of independent draws.
        key: `fold_in` makes a key for each portion.
        samples: K; surplus draws of the last portion are masked.
        at_once: draws in a portion.

    Returns:
        [...], nats.
    """

    def portion(total, number):
        logs = log_weights(jax.random.fold_in(key, number))
        needed = number * at_once + jnp.arange(at_once, dtype=jnp.int32) < samples
        mask = needed.reshape(at_once, *[1] * (logs.ndim - 1))
        return add(total, jnp.where(mask, logs, -jnp.inf)), None

    shape = jax.eval_shape(log_weights, key).shape[1:]
    total, _ = jax.lax.scan(portion, empty_total(shape), jnp.arange(-(-samples // at_once), dtype=jnp.int32))
    return total.peak + jnp.log(total.scaled) - jnp.log(samples)
