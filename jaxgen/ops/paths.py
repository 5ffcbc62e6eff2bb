"""Paths and grids in a latent space."""

import jax
import jax.numpy as jnp


def straight(start: jax.Array, end: jax.Array, count: int) -> jax.Array:
    """[count, D] equidistant points on the line from `start` to `end` [D], both included."""
    t = jnp.linspace(0.0, 1.0, count, dtype=jnp.float32)[:, None]
    return (1.0 - t) * start[None] + t * end[None]


def spherical(start: jax.Array, end: jax.Array, count: int) -> jax.Array:
    """[count, D] points on the great arc from `start` to `end` [D] (Shoemake 1985).

    Stays in the shell where a normal distribution in many dimensions has its mass. Where the two directions coincide
    or are opposite, so that no single arc joins them, the points are those of `straight`.
    """
    t = jnp.linspace(0.0, 1.0, count, dtype=jnp.float32)[:, None]
    norms = jnp.linalg.norm(start) * jnp.linalg.norm(end)
    cosine = jnp.clip(jnp.dot(start, end) / jnp.maximum(norms, 1e-12), -1.0, 1.0)
    angle = jnp.arccos(cosine)
    sine = jnp.sin(angle)
    joined = (sine > 1e-2) & (norms > 1e-12)
    safe = jnp.where(joined, sine, 1.0)
    arc = (jnp.sin((1.0 - t) * angle) * start[None] + jnp.sin(t * angle) * end[None]) / safe
    return jnp.where(joined, arc, straight(start, end, count))


def quantile_grid(count: int, tail: float = 0.05) -> jax.Array:
    """[count * count, 2] standard-normal quantiles of a regular grid over [tail, 1 - tail]^2, row by row.

    Equal areas of a two-dimensional prior, as in Chollet & Allaire section 8.4. The first coordinate grows to the
    right, the second upwards.
    """
    quantiles = jax.scipy.special.ndtri(jnp.linspace(tail, 1.0 - tail, count, dtype=jnp.float32))
    across, up = jnp.meshgrid(quantiles, quantiles[::-1])
    return jnp.stack([across.ravel(), up.ravel()], axis=-1)
