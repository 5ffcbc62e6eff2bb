"""Flax's convolution layers on `ops.conv`: the same names, shapes and values, gradients fast on CPU too."""

from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax.typing import DTypeLike

from jaxgen.ops.conv.api import Padding, Sizes, conv, conv_transpose


class Conv(nn.Module):
    """Convolution of x [..., H, W, I] to [..., H', W', features], as `flax.linen.Conv`.

    Any leading axes, none for a single image; as many axes in space as `kernel_size` has, one or two. Parameters
    `kernel` [kh, kw, I / feature_group_count, features] and `bias` [features] are float32; they and x are promoted to
    `dtype`, or to their common type.
    """

    features: int
    kernel_size: Sequence[int] = (3, 3)
    strides: Sizes = 1
    padding: Padding = "SAME"
    kernel_dilation: Sizes = 1
    feature_group_count: int = 1
    use_bias: bool = True
    dtype: DTypeLike | None = None
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns [..., H', W', features]."""
        return _apply(self, partial(conv, groups=self.feature_group_count), x, self.feature_group_count)


class ConvTranspose(nn.Module):
    """Transposed convolution of x [..., H, W, I] to [..., H', W', features], as `flax.linen.ConvTranspose`.

    "SAME" multiplies H and W by the strides. Leading axes, parameters and types as in `Conv`.
    """

    features: int
    kernel_size: Sequence[int] = (3, 3)
    strides: Sizes = 1
    padding: Padding = "SAME"
    kernel_dilation: Sizes = 1
    use_bias: bool = True
    dtype: DTypeLike | None = None
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns [..., H', W', features]."""
        return _apply(self, conv_transpose, x)


def _apply(layer, operation, x, groups=1):
    axes = len(layer.kernel_size)
    shape = (*layer.kernel_size, x.shape[-1] // groups, layer.features)
    kernel = layer.param("kernel", layer.kernel_init, shape, jnp.float32)
    bias = layer.param("bias", layer.bias_init, shape[-1:], jnp.float32) if layer.use_bias else None
    x, kernel, bias = promote_dtype(x, kernel, bias, dtype=layer.dtype)
    flat = x.reshape(-1, *x.shape[-1 - axes :])
    y = operation(flat, kernel, layer.strides, layer.padding, layer.kernel_dilation)
    if bias is not None:
        y = y + bias.reshape((1,) * (y.ndim - 1) + (-1,))
    return y.reshape(*x.shape[: -1 - axes], *y.shape[1:])
