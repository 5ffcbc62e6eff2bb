"""An encoder of dense layers, and a decoder of the same widths in reverse.

D    values of an image
Z    units of the code
"""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.nets.initializers import initializer
from jaxgen.ops.activations import ACTIVATIONS


def activation_of(name: str) -> Callable[[jax.Array], jax.Array]:
    """One of ACTIVATIONS, or the identity by the name of linear."""
    return (lambda x: x) if name == "linear" else ACTIVATIONS[name]


def kernel_init(activation: str) -> nn.initializers.Initializer:
    """He's variance before rectifiers, Glorot's before others, but for sigmoids, which get four times Glorot's range.

    With the smaller range all sigmoids begin near 1/2, and codes hardly depend on the image: Bengio 2012,
    https://arxiv.org/abs/1206.5533.
    """
    if activation == "sigmoid":
        return nn.initializers.variance_scaling(4.0**2, "fan_avg", "uniform")
    return initializer("he_normal", "relu") if activation == "relu" else initializer("xavier_uniform", "tanh")


class Affine(nn.Module):
    """x W + b, with W a parameter, or that of another layer."""

    inputs: int
    outputs: int
    activation: str  # that the result is passed to, for the size of the first kernels
    own: bool = True  # whether W is a parameter of this layer

    def setup(self):
        shape = (self.inputs, self.outputs)
        init = kernel_init(self.activation)
        self.kernel: Any = self.param("kernel", init, shape, jnp.float32) if self.own else None
        self.bias = self.param("bias", nn.initializers.zeros, (self.outputs,), jnp.float32)

    def __call__(self, x: jax.Array, kernel: jax.Array | None = None) -> jax.Array:
        """[..., inputs] to [..., outputs]; `kernel` [inputs, outputs] is used where the layer has none of its own."""
        y = x @ (self.kernel if kernel is None else kernel)
        return y + self.bias.reshape((1,) * (y.ndim - 1) + (-1,))


class Mirrored(nn.Module):
    """Layers of `sizes` units from the image to the code, and from the code to the image.

    With `tied`, layer n of the decoder has the transposed kernel of the encoder's layer n from its end, and a bias of
    its own. The hidden layers are activated; the code is where `activated` says so; the decoder's output never is.
    Parameters: encoder_0, encoder_1, ... and decoder_0, decoder_1, ..., each with `kernel` and `bias`.
    """

    sizes: Sequence[int]  # D, the hidden layers, Z
    activation: str  # see `activation_of`
    activated: bool = True
    tied: bool = False

    def setup(self):
        pairs = list(zip(self.sizes, self.sizes[1:]))
        last = self.activation if self.activated else "linear"
        down = [self.activation] * (len(pairs) - 1) + [last]
        up = [self.activation] * (len(pairs) - 1) + ["linear"]
        self.encoder = [Affine(inputs, outputs, name) for (inputs, outputs), name in zip(pairs, down)]
        self.decoder = [Affine(o, i, name, not self.tied) for (i, o), name in zip(reversed(pairs), up)]

    def encode(self, x: jax.Array) -> jax.Array:
        """Images [..., D] to codes [..., Z]."""
        act = activation_of(self.activation)
        *hidden, last = self.encoder
        for layer in hidden:
            x = act(layer(x))
        return act(last(x)) if self.activated else last(x)

    def decode(self, code: jax.Array) -> jax.Array:
        """Codes [..., Z] to outputs [..., D], before any activation."""
        act = activation_of(self.activation)
        kernels = [layer.kernel.T if self.tied else None for layer in reversed(self.encoder)]
        for layer, kernel in zip(self.decoder[:-1], kernels):
            code = act(layer(code, kernel))
        return self.decoder[-1](code, kernels[-1])

    def __call__(self, x: jax.Array) -> jax.Array:
        """Images [..., D] to outputs [..., D]."""
        return self.decode(self.encode(x))
