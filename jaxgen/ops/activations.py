"""Activation functions by name, and two with slopes: random ones (`rrelu`), learnt ones (`prelu`).

All are elementwise and keep shape and dtype.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

PRELU_SLOPE = 0.25  # initial value: He et al. 2015, section 2

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jax.nn.tanh,
    "relu": jax.nn.relu,
    "leaky_relu": functools.partial(jax.nn.leaky_relu, negative_slope=0.01),  # max(alpha x, x)
    "elu": functools.partial(jax.nn.elu, alpha=1.0),  # alpha (e^x - 1) below 0
    "selu": jax.nn.selu,  # lambda elu(x, alpha): keeps mean 0 and variance 1
    "gelu": functools.partial(jax.nn.gelu, approximate=False),  # x Phi(x) by erf; jax.nn's default is a tanh near it
}


def rrelu(key: Any, x: jax.Array, lower: float = 1 / 8, upper: float = 1 / 3, *, train: bool) -> jax.Array:
    """x where x >= 0, a x elsewhere: in training a ~ U(lower, upper) for each element, else a = (lower + upper) / 2.

    Xu et al. 2015 (https://arxiv.org/abs/1505.00853) multiply by a in their equation and, in their experiments, divide
    by a draw from U(3, 8), at evaluation by 5.5. This is Torch's version: it multiplies, by slopes of the same range,
    whose mean is 11/48 and not 1/5.5.

    Args:
        key: for one draw of x's shape and dtype; unused, and may be None, at evaluation.
        x: any shape; with an axis of examples, each example has its own slopes.
        lower: smallest slope.
        upper: largest slope.
        train: whether slopes are drawn; static.
    """
    slope = jax.random.uniform(key, x.shape, x.dtype, lower, upper) if train else 0.5 * (lower + upper)
    return jnp.where(x >= 0, x, slope * x)


def prelu(x: jax.Array, slope: jax.Array) -> jax.Array:
    """x where x >= 0, slope x elsewhere: He et al. 2015, equation 1 (https://arxiv.org/abs/1502.01852).

    Args:
        x: [..., C].
        slope: a parameter, PRELU_SLOPE at first; [] shared, [C] one per channel, or [H, W, C] and the like one per
            unit. It is cast to x's dtype after broadcasting, so that its gradient is summed in its own precision even
            where x is bfloat16.

    Raises:
        ValueError: slope does not broadcast to x.
    """
    return jnp.where(x >= 0, x, jnp.broadcast_to(slope, x.shape).astype(x.dtype) * x)
