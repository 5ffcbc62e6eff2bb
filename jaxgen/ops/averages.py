"""Exponential moving averages of pytrees: the generator that is shown is an average of those that were trained.

An averaged generator needs averages of its batch statistics as well: average both as one tree.
"""

from typing import Any

import jax
import jax.numpy as jnp


def decayed(average: Any, new: Any, decay: float | jax.Array) -> Any:
    """decay * average + (1 - decay) * new, leaf by leaf, of two pytrees of floats of one structure."""
    return jax.tree.map(lambda old, leaf: old + (1.0 - decay) * (leaf - old), average, new)


def ramped(decay: float | jax.Array, t: jax.Array) -> jax.Array:
    """min(decay, (1 + t) / (10 + t)) [] after t averages: early ones are forgotten sooner.

    As `tf.train.ExponentialMovingAverage` with `num_updates`.
    """
    return jnp.minimum(decay, (1.0 + t) / (10.0 + t))
