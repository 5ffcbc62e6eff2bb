"""Matrix products, layer normalisation and GELU of deep networks, with backward passes that are fast on CPU.

N    rows: the tokens of all sequences
I    features of an input
O    features of an output
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxgen.ops.derivatives import by_hand

EPSILON = 1e-5
WIDE: Any = {"preferred_element_type": jnp.float32}  # of a product of bfloat16


def linear(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x [N, I] times kernel [I, O], both of one dtype.

    The kernel's gradient is x^T dy, a sum over the N rows. XLA's CPU backend computes it by reading x down its columns,
    at half the speed of the other products; here x^T is copied first, behind a barrier that keeps XLA from folding the
    transpose back into the product.
    """
    return _linear(x, kernel)


def _linear_backward(residuals, dy):
    x, kernel = residuals
    return dy @ kernel.T, _summed(x, dy)


_linear = by_hand(jnp.matmul, lambda x, kernel: (x @ kernel, (x, kernel)), _linear_backward)


def linear_turned(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x [N, I] times the transpose of kernel [O, I]: `linear` for I > O, dy being transposed and not the larger x."""
    return _linear_turned(x, kernel)


def logits(x: jax.Array, table: jax.Array) -> jax.Array:
    """Products of x [N, I] with each row of table [V, I], both of one dtype: float32 [N, V], as their sums are."""
    return _logits(x, table)


def wide(x: jax.Array, kernel: jax.Array, dimensions: Any, precision: Any = None, **_: Any) -> jax.Array:
    """`lax.dot_general` whose result has the type of its sums, float32 also where x and kernel are bfloat16."""
    return lax.dot_general(x, kernel, dimensions, precision, **WIDE)


def _linear_turned_backward(residuals, dy):
    x, kernel = residuals
    dy = dy.astype(x.dtype)
    return dy @ kernel, _summed(dy, x)


def _turned(product):
    return by_hand(product, lambda x, kernel: (product(x, kernel), (x, kernel)), _linear_turned_backward)


_linear_turned = _turned(lambda x, kernel: x @ kernel.T)
_logits = _turned(lambda x, kernel: jnp.matmul(x, kernel.T, **WIDE))


def _summed(a, b):
    """a^T b [P, Q] of a [N, P] and b [N, Q]."""
    transposed = lambda a, b: lax.optimization_barrier(a.T) @ b
    contracted = lambda a, b: lax.dot_general(a, b, (((0,), (0,)), ((), ())))
    return lax.platform_dependent(a, b, cpu=transposed, default=contracted)


def layer_norm(x: jax.Array, scale: jax.Array) -> jax.Array:
    """Each row of x [N, I] minus its mean, divided by its standard deviation, times scale [I]; computed in float32.

    Ba et al. 2016, equation 3 (https://arxiv.org/abs/1607.06450), without bias; EPSILON is added to the variance.
    """
    return _layer_norm(x, scale)


def _layer_norm_forward(x, scale):
    mean, inverse = _moments(x)
    y = (x - mean) * inverse * scale.astype(jnp.float32)[None, :]
    return y.astype(x.dtype), (x, scale, mean, inverse)


def _moments(x):
    """Means [N, 1] and reciprocals of the standard deviations [N, 1], float32."""
    x = x.astype(jnp.float32)
    mean = x.mean(-1, keepdims=True)
    return mean, lax.rsqrt(jnp.square(x - mean).mean(-1, keepdims=True) + EPSILON)


def _layer_norm_backward(residuals, dy):
    # With h = (x - mean) / deviation and dh = scale dy: dx is dh minus its projections on 1 and h, over the deviation.
    x, scale, mean, inverse = residuals
    dy, h = dy.astype(jnp.float32), (x - mean) * inverse
    dh = dy * scale.astype(jnp.float32)[None, :]
    dx = inverse * (dh - dh.mean(-1, keepdims=True) - h * (dh * h).mean(-1, keepdims=True))
    return dx.astype(x.dtype), (dy * h).sum(0).astype(scale.dtype)


_layer_norm = by_hand(lambda x, scale: _layer_norm_forward(x, scale)[0], _layer_norm_forward, _layer_norm_backward)


@jax.custom_jvp
def gelu(x: jax.Array) -> jax.Array:
    """x Phi(x), elementwise, Phi of a standard normal: Hendrycks & Gimpel 2016 (https://arxiv.org/abs/1606.08415).

    The function `jax.nn.gelu(x, approximate=False)`, which computes erfc by two formulas and selects one; erf suffices.
    """
    return 0.5 * x * (1.0 + lax.erf(x * math.sqrt(0.5)))


@gelu.defjvp
def _gelu_tangent(primals, tangents):
    (x,), (dx,) = primals, tangents
    phi = jnp.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    return gelu(x), dx * (0.5 * (1.0 + lax.erf(x * math.sqrt(0.5))) + x * phi)
