"""A network of chords: an LSTM over steps of time, and of each step's keys either all at once or one after the other.

B, T  pieces, steps
K     keys
H, D  units of the LSTM; of what goes from key to key within a chord
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.nets.recurrent import first_bias
from jaxgen.ops import cells

Memory = tuple[jax.Array, jax.Array]  # [..., H] h and c


class Chords(nn.Module):
    """within 0: given the past, keys are independent (Boulanger-Lewandowski et al. 2012). Otherwise they are those of a
    neural autoregressive estimator of D units (Larochelle & Murray 2011, https://proceedings.mlr.press/v15/larochelle11a),

        logit x_k = b_k + v_k . sigmoid(a + sum over j < k of w_j x_j),

    whose b and a are linear in the LSTM's output: the RNN-NADE of the former, https://arxiv.org/abs/1206.6392.
    """

    keys: int = 88
    units: int = 200
    within: int = 0
    dropout: float = 0.0  # of the LSTM's outputs
    most: int = 88  # keys that sound at once; fewer are faster

    def setup(self):
        glorot, gates = nn.initializers.glorot_uniform(), 4 * self.units
        self.into = nn.Dense(gates, kernel_init=glorot, bias_init=first_bias("lstm", self.units))
        self.recurrent = self.param("recurrent", nn.initializers.orthogonal(), (self.units, gates), jnp.float32)
        self.bias = nn.Dense(self.keys, kernel_init=glorot, bias_init=nn.initializers.constant(-3.0))
        self.drop = nn.Dropout(self.dropout)
        if self.within:
            self.first = nn.Dense(self.within, kernel_init=glorot)
            self.read = self.param("read", nn.initializers.normal(0.05), (self.keys, self.within), jnp.float32)
            self.write = self.param("write", nn.initializers.normal(0.05), (self.keys, self.within), jnp.float32)

    def start(self) -> Memory:
        """The memory before a piece."""
        zeros = jnp.zeros(self.units, jnp.float32)
        return zeros, zeros

    def __call__(self, chords: jax.Array, train: bool = False) -> jax.Array:
        """Chords [B, T, K] of zeros and ones to the logits of each key, given those before it, [B, T, K]."""
        before = jnp.pad(chords[:, :-1], ((0, 0), (1, 0), (0, 0)))
        start = jax.tree.map(lambda a: jnp.broadcast_to(a[None], (len(chords), self.units)), self.start())
        h = cells.lstm(self.into(before).swapaxes(0, 1), self.recurrent, start)[0].swapaxes(0, 1)
        h = self.drop(h, deterministic=not train)
        return self.logits(h, chords)

    def logits(self, h: jax.Array, chords: jax.Array) -> jax.Array:
        """Outputs [..., H] and the chords [..., K] after them to logits [..., K].

        What goes from key to key changes only where one sounds: it has `most` + 1 values, not K.
        """
        bias = self.bias(h)
        if not self.within:
            return bias

        rank = jnp.cumsum(chords, -1)  # keys that sound up to each one, itself included
        below = jnp.arange(self.most + 1, dtype=chords.dtype).reshape((1,) * (chords.ndim - 1) + (-1, 1))
        lowest = jnp.where(rank[..., None, :] <= below, chords[..., None, :], 0.0)  # [..., most + 1, K]
        scores = jax.nn.sigmoid(self.first(h)[..., None, :] + lowest @ self.write) @ self.read.T
        own = (rank - chords)[..., None, :] == below  # after how many keys each one is drawn
        return bias + jnp.where(own, scores, 0.0).sum(-2)

    def feed(self, chord: jax.Array, memory: Memory) -> tuple[jax.Array, Memory]:
        """A chord [K] to the output [H] for the next one, and the memory after it."""
        h, c, _ = cells.lstm_cell(self.into(chord) + memory[0] @ self.recurrent, memory[1])
        return h, (h, c)

    def draw(self, key: jax.Array, h: jax.Array, temperature: jax.Array) -> jax.Array:
        """A chord [K], given the output [H]; logits are divided by the temperature, 0 chooses the more probable."""
        bias, keys = self.bias(h), jax.random.split(key, self.keys)

        def sound(key, logit):
            warm = jax.random.bernoulli(key, jax.nn.sigmoid(logit / jnp.maximum(temperature, 1e-6)))
            return jnp.where(temperature > 0, warm, logit > 0).astype(jnp.float32)

        if not self.within:
            return jax.vmap(sound)(keys, bias)

        def one(a, inputs):
            own, read, write, logit = inputs
            x = sound(own, logit + jax.nn.sigmoid(a) @ read)
            return a + x * write, x

        return jax.lax.scan(one, self.first(h), (keys, self.read, self.write, bias))[1]
