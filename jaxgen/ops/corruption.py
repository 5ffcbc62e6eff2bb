"""Corruptions of images and tokens, for autoencoders that learn to undo them (Vincent et al. 2008, https://doi.org/10.1145/1390156.1390294).

Functions of a key and of images x [...], float in [0, 1]; each value is corrupted independently of the others. (The
paper of 2008 corrupts a fixed number of values of each image, which has the same expectation.) The noise is that of
Vincent et al. 2010 (https://jmlr.org/papers/v11/vincent10a.html). That of tokens is not from there.
"""

import jax
import jax.numpy as jnp


def _check_rate(rate):
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"the share of values that are corrupted is between 0 and 1, not {rate}")


def masking(key: jax.Array, x: jax.Array, rate: float) -> jax.Array:
    """x with each value set to 0 with probability `rate`. Raises ValueError where that is outside [0, 1]."""
    _check_rate(rate)
    return jnp.where(jax.random.uniform(key, x.shape, jnp.float32) < rate, 0.0, x)


def salt_and_pepper(key: jax.Array, x: jax.Array, rate: float) -> jax.Array:
    """x with each value replaced with probability `rate`, by 0 or by 1 with equal probability.

    Raises ValueError where the rate is outside [0, 1].
    """
    _check_rate(rate)
    u = jax.random.uniform(key, x.shape, jnp.float32)
    return jnp.where(u < 0.5 * rate, 0.0, jnp.where(u < rate, 1.0, x))


def gaussian(key: jax.Array, x: jax.Array, sigma: float) -> jax.Array:
    """x + sigma e, e standard normal; values leave [0, 1]. Raises ValueError where sigma is negative."""
    if sigma < 0.0:
        raise ValueError(f"a standard deviation is at least 0, not {sigma}")
    return x + sigma * jax.random.normal(key, x.shape, jnp.float32)


def substituted(key: jax.Array, tokens: jax.Array, rate: float, size: int) -> jax.Array:
    """Tokens of any shape, for each of which one of all `size` is substituted with probability `rate`.

    Raises:
        ValueError: the rate is no probability.
    """
    _check_rate(rate)
    which_key, token_key = jax.random.split(key)
    others = jax.random.randint(token_key, tokens.shape, 0, size, tokens.dtype)
    return jnp.where(jax.random.bernoulli(which_key, rate, tokens.shape), others, tokens)
