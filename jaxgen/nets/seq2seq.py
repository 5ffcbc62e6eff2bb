"""An LSTM that reads a sequence to a code, and another one that writes a sequence from it (Sutskever et al. 2014).

B    sequences
T    steps
S    tokens in the vocabulary, or features of an element
H    units of each LSTM
Z    dimensions of a code
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.nets.pen_cells import along, weights
from jaxgen.nets.recurrent import first_bias, kept
from jaxgen.ops import cells
from jaxgen.ops.embedding import rows

Memory = tuple[jax.Array, jax.Array]  # h and c, [..., H]


class Seq2Seq(nn.Module):
    """Reader, code and writer. Elements are tokens [...] int32, of which S - 1 begins and ends, or vectors [..., S]."""

    size: int  # S
    tokens: bool
    units: int  # H
    code: int  # Z
    dropout: float = 0.0  # of the candidates of memories, in training

    def setup(self):
        gates = 4 * self.units
        for name in ("read", "write"):
            setattr(self, f"{name}_kernel", weights(self, f"{name}_kernel", self.size, gates))
            setattr(self, f"{name}_recurrent", weights(self, f"{name}_recurrent", self.units, gates, orthogonal=True))
            bias = self.param(f"{name}_bias", first_bias("lstm", self.units), (gates,), jnp.float32)
            setattr(self, f"{name}_bias", bias)
        self.squeeze = nn.Dense(self.code)
        self.begin, self.shared = nn.Dense(2 * self.units), nn.Dense(gates, use_bias=False)
        self.output = nn.Dense(self.size)

    def into(self, kernel: jax.Array, x: jax.Array) -> jax.Array:
        """What elements give to the gates, [..., 4 H]."""
        return rows(kernel, x) if self.tokens else x @ kernel

    def encode(self, x: jax.Array, length: jax.Array, train: bool = False) -> jax.Array:
        """Sequences [B, T] or [B, T, S], of which the first `length` [B] elements count, to codes [B, Z].

        They are moved to the right, so that all end with the last step, and nothing is added to a memory before a
        sequence begins: it stays 0 until then, however long the padding is.
        """
        batch, steps = x.shape[:2]
        index = jnp.arange(steps, dtype=jnp.int32)[None] - (steps - length[:, None])
        inside, index = index >= 0, jnp.maximum(index, 0)
        x = jnp.take_along_axis(x, index if self.tokens else index[..., None], 1)
        z = self.into(self.read_kernel, x)
        z, zeros = z + along(self.read_bias, z), jnp.zeros((batch, self.units), jnp.float32)
        keep = jnp.broadcast_to(inside.T[..., None].astype(jnp.float32), (steps, batch, self.units))
        dropped = kept(self, self.dropout, keep.shape, train)
        keep = keep if dropped is None else keep * dropped
        _, (h, c) = cells.lstm(z.swapaxes(0, 1), self.read_recurrent, (zeros, zeros), keep)
        return self.squeeze(jnp.concatenate([h, c], -1))

    def start(self, code: jax.Array) -> Memory:
        """Codes [..., Z] to the writer's memory before its first step."""
        h, c = jnp.split(self.begin(code), 2, axis=-1)
        return jnp.tanh(h), c

    def decode(self, before: jax.Array, code: jax.Array, train: bool = False) -> jax.Array:
        """The elements before each [B, T] or [B, T, S] and codes [B, Z] to logits or means [B, T, S]."""
        z = self.into(self.write_kernel, before)
        z = z + along(self.write_bias, z) + self.shared(code)[:, None]
        keep = kept(self, self.dropout, (before.shape[1], len(before), self.units), train)
        h, _ = cells.lstm(z.swapaxes(0, 1), self.write_recurrent, self.start(code), keep)
        return self.output(h.swapaxes(0, 1))

    def feed(self, before: jax.Array, code: jax.Array, memory: Memory) -> tuple[jax.Array, Memory]:
        """One step of `decode`, of any leading axes: the logits or means [..., S], and the memory after it."""
        z = self.into(self.write_kernel, before)
        z = z + along(self.write_bias, z) + self.shared(code) + memory[0] @ self.write_recurrent
        h, c, _ = cells.lstm_cell(z, memory[1])
        return self.output(h), (h, c)

    def __call__(self, x: jax.Array, length: jax.Array, before: jax.Array, train: bool = False) -> Any:
        """(logits or means of `decode`, codes) of sequences and the elements before each that is written."""
        code = self.encode(x, length, train)
        return self.decode(before, code, train), code
