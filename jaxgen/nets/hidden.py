"""A hidden layer with every knob: linear, batch normalisation, activation, pooling, dropout, in this order."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxgen.nets.initializers import initializer
from jaxgen.nets.layers import Conv
from jaxgen.ops.activations import ACTIVATIONS, PRELU_SLOPE, prelu, rrelu
from jaxgen.ops.pooling import max_pool


class Activation(nn.Module):
    """An activation by name: those of `ops.activations`, whose slopes may be drawn (rrelu) or learnt (prelu)."""

    kind: str

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """x [..., F] to the same. `train` draws rrelu's slopes, from the random numbers called `rrelu`."""
        if self.kind == "prelu":
            return prelu(x, self.param("slope", nn.initializers.constant(PRELU_SLOPE), x.shape[-1:]))
        if self.kind == "rrelu":
            return rrelu(self.make_rng("rrelu") if train else None, x, train=train)
        return ACTIVATIONS[self.kind](x)


class Block(nn.Module):
    """One hidden layer of a classifier; 3x3 convolution, with 2x2 max pooling, or dense.

    Batch normalisation (Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167) stands before the activation, as in
    the paper, and takes the place of the bias; its running statistics, the collection `batch_stats`, move by a tenth
    at each step in training. Dropout (Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html) divides
    what it keeps by the probability of being kept, so that expectations agree with evaluation.
    """

    features: int
    conv: bool = False
    activation: str = "relu"
    initializer: str = "he_uniform"
    batch_norm: bool = False
    dropout: float = 0.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> tuple[jax.Array, jax.Array]:
        """x [B, F] or [B, H, W, F] to what the next layer is given, and to the activations before pooling and dropout.

        `train` uses the batch's own statistics and the random numbers `dropout` and `rrelu`.
        """
        options: Any = {"kernel_init": initializer(self.initializer, self.activation), "dtype": self.dtype}
        layer = Conv if self.conv else nn.Dense
        x = layer(self.features, use_bias=not self.batch_norm, name="linear", **options)(x)
        if self.batch_norm:
            x = nn.BatchNorm(not train, momentum=0.9, dtype=self.dtype, name="norm")(x)
        x = activations = Activation(self.activation, name="activation")(x, train)
        if self.conv:
            x = max_pool(x)
        if self.dropout:
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return x, activations
