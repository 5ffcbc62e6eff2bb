"""Mixtures of bivariate normal densities (Graves 2013, https://arxiv.org/abs/1308.0850), in nats.

Everything stays finite whatever a network gives: deviations and correlations are bounded by smooth functions that are
the identity near 0, and densities are added as logarithms.

M    components
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

WIDEST = 4.0  # |log sigma| is less: of offsets with deviation 1, a third of the grid that whole pixels stand on
STRAIGHTEST = 0.99  # |rho| is less
COLDEST = 1e-6  # temperatures below are as good as 0


class Mixture(NamedTuple):
    """The parameters of densities over the plane."""

    log_weight: jax.Array  # [..., M], of which exp adds up to 1
    mean: jax.Array  # [..., M, 2]
    log_sigma: jax.Array  # [..., M, 2]
    rho: jax.Array  # [..., M]


def mixture(raw: jax.Array) -> Mixture:
    """The mixture that a network's outputs [..., 6 M] stand for."""
    weight, mean_x, mean_y, sigma_x, sigma_y, rho = jnp.split(raw, 6, axis=-1)
    log_sigma = WIDEST * jnp.tanh(jnp.stack([sigma_x, sigma_y], -1) / WIDEST)
    mean = jnp.stack([mean_x, mean_y], -1)
    return Mixture(jax.nn.log_softmax(weight), mean, log_sigma, STRAIGHTEST * jnp.tanh(rho))


def log_density(of: Mixture, x: jax.Array) -> jax.Array:
    """log p(x) [...] of points x [..., 2]."""
    z = (x[..., None, :] - of.mean) * jnp.exp(-of.log_sigma)
    free = 1.0 - jnp.square(of.rho)
    distance = jnp.square(z).sum(-1) - 2.0 * of.rho * z[..., 0] * z[..., 1]
    log_norm = jnp.log(2.0 * jnp.pi) + of.log_sigma.sum(-1) + 0.5 * jnp.log(free)
    return jax.scipy.special.logsumexp(of.log_weight - log_norm - 0.5 * distance / free, axis=-1)


def draw(key: jax.Array, of: Mixture, temperature: jax.Array) -> jax.Array:
    """A point [2] from one mixture, [M].

    At a temperature T below 1 weights are sharpened, p^(1/T) up to a constant, and variances multiplied by T (Ha & Eck
    2017, https://arxiv.org/abs/1704.03477, equation 8); at 0 it is the mean of the most probable component.
    """
    component_key, point_key = jax.random.split(key)
    n = jax.random.categorical(component_key, sharpened(of.log_weight, temperature))
    first, second = jax.random.normal(point_key, (2,), jnp.float32)
    rho = of.rho[n]
    noise = jnp.stack([first, rho * first + jnp.sqrt(1.0 - jnp.square(rho)) * second])
    return of.mean[n] + jnp.sqrt(temperature) * jnp.exp(of.log_sigma[n]) * noise


def sharpened(logits: jax.Array, temperature: jax.Array) -> jax.Array:
    """Logits [..., C] of p^(1/T) up to a constant; of a one-hot distribution where T is 0."""
    return (logits - logits.max(-1, keepdims=True)) / jnp.maximum(temperature, COLDEST)
