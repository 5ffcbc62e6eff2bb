"""Exponential moving averages of pytrees: the generator that is shown is an average of those that were trained.

An averaged generator needs averages of its batch statistics as well: average both as one tree.
"""

from typing import Any

import jax
import jax.numpy as jnp


def decayed(average: Any, new: Any, decay: float | jax.Array) -> Any:
    """decay * average + (1 - decay) * new, leaf by leaf, of two pytrees of floats of one structure."""
    return jax.tree.map(lambda old, leaf: old + (1.0 - decay) * (leaf - old), average, new)


def half_life(images: float, batch: int) -> float:
    """The decay of a step of `batch` images with which a tree's weight halves every so many images; 0 for no average.

    So an average does not depend on the batch's size. The code of StyleGAN2 (Karras et al. 2020,
    https://arxiv.org/abs/1912.04958) has 10,000 images.

    Raises:
        ValueError: `images` is negative, or `batch` is less than 1.
    """
    if images < 0 or batch < 1:
        raise ValueError(f"a half-life of {images} images in batches of {batch}")
    return 0.5 ** (batch / images) if images else 0.0


def ramped(decay: float | jax.Array, t: jax.Array) -> jax.Array:
    """min(decay, (1 + t) / (10 + t)) [] after t averages: early ones are forgotten sooner.

    As `tf.train.ExponentialMovingAverage` with `num_updates`.
    """
    return jnp.minimum(decay, (1.0 + t) / (10.0 + t))
