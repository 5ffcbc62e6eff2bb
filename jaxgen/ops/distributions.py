"""Densities and divergences, as functions of arrays; all in nats."""

import jax
import jax.numpy as jnp


def kl_standard_normal(mean: jax.Array, log_var: jax.Array) -> jax.Array:
    """KL(N(mean, diag exp(log_var)) || N(0, I)) of [..., D], summed over D: [...].

    In closed form, appendix B of Kingma & Welling 2014 (https://arxiv.org/abs/1312.6114).
    """
    return 0.5 * jnp.sum(jnp.exp(log_var) + mean**2 - 1.0 - log_var, axis=-1)


def reparameterise(noise: jax.Array, mean: jax.Array, log_var: jax.Array) -> jax.Array:
    """A draw from N(mean, diag exp(log_var)) made of N(0, I) noise, differentiable in both: mean + sigma * noise."""
    return mean + jnp.exp(0.5 * log_var) * noise


def bernoulli_log_likelihood(logits: jax.Array, x: jax.Array) -> jax.Array:
    """log p(x) of [..., D], summed over D: [...]. For x between 0 and 1, minus the cross-entropy."""
    # x log sigmoid(l) + (1 - x) log sigmoid(-l) = x l - softplus(l). Written out, because jax.nn.softplus guards
    # against infinities, which makes the MLP VAE slower to compile and to run. min(l, -l) and not -|l|: at l = 0, where
    # a last layer of zeros starts, the gradient of `abs` is 1, that of `minimum` the mean of both sides.
    softplus = jnp.maximum(logits, 0.0) + jnp.log1p(jnp.exp(jnp.minimum(logits, -logits)))
    return jnp.sum(x * logits - softplus, axis=-1)


def normal_log_likelihood(mean: jax.Array, log_sigma: jax.Array, x: jax.Array) -> jax.Array:
    """log N(x; mean, exp(log_sigma)^2 I) of [..., D], summed over D: [...]; log_sigma is a scalar or [..., D]."""
    scaled = (x - mean) * jnp.exp(-log_sigma)
    return jnp.sum(-0.5 * scaled**2 - log_sigma - 0.5 * jnp.log(2.0 * jnp.pi), axis=-1)
