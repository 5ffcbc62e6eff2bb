"""Flax's convolution layers on `ops.conv`: the same names, shapes and values, gradients fast on CPU too."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax.typing import DTypeLike

from jaxgen.ops.conv import Padding, conv, conv_transpose


class Conv(nn.Module):
    """Convolution of x [..., H, W, I] to [..., H', W', features], as `flax.linen.Conv`.

    Any leading axes, none for a single image. Parameters `kernel` [kh, kw, I, features] and `bias` [features]
    are float32; they and x are promoted to `dtype`, or to their common type.
    """

    features: int
    kernel_size: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = True
    dtype: DTypeLike | None = None
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns [..., H', W', features]."""
        return _apply(self, conv, x)


class ConvTranspose(nn.Module):
    """Transposed convolution of x [..., H, W, I] to [..., H', W', features], as `flax.linen.ConvTranspose`.

    "SAME" multiplies H and W by the strides. Leading axes, parameters and types as in `Conv`.
    """

    features: int
    kernel_size: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = True
    dtype: DTypeLike | None = None
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns [..., H', W', features]."""
        return _apply(self, conv_transpose, x)


def _apply(layer, operation, x):
    shape = (*layer.kernel_size, x.shape[-1], layer.features)
    kernel = layer.param("kernel", layer.kernel_init, shape, jnp.float32)
    bias = layer.param("bias", layer.bias_init, shape[-1:], jnp.float32) if layer.use_bias else None
    x, kernel, bias = promote_dtype(x, kernel, bias, dtype=layer.dtype)
    y = operation(x.reshape(-1, *x.shape[-3:]), kernel, layer.strides, layer.padding)
    if bias is not None:
        y = y + bias.reshape(1, 1, 1, -1)
    return y.reshape(*x.shape[:-3], *y.shape[1:])
