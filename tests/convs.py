"""What the tests of convolutions share: lax as the reference, draws, comparison.

Explicit padding is done by the reference itself: jax 0.10.2 on CPU computes some convolutions with negative
padding, which autodiff makes of generous padding, from memory outside the array.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxgen.ops.conv import api as ops

OPERATIONS = [ops.conv, ops.conv_transpose]


def pair(value, axes=2):
    return (value,) * axes if isinstance(value, int) else tuple(value)


def reference(operation, x, kernel, strides=1, padding="SAME", dilation=1, groups=1):
    transposed, axes = operation is ops.conv_transpose, x.ndim - 2
    strides, dilation = pair(strides, axes), pair(dilation, axes)
    layout = ("NHWC", "HWIO", "NHWC") if axes == 2 else ("NHC", "HIO", "NHC")
    rest = {"rhs_dilation": dilation, "dimension_numbers": layout}
    if transposed and groups > 1:
        parts = zip(jnp.split(x, groups, -1), jnp.split(kernel, groups, -1))
        return jnp.concatenate([reference(operation, *part, strides, padding, dilation) for part in parts], -1)
    if not isinstance(padding, str):
        sides = [(*side, s - 1 if transposed else 0) for side, s in zip(padding, strides)]
        x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *sides, (0, 0, 0)))
        strides, padding, transposed = (pair(1, axes) if transposed else strides), "VALID", False
    if transposed:
        return lax.conv_transpose(x, kernel, strides, padding, **rest)
    return lax.conv_general_dilated(x, kernel, strides, padding, feature_group_count=groups, **rest)


def draw(image, size, channels=(3, 4), batch=2, groups=1, dtype=jnp.float32):
    x_key, kernel_key = jax.random.split(jax.random.key(0))
    x = jax.random.normal(x_key, (batch, *image, channels[0]), dtype)
    return x, jax.random.normal(kernel_key, (*size, channels[0] // groups, channels[1]), dtype)


def results(function, x, kernel):
    """The output and both gradients, for a cotangent that tells all pixels apart."""
    y, pull = jax.vjp(function, x, kernel)
    return y, *pull(jnp.sin(1.0 + jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape).astype(y.dtype))


def everything(function, x, kernel):
    """Output, both gradients, the forward-mode derivative in a direction, and the gradients of a gradient's size."""
    direction = (jnp.cos(x.astype(jnp.float32)).astype(x.dtype), jnp.sin(kernel))
    slopes = lambda x, k: jax.grad(lambda x, k: jnp.sin(function(x, k)).mean(), (0, 1))(x, k)
    penalty = lambda x, k: sum(jnp.square(g).sum() for g in slopes(x, k))
    return (
        *results(function, x, kernel),
        jax.jvp(function, (x, kernel), direction)[1],
        *jax.grad(penalty, (0, 1))(x, kernel),
    )


def assert_near(found, expected, tolerance=1e-5):
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert a.shape == b.shape
        if not a.size:
            continue
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        assert np.abs(a - b).max() <= tolerance * max(np.abs(b).max(), 1e-3)


def both(operation, *options, **more):
    return (
        lambda x, kernel: operation(x, kernel, *options, **more),
        lambda x, kernel: reference(operation, x, kernel, *options, **more),
    )
