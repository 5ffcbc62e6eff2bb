"""The network of Sketch-RNN (Ha & Eck 2017, https://arxiv.org/abs/1704.03477): LSTMs to a code and back to movements.

B    drawings
T    steps
E, H units of the encoder, each way, and of the decoder
Z    dimensions of the code; without an encoder there is none
M    components of a mixture
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.nets.pen_cells import Layer, Memory, layer
from jaxgen.nets.recurrent import kept
from jaxgen.ops.mixtures import Mixture, mixture
from jaxgen.ops.pen import STEP


class SketchRNN(nn.Module):
    """Encoder, decoder and output layer; latent 0: no encoder."""

    encoder: int  # E
    decoder: int  # H
    latent: int  # Z
    mixtures: int  # M
    cell: str = "lstm"  # of the decoder, see `pen_cells.layer`
    dropout: float = 0.0  # recurrent, of the candidates of all layers, in training

    def setup(self):
        if self.latent:
            self.forward, self.backward = Layer(STEP, self.encoder), Layer(STEP, self.encoder)
            self.posterior = nn.Dense(2 * self.latent)
            self.begin = nn.Dense(2 * self.decoder)
        self.layer = layer(self.cell, STEP + self.latent, self.decoder)
        self.output = nn.Dense(6 * self.mixtures + 3)

    def encode(self, points: jax.Array, length: jax.Array, train: bool = False) -> tuple[jax.Array, jax.Array]:
        """Steps [B, T, 5], of which the first `length` [B] count, to posterior mean and log-variance [B, Z]."""
        batch, size, _ = points.shape
        last = jnp.maximum(length - 1, 0)
        back = jnp.maximum(last[:, None] - jnp.arange(size)[None], 0)  # from the last point to the first
        backwards = jnp.take_along_axis(points, back[..., None], 1)
        zeros, ends = jnp.zeros((batch, self.encoder), jnp.float32), []
        for way, x in ((self.forward, points), (self.backward, backwards)):
            h = way.run(way.into(x), (zeros, zeros), kept(self, self.dropout, (size, batch, self.encoder), train))
            ends.append(jnp.take_along_axis(h, last[:, None, None], 1)[:, 0])
        mean, log_var = jnp.split(self.posterior(jnp.concatenate(ends, -1)), 2, axis=-1)
        return mean, log_var

    def start(self, code: jax.Array) -> Memory:
        """Codes [..., Z] to the decoder's memory [..., H] before the first step; zeros without an encoder."""
        if not self.latent:
            zeros = jnp.zeros((*code.shape[:-1], self.decoder), jnp.float32)
            return self.layer.first(zeros, zeros)
        h, c = jnp.split(jnp.tanh(self.begin(code)), 2, axis=-1)
        return self.layer.first(h, c)

    def decode(self, before: jax.Array, code: jax.Array, train: bool = False) -> tuple[Mixture, jax.Array]:
        """The steps before each [B, T, 5] and codes [B, Z] to mixtures [B, T, M] and logits of states [B, T, 3]."""
        batch, size, _ = before.shape
        keep = kept(self, self.dropout, (size, batch, self.decoder), train)
        return self.heads(self.layer.run(self.layer.into(before, code), self.start(code), keep))

    def heads(self, h: jax.Array) -> tuple[Mixture, jax.Array]:
        """Outputs [..., H] to mixtures [..., M] and logits of states [..., 3]."""
        out = self.output(h)
        return mixture(out[..., 3:]), out[..., :3]

    def feed(self, step: jax.Array, code: jax.Array, memory: Memory) -> tuple[Mixture, jax.Array, Memory]:
        """One step [5] to what the next one is drawn from, and the memory after it."""
        memory = self.layer.step(self.layer.into(step, code), memory)
        return *self.heads(memory[0]), memory

    def __call__(self, points: jax.Array, length: jax.Array, before: jax.Array, noise: jax.Array, train: bool = False):
        """(mixtures, logits, mean, log_var) of a code drawn with noise [B, Z]; mean and log_var have Z = 0 without."""
        mean = log_var = noise
        if self.latent:
            mean, log_var = self.encode(points, length, train)
        return *self.decode(before, mean + jnp.exp(0.5 * log_var) * noise, train), mean, log_var
