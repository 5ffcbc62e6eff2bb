"""A ReLU whose gradient reaches a unit that is silent everywhere, so that an image can be found that excites it."""

import jax
import jax.numpy as jnp

from jaxgen.ops.derivatives import by_hand


def redirected_relu(x: jax.Array) -> jax.Array:
    """max(x, 0) of x [B, ...], with another gradient where none would get through.

    Of a LOSS, which is minimised: in an example to which the ReLU would pass no gradient at all, the gradient passes to
    units at or below 0 as well, unless a step against it would lower them further. As lucid does in the first 16 steps
    (Olah et al. 2017, https://distill.pub/2017/feature-visualization). Forward mode has the derivative of the ReLU.
    """
    return _relu(x)


def _backward(x, gradient):
    plain = jnp.where(x > 0, gradient, 0.0)
    redirected = jnp.where((x <= 0) & (gradient > 0), 0.0, gradient)
    passes = (plain != 0).any(tuple(range(1, x.ndim)), keepdims=True)
    return (jnp.where(passes, plain, redirected),)


_relu = by_hand(jax.nn.relu, lambda x: (jax.nn.relu(x), x), _backward)
