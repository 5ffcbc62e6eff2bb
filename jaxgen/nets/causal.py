"""Causal dilated convolutions as a language model (van den Oord et al. 2016, https://arxiv.org/abs/1609.03499)."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike


class CausalConv(nn.Module):
    """WaveNet over tokens."""

    vocabulary: int
    width: int = 128
    layers: int = 7
    kernel: int = 2
    cycle: int = 7
    dropout: float = 0.0
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        lecun, w = nn.initializers.lecun_normal(), self.width
        self.tokens = self.param("tokens", nn.initializers.normal(1.0), (self.vocabulary, w))
        shapes = {"taps": (self.kernel * w, 2 * w), "mix": (w, 2 * w)}
        self.blocks = [
            {name: self.param(f"layer{n}_{name}", lecun, shape) for name, shape in shapes.items()}
            | {f"{name}_bias": self.param(f"layer{n}_{name}_bias", nn.initializers.zeros, (2 * w,)) for name in shapes}
            for n in range(self.layers)
        ]
        self.hidden = nn.Dense(w, dtype=self.dtype)
        self.output = nn.Dense(self.vocabulary, dtype=self.dtype)
        self.drop = nn.Dropout(self.dropout)

    def dilation(self, layer: int) -> int:
        return 2 ** (layer % self.cycle)

    def start(self, batch: int) -> Any:
        return ()

    def cache(self) -> Any:
        return tuple(
            jnp.zeros(((self.kernel - 1) * self.dilation(n), self.width), self.dtype) for n in range(self.layers)
        ), jnp.zeros((), jnp.int32)

    def __call__(self, tokens: jax.Array, memory: Any = (), fresh: Any = None, train: bool = False) -> Any:
        b, t = tokens.shape
        x, total = self.tokens[tokens].astype(self.dtype), 0.0
        for n in range(self.layers):
            shifts = [k * self.dilation(n) for k in reversed(range(self.kernel))]
            taps = [jnp.pad(x, ((0, 0), (s, 0), (0, 0)))[:, :t] for s in shifts]
            more, skip = self._mixed(n, jnp.concatenate(taps, -1).reshape(b * t, -1), train)
            x, total = x + more.reshape(x.shape), total + skip
        return total.reshape(b, t, -1), ()

    def _mixed(self, n, taps, train):
        block = {name: a.astype(self.dtype) for name, a in self.blocks[n].items()}
        bias = lambda a: jnp.expand_dims(a, range(taps.ndim - 1))
        f, g = jnp.split(taps @ block["taps"] + bias(block["taps_bias"]), 2, -1)
        y = self.drop(jnp.tanh(f) * jax.nn.sigmoid(g), deterministic=not train)
        return jnp.split(y @ block["mix"] + bias(block["mix_bias"]), 2, -1)

    def head(self, features: jax.Array) -> jax.Array:
        return self.output(nn.relu(self.hidden(nn.relu(features)))).astype(jnp.float32)

    def logits(self, tokens: jax.Array) -> jax.Array:
        return self.head(self(tokens)[0])

    def feed(self, token: jax.Array, memory: Any) -> Any:
        (rings, at), x, total, after = memory, self.tokens[token].astype(self.dtype), 0.0, []
        for n, ring in enumerate(rings):
            size = len(ring)
            taps = [ring[(at - k * self.dilation(n)) % size] for k in reversed(range(1, self.kernel))] + [x]
            after.append(jax.lax.dynamic_update_slice(ring, x[None], (at % size, 0)))
            more, skip = self._mixed(n, jnp.concatenate(taps), False)
            x, total = x + more, total + skip
        return self.head(total), (tuple(after), at + 1)
