"""How far images are apart in what a fixed network computes of them.

B          images
h, w, C    positions and channels of a layer's activations
"""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp

TINY = 1e-10  # beside the length of a vector of channels, as in LPIPS's code


def feature_loss(a: jax.Array, b: jax.Array) -> jax.Array:
    """1 / (2 C w h) sum (a - b)^2 of activations [B, ...] of a layer: [B], whatever its size.

    Hou et al. 2017, https://arxiv.org/abs/1610.00291, section 3.2.
    """
    return 0.5 * jnp.mean(jnp.square(a - b).reshape(len(a), -1), axis=-1)


def weighted_loss(
    a: Mapping[str, jax.Array], b: Mapping[str, jax.Array], weights: Sequence[tuple[str, float]]
) -> jax.Array:
    """The sum [B] of layers' feature losses times their weights; a and b are layer -> activations [B, ...]."""
    losses = jnp.stack([feature_loss(a[layer], b[layer]) for layer, _ in weights])
    return jnp.tensordot(jnp.asarray([weight for _, weight in weights], losses.dtype), losses, axes=1)


def unit_distance(a: jax.Array, b: jax.Array) -> jax.Array:
    """|a / |a| - b / |b||^2 of the vectors of channels, mean over positions: [B, h, w, C] and the same to [B].

    The distance of LPIPS (Zhang et al. 2018, https://arxiv.org/abs/1801.03924, equation 1) with all weights 1. Between
    0 and 4; of rectified activations at most 2.
    """
    unit = lambda x: x / (jnp.sqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True)) + TINY)
    return jnp.mean(jnp.sum(jnp.square(unit(a) - unit(b)), axis=-1), axis=(1, 2))


def perceptual_distance(a: Mapping[str, jax.Array], b: Mapping[str, jax.Array]) -> jax.Array:
    """The mean [B] over layers of `unit_distance`; a and b are layer -> activations [B, h, w, C]."""
    return jnp.mean(jnp.stack([unit_distance(a[layer], b[layer]) for layer in a]), axis=0)
