"""Convolutions that look back only, the further the deeper they lie: a language model without recurrence.

B    sequences
T    tokens in a window
V    vocabulary
D    width
K    taps of a kernel
R    steps that a layer's furthest tap lies back, (K - 1) times its dilation
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from jaxgen.ops.dense import layer_norm, linear, wide
from jaxgen.ops.embedding import rows


class CausalConv(nn.Module):
    """Residual layers of a dilated causal convolution, a gate and a product, between a table of tokens and a head.

    The convolution and its gate, tanh(W_f * x) sigmoid(W_g * x), are those of WaveNet (van den Oord et al. 2016,
    https://arxiv.org/abs/1609.03499, equation 2, dilations 1, 2, 4, ... that begin anew after `cycle` layers). Unlike
    there, each layer is given the normalised form of what it adds to, as in transformers, and that sum takes the place
    of skip connections.
    """

    vocabulary: int
    width: int = 128
    layers: int = 14
    kernel: int = 2
    cycle: int = 7
    dropout: float = 0.0
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        d, ones, zeros = self.width, nn.initializers.ones, nn.initializers.zeros
        fan_in = nn.initializers.lecun_normal()
        last = nn.initializers.variance_scaling(1.0 / self.layers, "fan_in", "normal")
        names = [f"layer{n}" for n in range(self.layers)]
        self.tokens = self.param("tokens", nn.initializers.normal(0.05), (self.vocabulary, d), jnp.float32)
        self.norms = [self.param(f"{name}_norm", ones, (d,), jnp.float32) for name in names]
        self.kernels = [self.param(f"{name}_kernel", fan_in, (self.kernel * d, 2 * d), jnp.float32) for name in names]
        self.biases = [self.param(f"{name}_bias", zeros, (2 * d,), jnp.float32) for name in names]
        self.mixes = [self.param(f"{name}_mix", last, (d, d), jnp.float32) for name in names]
        self.norm = self.param("norm", ones, (d,), jnp.float32)
        self.output = nn.Dense(self.vocabulary, dtype=self.dtype, dot_general=wide)
        self.drop = nn.Dropout(self.dropout)

    @property
    def dilations(self) -> tuple[int, ...]:
        """Steps between the taps of each layer."""
        return tuple(2 ** (n % self.cycle) for n in range(self.layers))

    @property
    def reach(self) -> int:
        """Tokens that a prediction depends on, the last of them included."""
        return 1 + (self.kernel - 1) * sum(self.dilations)

    def start(self, batch: int) -> tuple[()]:
        """Nothing: a window is read without those before it."""
        del batch
        return ()

    def cache(self) -> dict[str, Any]:
        """The last R inputs of each layer [R, D], in a ring, and how many tokens there were []."""
        rings = tuple(jnp.zeros(((self.kernel - 1) * far, self.width), self.dtype) for far in self.dilations)
        return {"rings": rings, "position": jnp.zeros((), jnp.int32)}

    def __call__(self, tokens: jax.Array, memory: Any = (), fresh: Any = None, train: bool = False) -> Any:
        """tokens [B, T] to features [B, T, D], `memory`, which is empty, and what there is after each layer.

        `fresh` is not needed. The activations are sums of all layers so far, {"layer0": [B, T, D], ...}.
        """
        del fresh
        x, sums = rows(self.tokens, tokens).reshape(-1, self.width), {}
        for n, dilation in enumerate(self.dilations):
            h = self._normed(x, n).reshape(*tokens.shape, self.width)
            taps = [_shifted(h, back * dilation) for back in reversed(range(self.kernel))]
            added = self._layer(n, jnp.concatenate(taps, axis=-1).reshape(len(x), -1))
            x = x + self.drop(added, deterministic=not train)
            sums[f"layer{n}"] = x.reshape(*tokens.shape, self.width)
        return layer_norm(x, self.norm).reshape(*tokens.shape, self.width), memory, sums

    def head(self, features: jax.Array) -> jax.Array:
        """features [..., D] to logits [..., V], float32."""
        return self.output(features)

    def logits(self, tokens: jax.Array) -> jax.Array:
        """tokens [B, T] to logits [B, T, V]."""
        return self.head(self(tokens)[0])

    def feed(self, token: jax.Array, memory: Any) -> Any:
        """One token [] to logits [V] of the next, and the memory after it; of any number of tokens, one after another.

        A layer costs the same at every dilation: its ring is read at the taps and written at one place.
        """
        position, rings = memory["position"], []
        x = self.tokens[token][None, :]
        for n, (ring, dilation) in enumerate(zip(memory["rings"], self.dilations)):
            h = self._normed(x, n)
            places = [(position - back * dilation) % len(ring) for back in reversed(range(1, self.kernel))]
            past = [lax.dynamic_slice_in_dim(ring, place, 1) for place in places]
            x = x + self._layer(n, jnp.concatenate([*past, h], axis=-1))
            rings.append(lax.dynamic_update_slice_in_dim(ring, h, position % len(ring), 0))
        logits = self.head(layer_norm(x, self.norm)[0])
        return logits, {"rings": tuple(rings), "position": position + 1}

    def _normed(self, x, n):
        """The normalised form of x [N, D], float32 as all sums are, that layer `n` convolves."""
        return layer_norm(x, self.norms[n]).astype(self.dtype)

    def _layer(self, n, taps):
        """taps [N, K D], the furthest back first, to what layer `n` adds, [N, D]."""
        z = linear(taps, self.kernels[n].astype(self.dtype)) + self.biases[n].astype(self.dtype)[None, :]
        signal, gate = jnp.split(z, 2, axis=-1)
        return linear(jnp.tanh(signal) * jax.nn.sigmoid(gate), self.mixes[n].astype(self.dtype))


def _shifted(x, back):
    """x [B, T, D] with every token where the one `back` steps later stood, and zeros where there was none."""
    return jnp.pad(x, ((0, 0), (back, 0), (0, 0)))[:, : x.shape[1]]
