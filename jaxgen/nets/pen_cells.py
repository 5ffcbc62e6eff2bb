"""The recurrent layers of Sketch-RNN: an LSTM, one with layer normalisation, and one whose weights another one scales.

A layer is used in three ways, on the same parameters: `into` gives what its inputs add to the gates, for all steps at
once; `run` goes through the steps; `step` makes one, when drawing.

T    steps
F    features of a step, of G more that all steps share
H    units
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.nets.recurrent import first_bias
from jaxgen.ops import cells

Memory = tuple[jax.Array, ...]  # [..., H] h and c of the layer, then those of a layer within it


def weights(layer: nn.Module, name: str, rows: int, columns: int, orthogonal: bool = False) -> jax.Array:
    """A matrix of the layer's parameters [rows, columns]."""
    kind = nn.initializers.orthogonal() if orthogonal else nn.initializers.glorot_uniform()
    return layer.param(name, kind, (rows, columns), jnp.float32)


class Layer(nn.Module):
    """An LSTM of `units`, whose inputs have `inputs` features; normed: by layer, as `cells.lstm_normed` says."""

    inputs: int  # F + G
    units: int  # H
    normed: bool = False

    def setup(self):
        self.kernel = weights(self, "kernel", self.inputs, 4 * self.units)
        self.recurrent = weights(self, "recurrent", self.units, 4 * self.units, orthogonal=True)
        self.bias = self.param("bias", first_bias("lstm", self.units), (4 * self.units,), jnp.float32)
        if self.normed:
            ones = lambda name, size: self.param(name, nn.initializers.ones, (size,), jnp.float32)
            self.of_inputs, self.of_hidden = ones("of_inputs", 4 * self.units), ones("of_hidden", 4 * self.units)
            self.of_memory = ones("of_memory", self.units)

    def into(self, x: jax.Array, shared: jax.Array | None = None) -> jax.Array:
        """What inputs [..., T, F], of which all steps share [..., G], and the bias give to the gates [..., T, 4 H]."""
        z = product(x, self.kernel, shared)
        z = cells.normed(z, self.of_inputs) if self.normed else z
        return z + along(self.bias, z)

    def run(self, z: jax.Array, start: Memory, keep: jax.Array | None = None) -> jax.Array:
        """Gates' inputs [B, T, 4 H] to outputs [B, T, H]; `keep` [T, B, H] is that of `cells.lstm`."""
        z, first = z.swapaxes(0, 1), (start[0], start[1])
        if not self.normed:
            return cells.lstm(z, self.recurrent, first, keep)[0].swapaxes(0, 1)
        scales = (self.of_hidden, self.of_memory)
        return cells.lstm_normed(z, self.recurrent, first, scales, keep)[0].swapaxes(0, 1)

    def step(self, z: jax.Array, memory: Memory) -> Memory:
        """Gates' inputs of one step [4 H] and the memory before it to the memory after it, whose h is the output."""
        hidden = memory[0] @ self.recurrent
        if self.normed:
            hidden = cells.normed(hidden, self.of_hidden)
        return cells.lstm_cell(z + hidden, memory[1], None, self.of_memory if self.normed else None)[:2]

    def first(self, h: jax.Array, c: jax.Array) -> Memory:
        """The memory before the first step."""
        return h, c


class HyperLayer(nn.Module):
    """An LSTM whose gates' inputs a smaller LSTM scales, step by step (Ha et al. 2016, https://arxiv.org/abs/1609.09106).

    The smaller one, of P units, reads the step and h. Its output p gives, for each gate,

        z = norm(s_x(p) W x + s_h(p) U h) + b(p)

    with scales s [H] and a bias b [H] that are linear in EMBEDDING numbers which are linear in p.
    """

    inputs: int
    units: int
    hyper: int = 64  # P
    EMBEDDING = 16

    def setup(self):
        four, e = 4 * self.units, self.EMBEDDING
        self.kernel = weights(self, "kernel", self.inputs, four)
        self.recurrent = weights(self, "recurrent", self.units, four, orthogonal=True)
        self.small_kernel = weights(self, "small_kernel", self.inputs, 4 * self.hyper)
        self.small_hidden = weights(self, "small_hidden", self.units, 4 * self.hyper)
        self.small_recurrent = weights(self, "small_recurrent", self.hyper, 4 * self.hyper, orthogonal=True)
        self.small_bias = self.param("small_bias", first_bias("lstm", self.hyper), (4 * self.hyper,), jnp.float32)
        # At first all scales are nearly 0.1 and the bias is an LSTM's, whatever p is. Were the first weights of p
        # zeros, as in the authors' code, all EMBEDDING numbers would have the same gradient, and stay equal.
        self.embed = self.param("embed", nn.initializers.normal(0.01), (self.hyper, 3 * 4 * e), jnp.float32)
        self.embed_bias = self.param("embed_bias", nn.initializers.ones, (2 * 4 * e,), jnp.float32)
        self.scale = self.param("scale", nn.initializers.constant(0.1 / e), (3, 4, e, self.units), jnp.float32)
        self.bias = self.param("bias", first_bias("lstm", self.units), (four,), jnp.float32)
        self.of_gates = self.param("of_gates", nn.initializers.ones, (four,), jnp.float32)

    def into(self, x: jax.Array, shared: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
        """What inputs give to the gates of both LSTMs, [..., T, 4 H] and [..., T, 4 P]; see `Layer.into`."""
        small = product(x, self.small_kernel, shared)
        return product(x, self.kernel, shared), small + along(self.small_bias, small)

    def run(self, z: Any, start: Memory, keep: jax.Array | None = None) -> jax.Array:
        """See `Layer.run`."""

        def body(memory, inputs):
            memory = self.step(inputs[0], memory, inputs[1])
            return memory, memory[0]

        turned = jax.tree.map(lambda a: a.swapaxes(0, 1), z)
        return jax.lax.scan(body, start, (turned, keep))[1].swapaxes(0, 1)

    def step(self, z: Any, memory: Memory, keep: jax.Array | None = None) -> Memory:
        """See `Layer.step`; z and the memory of one sequence or of several, [..., 4 H] and [..., H]."""
        (h, c, p, q), (of_x, small) = memory, z
        p, q, _ = cells.lstm_cell(small + h @ self.small_hidden + p @ self.small_recurrent, q)
        linear = p @ self.embed
        linear += along(jnp.concatenate([self.embed_bias, jnp.zeros_like(self.embed_bias[::2])]), linear)
        numbers = linear.reshape(*linear.shape[:-1], 3, 4, self.EMBEDDING)
        scales = jnp.einsum("...age,ageh->...agh", numbers, self.scale)
        scales = scales.reshape(*scales.shape[:-3], 3, 4 * self.units)
        gates = scales[..., 0, :] * of_x + scales[..., 1, :] * (h @ self.recurrent)
        gates = cells.normed(gates, self.of_gates) + scales[..., 2, :] + along(self.bias, gates)
        return *cells.lstm_cell(gates, c, keep)[:2], p, q

    def first(self, h: jax.Array, c: jax.Array) -> Memory:
        """The memory before the first step: the smaller LSTM's is empty."""
        empty = jnp.zeros((*h.shape[:-1], self.hyper), jnp.float32)
        return h, c, empty, empty


def along(vector: jax.Array, x: jax.Array) -> jax.Array:
    """The vector [F] with as many axes as x [..., F] has."""
    return vector.reshape((1,) * (x.ndim - 1) + (-1,))


def product(x: jax.Array, kernel: jax.Array, shared: jax.Array | None) -> jax.Array:
    """Inputs [..., T, F] times the first F rows of the kernel, and [..., G] that all steps share times the last G."""
    z = x @ kernel[: x.shape[-1]]
    if shared is None or not shared.shape[-1]:
        return z
    common = shared @ kernel[len(kernel) - shared.shape[-1] :]
    return z + (common if common.ndim == z.ndim else common[..., None, :])


def layer(kind: str, inputs: int, units: int) -> nn.Module:
    """An `lstm`, one with `layer_norm`, or a `hyper` LSTM."""
    return HyperLayer(inputs, units) if kind == "hyper" else Layer(inputs, units, kind == "layer_norm")
