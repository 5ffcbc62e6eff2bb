"""Hidden layers with every knob: linear, batch normalisation, activation, pooling, dropout, in this order.

B    examples of a batch
F    features of a layer
C    classes
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxgen.core.types import Refused
from jaxgen.nets.initializers import initializer
from jaxgen.nets.layers import Conv
from jaxgen.ops.activations import ACTIVATIONS, PRELU_SLOPE, prelu, rrelu
from jaxgen.ops.pooling import max_pool

WIDEST, DEEPEST = 2**20, 1000


class Activation(nn.Module):
    """An activation by name: those of `ops.activations`, whose slopes may be drawn (rrelu) or learnt (prelu)."""

    kind: str

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """Returns an array of x's shape [..., F]. `train` draws rrelu's slopes, from the random stream `rrelu`."""
        if self.kind == "prelu":
            return prelu(x, self.param("slope", nn.initializers.constant(PRELU_SLOPE), x.shape[-1:], jnp.float32))
        if self.kind == "rrelu":
            return rrelu(self.make_rng("rrelu") if train else None, x, train=train)
        return ACTIVATIONS[self.kind](x)


class Block(nn.Module):
    """One hidden layer of a classifier: dense, or 3x3 convolution with 2x2 max pooling.

    Batch normalisation (Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167) comes before the activation, as in
    the paper, and replaces the bias; its running statistics, the collection `batch_stats`, move by a tenth
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
    def __call__(
        self, x: jax.Array, train: bool = False, added: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        """x [B, F] or [B, H, W, F] to the next layer's input, and to the activations before pooling and dropout.

        `train` uses the batch's own statistics and the random streams `dropout` and `rrelu`. `added` is added to the
        activations, for slopes in them.
        """
        options: Any = {"kernel_init": initializer(self.initializer, self.activation), "dtype": self.dtype}
        layer = Conv if self.conv else nn.Dense
        x = layer(self.features, use_bias=not self.batch_norm, name="linear", **options)(x)
        if self.batch_norm:
            x = nn.BatchNorm(not train, momentum=0.9, dtype=self.dtype, name="norm")(x)
        x = Activation(self.activation, name="activation")(x, train)
        x = activations = x if added is None else x + added
        if self.conv:
            x = max_pool(x)
        if self.dropout:
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return x, activations


def dense_classifier(
    x: jax.Array,
    units: Sequence[int],
    classes: int,
    options: Mapping[str, Any],
    train: bool,
    frozen: Collection[str] = (),
    first: int = 1,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Dense layers and a linear output, as submodules of the module whose compact method calls this.

    Args:
        x: [B, F].
        units: of the hidden layers, which are called layer1, layer2, ...; the output is called output.
        classes: C.
        options: fields of `Block`.
        train: see `Block`.
        frozen: layers that are used as at evaluation all the same.
        first: number of the first hidden layer.

    Returns:
        Logits [B, C] float32, and layer -> activations, those of the output included.
    """
    activations = {}
    for number, features in enumerate(units, first):
        name = f"layer{number}"
        x, activations[name] = Block(features, **options, name=name)(x, train and name not in frozen)
    kernel_init = initializer(options["initializer"], options["activation"])
    logits = nn.Dense(classes, kernel_init=kernel_init, name="output")(x)
    return logits.astype(jnp.float32), {**activations, "output": logits}


def names(hidden: int) -> list[str]:
    """The names of so many hidden layers and of the output."""
    return [*(f"layer{n}" for n in range(1, hidden + 1)), "output"]


def widths(text: str, flag: str) -> list[int]:
    """The numbers of "300,100"; "100x50" is fifty times 100. Raises Refused for other texts and too many layers."""
    numbers = []
    for part in filter(None, text.split(",")):
        match = re.fullmatch("([1-9][0-9]{0,6})(?:x([1-9][0-9]{0,3}))?", part)
        if not match or int(match[1]) > WIDEST:
            raise Refused(f"--{flag} is a list of widths such as 300,100 or 100x50, not {text[:50]!r}")
        numbers += [int(match[1])] * int(match[2] or 1)
    if len(numbers) > DEEPEST:
        raise Refused(f"--{flag}={text} are {len(numbers):,} layers; at most {DEEPEST:,} are made")
    return numbers
