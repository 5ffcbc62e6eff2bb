"""The network that paints an image in one pass, in one or several styles.

Johnson et al. 2016, https://arxiv.org/abs/1603.08155, with instance normalisation (Ulyanov et al. 2016,
https://arxiv.org/abs/1607.08022), of which each style has its own scales and biases (Dumoulin et al. 2017,
https://arxiv.org/abs/1610.07629): a 9x9 convolution, two of stride 2, residual blocks, two that enlarge, a 9x9 one.

B          images
H, W       of an image; within the network they are reflected to multiples of FACTOR
S          styles
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.ops.borders import reflected, to_multiple
from jaxgen.ops.conv.api import conv
from jaxgen.ops.instance import instance_norm
from jaxgen.ops.narrow_conv import narrow_conv
from jaxgen.ops.resize_conv import resize_conv

FACTOR = 4  # by which the residual blocks' images are smaller
LEAST = 5  # pixels a side of an image: 9x9 kernels reflect 4
NARROW = 8  # channels on either side of a convolution below which `narrow_conv` computes it


class ReflectedConv(nn.Module):
    """A convolution of images that are reflected in their borders, by half of its kernel: no dark frame."""

    features: int
    size: int = 3
    strides: int = 1
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[B, H, W, C] to [B, H / strides, W / strides, features]."""
        sides = (self.size // 2, self.size // 2)
        x = reflected(x, sides, sides)
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape, jnp.float32)
        if self.strides == 1 and min(shape[2:]) < NARROW:
            y = narrow_conv(x, kernel)
        else:
            y = conv(x, kernel, self.strides, "VALID")
        return _with_bias(self, y)


class ResizeConv(nn.Module):
    """A 3x3 convolution of images enlarged twice, see `ops.resize_conv`."""

    features: int
    use_bias: bool = True
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[..., H, W, C] to [..., 2 H, 2 W, features]; any leading axes, computed in the type of x."""
        shape = (3, 3, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32).astype(x.dtype)
        y = _with_bias(self, resize_conv(x.reshape(-1, *x.shape[-3:]), kernel))
        return y.reshape(*x.shape[:-3], *y.shape[1:])


def _with_bias(layer, y):
    """y [B, H, W, features] with the layer's bias, where it has one."""
    if not layer.use_bias:
        return y
    bias = layer.param("bias", nn.initializers.zeros_init(), (layer.features,), jnp.float32)
    return y + bias.astype(y.dtype).reshape((1,) * (y.ndim - 1) + (-1,))


class StyledNorm(nn.Module):
    """Instance normalisation with scales and biases of each style, mixed by weights."""

    styles: int
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, weights: jax.Array) -> jax.Array:
        """x [B, H, W, C] normalised, with the weights [B, S] of the styles."""
        shape = (self.styles, x.shape[-1])
        scale = self.param("scale", nn.initializers.ones_init(), shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), shape, jnp.float32) if self.use_bias else None
        mixed = lambda each: jnp.matmul(weights, each, precision="highest")
        return instance_norm(x, mixed(scale), jnp.zeros((), jnp.float32) if bias is None else mixed(bias))


class Painter(nn.Module):
    """Images to painted images of their size, whatever it is."""

    width: int = 32  # channels of the first convolution; then twice, and four times as many
    blocks: int = 5  # residual blocks of two convolutions
    styles: int = 1

    @nn.compact
    def __call__(self, image: jax.Array, weights: jax.Array) -> jax.Array:
        """Images [B, H, W, 3] in [0, 1], of at least LEAST pixels a side, to the same shape and range.

        Args:
            image: what is painted.
            weights: [B, S] of the styles; 1 for one and 0 for all others is that style.
        """

        def normed(layer, x, name, bias=True):
            return StyledNorm(self.styles, bias, name=f"{name}_norm")(layer(name=name, use_bias=False)(x), weights)

        def convolved(x, features, name, size=3, strides=1, bias=True):
            make = lambda **options: ReflectedConv(features, size, strides, **options)
            return normed(make, x, name, bias)

        x = convolved(2.0 * to_multiple(image, FACTOR) - 1.0, self.width, "first", 9)
        for halving in (1, 2):
            x = convolved(nn.relu(x), self.width * 2**halving, f"smaller{halving}", 3, 2)
        x = nn.relu(x)
        for block in range(1, self.blocks + 1):
            inner = nn.relu(convolved(x, x.shape[-1], f"block{block}_conv1"))
            # A bias would be without effect: what is read next is normalised after a convolution without a rectifier.
            x = x + convolved(inner, x.shape[-1], f"block{block}_conv2", bias=False)
        for doubling in (1, 2):
            features = self.width * FACTOR // 2**doubling
            larger = lambda features=features, **options: ResizeConv(features, **options)
            x = nn.relu(normed(larger, x, f"larger{doubling}"))
        painted = nn.sigmoid(ReflectedConv(3, 9, name="last")(x))
        return painted[:, : image.shape[1], : image.shape[2]]
