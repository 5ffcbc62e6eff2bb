"""Correlations between the channels of a layer, which are what style transfer takes for an image's style."""

import math

import jax
import jax.numpy as jnp


def gram_matrix(features: jax.Array, divisor: float = 1.0) -> jax.Array:
    """Sums over positions of products of channels, divided: features [..., H, W, C] to float32 [..., C, C].

    Gatys et al. 2015, https://arxiv.org/abs/1508.06576, equation 3, has no divisor; Johnson et al. 2016,
    https://arxiv.org/abs/1603.08155, equation 3, divides by C H W. In float32 at full precision whatever the features
    have: sums over positions overflow in float16, and tensor cores would round the products.
    """
    *batch, height, width, channels = features.shape
    flat = features.reshape(*batch, height * width, channels).astype(jnp.float32)
    return jnp.einsum("...pc,...pd->...cd", flat, flat, precision="highest") / divisor


def similarities(grams: jax.Array) -> jax.Array:
    """Cosines [B, B] between matrices [B, C, C]; those with a matrix of zeros are 0, and so are their derivatives."""
    flat = grams.reshape(len(grams), math.prod(grams.shape[1:]))
    unit = flat * jax.lax.rsqrt(jnp.maximum(jnp.square(flat).sum(-1, keepdims=True), 1e-10))
    return jnp.matmul(unit, unit.T, precision="highest")
