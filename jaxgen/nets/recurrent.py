"""Recurrent language models: layers of LSTM or GRU between the rows of a table and a dense head.

B    sequences
T    tokens in a window
V    vocabulary
H    units of a layer
"""

from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxgen.ops import cells
from jaxgen.ops.dense import wide
from jaxgen.ops.embedding import rows

GATES = {"lstm": 4, "gru": 3}


class Recurrent(nn.Module):
    """LSTMs or GRUs on top of each other.

    A character's row of the first layer's kernel is what its one-hot vector would give, so that vector is never made.
    With `embedding` > 0, tokens have that many features of their own first: a vocabulary of words needs it.
    Dropout stands between layers and before the head, not on the way from step to step (Zaremba et al. 2014,
    https://arxiv.org/abs/1409.2329); that is `recurrent_dropout`, on what is added to a cell (Semeniuta et al. 2016).
    Kernels start uniform by fan-in and fan-out (Glorot & Bengio 2010), recurrent ones orthogonal, forget gates open.
    """

    vocabulary: int
    width: int = 128
    layers: int = 1
    kind: Literal["lstm", "gru"] = "lstm"
    embedding: int = 0
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    layer_norm: bool = False
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        gates = GATES[self.kind] * self.width
        orthogonal, glorot = nn.initializers.orthogonal(), nn.initializers.glorot_uniform()
        if self.embedding:
            self.table = self.param(
                "table", nn.initializers.normal(1.0), (self.vocabulary, self.embedding), jnp.float32
            )
        sizes = [self.embedding or self.vocabulary, *[self.width] * (self.layers - 1)]
        names = [f"layer{n}" for n in range(self.layers)]
        self.kernels = [
            self.param(f"{name}_kernel", glorot, (size, gates), jnp.float32) for name, size in zip(names, sizes)
        ]
        self.recurrents = [
            self.param(f"{name}_recurrent", orthogonal, (self.width, gates), jnp.float32) for name in names
        ]
        self.biases = [
            self.param(f"{name}_bias", first_bias(self.kind, self.width), (gates,), jnp.float32) for name in names
        ]
        if self.layer_norm:
            ones, norms = nn.initializers.ones, {"x": gates, "h": gates}
            norms |= {"c": self.width} if self.kind == "lstm" else {}
            self.scales = [
                {norm: self.param(f"{name}_scale_{norm}", ones, (size,), jnp.float32) for norm, size in norms.items()}
                for name in names
            ]
        self.output = nn.Dense(self.vocabulary, kernel_init=glorot, dtype=self.dtype, dot_general=wide)
        self.drop = nn.Dropout(self.dropout)

    def start(self, batch: int) -> Any:
        """Zeros: of each layer (h, c) of an LSTM, h of a GRU, [batch, H] each, float32 whatever is computed in."""
        zeros = jnp.zeros((batch, self.width), jnp.float32)
        return tuple((zeros, zeros) if self.kind == "lstm" else zeros for _ in range(self.layers))

    def cache(self) -> Any:
        """What `feed` is given before the first token: `start` without the axis of sequences."""
        return jax.tree.map(lambda a: a[0], self.start(1))

    def __call__(self, tokens: jax.Array, memory: Any = (), fresh: Any = None, train: bool = False) -> Any:
        """tokens [B, T] to features [B, T, H], the memory after them, and each layer's outputs.

        `fresh` [B] forgets what was before. Outputs are those before dropout, {"layer0": [B, T, H], ...}.
        """
        memory = memory or self.start(len(tokens))
        if fresh is not None:
            memory = jax.tree.map(lambda a: jnp.where(fresh[:, None], jnp.zeros_like(a), a), memory)
        x, ends, outputs = tokens.T, [], {}
        for n, start in enumerate(memory):
            keep = kept(self, self.recurrent_dropout, (*tokens.shape[::-1], self.width), train, self.dtype)
            x, end = self._run(n, self._into(n, x), start, keep)
            outputs[f"layer{n}"] = x.swapaxes(0, 1)
            x = self.drop(x, deterministic=not train)
            ends.append(end)
        return x.swapaxes(0, 1), tuple(ends), outputs

    def head(self, features: jax.Array) -> jax.Array:
        """features [..., H] to logits [..., V], float32."""
        return self.output(features)

    def logits(self, tokens: jax.Array) -> jax.Array:
        """tokens [B, T] to logits [B, T, V], from an empty memory."""
        return self.head(self(tokens)[0])

    def feed(self, token: jax.Array, memory: Any) -> Any:
        """One token [] to logits [V] of the next, and the memory after it."""
        x, ends = token[None], []
        for n, before in enumerate(memory):
            after = self._run(n, self._into(n, x)[:, None], jax.tree.map(lambda a: a[None], before), None)[1]
            ends.append(jax.tree.map(lambda a: a[0], after))
            x = (after[0] if self.kind == "lstm" else after).astype(self.dtype)
        return self.head(x[0]), tuple(ends)

    def _into(self, n, x):
        """What a layer's inputs and biases give to its gates: x are tokens [...] or features [..., F]."""
        kernel, bias = self.kernels[n].astype(self.dtype), self.biases[n].astype(self.dtype)
        if n == 0 and self.embedding:
            x = rows(self.table.astype(self.dtype), x)
        z = rows(kernel, x) if n == 0 and not self.embedding else x @ kernel
        if self.layer_norm:
            z = cells.normed(z, self.scales[n]["x"])
        return z + jnp.expand_dims(bias, range(z.ndim - 1))

    def _run(self, n, x, start, keep):
        w = self.recurrents[n].astype(self.dtype)
        if not self.layer_norm:
            return (cells.lstm if self.kind == "lstm" else cells.gru)(x, w, start, keep)
        scales = self.scales[n]
        if self.kind == "lstm":
            return cells.lstm_normed(x, w, start, (scales["h"], scales["c"]), keep)
        return cells.gru_normed(x, w, start, scales["h"], keep)


def kept(
    net: nn.Module, dropout: float, shape: tuple[int, ...], train: bool, dtype: DTypeLike = jnp.float32
) -> jax.Array | None:
    """Recurrent dropout: the factors of candidates, `shape` [T, B, H], see `cells.lstm`; None where all are kept."""
    if not train or not dropout:
        return None
    share = 1.0 - dropout
    return jax.random.bernoulli(net.make_rng("dropout"), share, shape).astype(dtype) / share


def first_bias(kind: str, width: int) -> nn.initializers.Initializer:
    """Zeros, and ones for forget gates: an LSTM that has learnt nothing yet keeps what it has (Gers et al. 2000)."""

    def init(key, shape, dtype=jnp.float32):
        del key
        bias = jnp.zeros(shape, dtype)
        return bias.at[width : 2 * width].set(1.0) if kind == "lstm" else bias

    return init
