"""The network of Sketch-RNN (Ha & Eck 2017, https://arxiv.org/abs/1704.03477): LSTMs to a code and back to movements.

B    drawings
T    steps
E, H units of the encoder, each way, and of the decoder
Z    dimensions of the code; without an encoder there is none
M    components of a mixture
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.nets.recurrent import first_bias
from jaxgen.ops import cells
from jaxgen.ops.mixtures import Mixture, mixture
from jaxgen.ops.pen import STEP

Memory = tuple[jax.Array, jax.Array]  # h and c of the decoder


class Layer(nn.Module):
    """The parameters of an LSTM of `units`, whose inputs have `inputs` features."""

    inputs: int
    units: int

    def setup(self):
        glorot, orthogonal = nn.initializers.glorot_uniform(), nn.initializers.orthogonal()
        self.kernel = self.param("kernel", glorot, (self.inputs, 4 * self.units), jnp.float32)
        self.recurrent = self.param("recurrent", orthogonal, (self.units, 4 * self.units), jnp.float32)
        self.bias = self.param("bias", first_bias("lstm", self.units), (4 * self.units,), jnp.float32)

    def into(self, x: jax.Array) -> jax.Array:
        """What inputs [..., F] and the bias give to the gates [..., 4 units]; the first F rows of the kernel count."""
        z = x @ self.kernel[: x.shape[-1]]
        return z + self.bias.reshape((1,) * (z.ndim - 1) + (-1,))

    def beside(self, x: jax.Array) -> jax.Array:
        """What further inputs [..., G], those of the last rows of the kernel, add to it."""
        return x @ self.kernel[self.inputs - x.shape[-1] :]

    def run(self, z: jax.Array, start: Memory, keep: jax.Array | None = None) -> jax.Array:
        """Gates' inputs [B, T, 4 units] to outputs [B, T, units]; `keep` [T, B, units] is that of `cells.lstm`."""
        return cells.lstm(z.swapaxes(0, 1), self.recurrent, start, keep)[0].swapaxes(0, 1)


class SketchRNN(nn.Module):
    """Encoder, decoder and output layer; latent 0: no encoder."""

    encoder: int  # E
    decoder: int  # H
    latent: int  # Z
    mixtures: int  # M
    dropout: float = 0.0  # recurrent, of the candidates of all layers, in training

    def setup(self):
        if self.latent:
            self.forward, self.backward = Layer(STEP, self.encoder), Layer(STEP, self.encoder)
            self.posterior = nn.Dense(2 * self.latent)
            self.begin = nn.Dense(2 * self.decoder)
        self.layer = Layer(STEP + self.latent, self.decoder)
        self.output = nn.Dense(6 * self.mixtures + 3)

    def kept(self, batch: int, steps: int, units: int, train: bool) -> Any:
        """The factors of `cells.lstm` [T, B, units]; None without dropout."""
        if not train or not self.dropout:
            return None
        share = 1.0 - self.dropout
        return jax.random.bernoulli(self.make_rng("dropout"), share, (steps, batch, units)).astype(jnp.float32) / share

    def encode(self, points: jax.Array, length: jax.Array, train: bool = False) -> Memory:
        """Steps [B, T, 5], of which the first `length` [B] count, to posterior mean and log-variance [B, Z]."""
        batch, size, _ = points.shape
        last = jnp.maximum(length - 1, 0)
        back = jnp.maximum(last[:, None] - jnp.arange(size)[None], 0)  # from the last point to the first
        backwards = jnp.take_along_axis(points, back[..., None], 1)
        zeros, ends = jnp.zeros((batch, self.encoder), jnp.float32), []
        for layer, x in ((self.forward, points), (self.backward, backwards)):
            h = layer.run(layer.into(x), (zeros, zeros), self.kept(batch, size, self.encoder, train))
            ends.append(jnp.take_along_axis(h, last[:, None, None], 1)[:, 0])
        mean, log_var = jnp.split(self.posterior(jnp.concatenate(ends, -1)), 2, axis=-1)
        return mean, log_var

    def start(self, code: jax.Array) -> Memory:
        """Codes [..., Z] to the decoder's memory [..., H] before the first step; zeros without an encoder."""
        if not self.latent:
            zeros = jnp.zeros((*code.shape[:-1], self.decoder), jnp.float32)
            return zeros, zeros
        h, c = jnp.split(jnp.tanh(self.begin(code)), 2, axis=-1)
        return h, c

    def decode(self, before: jax.Array, code: jax.Array, train: bool = False) -> tuple[Mixture, jax.Array]:
        """The steps before each [B, T, 5] and codes [B, Z] to mixtures [B, T, M] and logits of states [B, T, 3]."""
        batch, size, _ = before.shape
        z = self.layer.into(before)
        z = z + self.layer.beside(code)[:, None] if self.latent else z
        h = self.layer.run(z, self.start(code), self.kept(batch, size, self.decoder, train))
        return self.heads(h)

    def heads(self, h: jax.Array) -> tuple[Mixture, jax.Array]:
        """Outputs [..., H] to mixtures [..., M] and logits of states [..., 3]."""
        out = self.output(h)
        return mixture(out[..., 3:]), out[..., :3]

    def feed(self, step: jax.Array, code: jax.Array, memory: Memory) -> tuple[Mixture, jax.Array, Memory]:
        """One step [5] to what the next one is drawn from, and the memory [H] after it."""
        z = self.layer.into(step) + memory[0] @ self.layer.recurrent
        z = z + self.layer.beside(code) if self.latent else z
        h, c, _ = cells.lstm_cell(z, memory[1])
        return *self.heads(h), (h, c)

    def __call__(self, points: jax.Array, length: jax.Array, before: jax.Array, noise: jax.Array, train: bool = False):
        """(mixtures, logits, mean, log_var) of a code drawn with noise [B, Z]; mean and log_var have Z = 0 without."""
        mean = log_var = noise
        if self.latent:
            mean, log_var = self.encode(points, length, train)
        return *self.decode(before, mean + jnp.exp(0.5 * log_var) * noise, train), mean, log_var
