"""Gradients in the pixels of an image: their scale, and how one computed otherwise becomes a loss's own."""

import jax
import jax.numpy as jnp

LEAST = 1e-7


def by_mean_magnitude(gradient: jax.Array, least: float = LEAST) -> jax.Array:
    """The gradient, of any shape, divided by max(mean |gradient|, least): a step's length says how far pixels move.

    Chollet & Allaire 2018, *Deep Learning with R*, section 8.2; callers vmap over images that are optimised together.
    """
    return gradient / jnp.maximum(jnp.abs(gradient).mean(), least)


def with_gradient(value: jax.Array, gradient: jax.Array, image: jax.Array) -> jax.Array:
    """`value` [], whose derivative in `image` is `gradient`, of the image's shape.

    So that a gradient computed by tiles, or scaled, is what `jax.grad` returns and what goes back through all that the
    image was made from. Second derivatives are 0.
    """
    fixed = jax.lax.stop_gradient
    return fixed(value) + jnp.sum(fixed(gradient) * (image - fixed(image)))
