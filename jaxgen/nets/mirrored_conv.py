"""An encoder of convolutions that halve the image, a dense code, and a decoder that doubles as often.

Masci et al. 2011, https://doi.org/10.1007/978-3-642-21735-7_7.

D           values of an image, H * W * C
F           channels of a layer
Z           units of the code
switches    of each pooling in the encoder's order, [..., h, w, F] int32; see `ops.unpooling`
"""

import math
from collections.abc import Sequence
from typing import Literal

import flax.linen as nn
import jax

from jaxgen.nets.layers import Conv, ConvTranspose
from jaxgen.nets.mirrored import Affine, activation_of, kernel_init
from jaxgen.ops.pooling import max_pool
from jaxgen.ops.unpooling import max_pool_with_switches, unpool, unpool_evenly, unpool_first

Switches = tuple[jax.Array, ...]
UNPOOLINGS = {"first": unpool_first, "evenly": unpool_evenly}


class MirroredConv(nn.Module):
    """One convolution for each of `channels`, the code, and one transposed convolution for each on the way back.

    `down` says what halves an image: the stride of the convolution, and of the transposed one, which rounds an odd size
    up; or 2x2 max pooling after it, which rounds down, and unpooling before the transposed one: by the switches where
    it is `switches` and they are given, otherwise by `unpooling`. Hidden layers are activated; the code is where
    `activated` says so; the output never is.
    Parameters: downs_0, downs_1, ..., code, seed, ups_0, ups_1, ..., each with `kernel` and `bias`.
    """

    shape: tuple[int, int, int]  # H, W, C; H and W at least 2 ** len(channels)
    channels: Sequence[int]
    latent: int  # Z
    activation: str  # see `activation_of`
    activated: bool = True
    side: int = 3  # of the kernels
    down: Literal["strided", "pooled", "switches"] = "strided"
    unpooling: Literal["first", "evenly"] = "first"  # where no switches are given

    def setup(self):
        strides, kernel = 2 if self.down == "strided" else 1, (self.side, self.side)
        half = lambda size: -(-size // 2) if self.down == "strided" else size // 2
        sizes = [self.shape[:2]]
        for _ in self.channels:
            sizes.append((half(sizes[-1][0]), half(sizes[-1][1])))
        self.sizes = tuple(sizes)  # (h, w) of the image, and behind each halving
        self.smallest = (*sizes[-1], self.channels[-1])
        inner, last = kernel_init(self.activation), kernel_init("linear")
        self.downs = [Conv(features, kernel, strides, kernel_init=inner) for features in self.channels]
        ups = [*reversed(self.channels[:-1]), self.shape[2]]
        inits = [*[inner] * (len(ups) - 1), last]
        self.ups = [ConvTranspose(features, kernel, strides, kernel_init=init) for features, init in zip(ups, inits)]
        flat = math.prod(self.smallest)
        self.code = Affine(flat, self.latent, self.activation if self.activated else "linear")
        self.seed = Affine(self.latent, flat, self.activation)

    def encode(self, x: jax.Array) -> tuple[jax.Array, Switches]:
        """Images [..., D] to codes [..., Z] and switches, none where `down` is not `switches`."""
        act, switches = activation_of(self.activation), []
        x = x.reshape(*x.shape[:-1], *self.shape)
        for layer in self.downs:
            x = act(layer(x))
            if self.down == "switches":
                x, places = max_pool_with_switches(x)
                switches.append(places)
            elif self.down == "pooled":
                x = max_pool(x)
        code = self.code(x.reshape(*x.shape[:-3], -1))
        return act(code) if self.activated else code, tuple(switches)

    def decode(self, code: jax.Array, switches: Switches | None = None) -> jax.Array:
        """Codes [..., Z], with the switches of their images or without, to outputs [..., D], before any activation."""
        act = activation_of(self.activation)
        x = act(self.seed(code))
        x = x.reshape(*x.shape[:-1], *self.smallest)
        for level, layer in zip(reversed(range(len(self.ups))), self.ups):
            height, width = size = self.sizes[level]
            if self.down != "strided":
                x = unpool(x, switches[level], size) if switches else UNPOOLINGS[self.unpooling](x, size)
            x = layer(x)[..., :height, :width, :]  # a stride doubles a size that was rounded up
            x = act(x) if level else x
        return x.reshape(*x.shape[:-3], -1)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Images [..., D] to outputs [..., D]."""
        return self.decode(*self.encode(x))
