"""A block of the GPT: attention to what came before, and a perceptron, between normalised residual branches.

B    sequences
T    tokens in a window
C    context: positions that there are, T at most
D    width
H    heads of attention, each D/H wide
N    rows: the tokens of all sequences

Sums over branches and scores of attention are float32 also where products are computed in bfloat16.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from jaxgen.ops.dense import WIDE, gelu, layer_norm, linear, linear_turned


class DecoderBlock(nn.Module):
    """Attention and a perceptron of one hidden layer, 4 D wide, each added to what it was given the normalised form of.

    `branches` is how many residual branches the net has: the last kernel of each starts smaller by the root of it, so
    that their sum has the size of one (Radford et al. 2019, section 2.3). Without biases; or, `as_gpt2`, with one after
    each norm and product, from 0, and the perceptron's GELU by its approximation with a tanh.
    """

    width: int
    heads: int
    branches: int
    dropout: float = 0.0
    dtype: DTypeLike = jnp.float32
    as_gpt2: bool = False

    def setup(self) -> None:
        normal, ones = nn.initializers.normal(0.02), nn.initializers.ones
        last, wide = nn.initializers.normal(0.02 / math.sqrt(self.branches)), 4 * self.width
        self.norm1 = self.param("norm1", ones, (self.width,), jnp.float32)
        self.qkv = self.param("qkv", normal, (self.width, 3 * self.width), jnp.float32)
        self.mix = self.param("mix", last, (self.width, self.width), jnp.float32)
        self.norm2 = self.param("norm2", ones, (self.width,), jnp.float32)
        self.up = self.param("up", normal, (self.width, wide), jnp.float32)
        self.down = self.param("down", last, (self.width, wide), jnp.float32)
        self.drop = nn.Dropout(self.dropout)
        width, sizes = self.width, {"norm1": 1, "qkv": 3, "mix": 1, "norm2": 1, "up": 4, "down": 1}
        zeros = lambda name: self.param(f"{name}_bias", nn.initializers.zeros, (sizes[name] * width,), jnp.float32)
        self.biases = {name: zeros(name) for name in sizes} if self.as_gpt2 else {}

    def __call__(self, x: jax.Array, window: int, train: bool = False) -> tuple[jax.Array, jax.Array, jax.Array]:
        """x [B T, D], T being the `window`, to the same and to the keys and values, [B, H, T, D/H] each."""
        queries, keys, values = self._heads(x, window)
        weights = self.drop(causal_weights(queries, keys), deterministic=not train)
        mixed = jnp.einsum("bhqk,bhkd->bhqd", weights, values).swapaxes(1, 2).reshape(x.shape)
        return self._rest(x, mixed, train), keys, values

    def feed(self, x: jax.Array, keys: jax.Array, values: jax.Array, position: jax.Array) -> tuple[jax.Array, ...]:
        """One token's x [1, D], at `position` [], to the same, with keys and values [H, C, D/H] of it and the past."""
        query, key, value = (a[0] for a in self._heads(x, 1))  # [H, 1, D/H]
        keys, values = (lax.dynamic_update_slice_in_dim(a, b, position, 1) for a, b in ((keys, key), (values, value)))
        past = jnp.arange(keys.shape[1], dtype=jnp.int32) <= position
        scores = jnp.einsum("hd,hcd->hc", query[:, 0] / math.sqrt(query.shape[-1]), keys, **WIDE)
        weights = _softmax(jnp.where(past[None, :], scores, -jnp.inf), values.dtype)
        return self._rest(x, jnp.einsum("hc,hcd->hd", weights, values).reshape(x.shape), False), keys, values

    def _heads(self, x, window):
        """Queries, keys and values of the normalised x, [B, H, T, D/H] each, from one product."""
        qkv = self._plus("qkv", linear(self._normed("norm1", x), self.qkv.astype(self.dtype)))
        shape = (-1, window, self.heads, self.width // self.heads)
        return [a.reshape(shape).swapaxes(1, 2) for a in jnp.split(qkv, 3, axis=-1)]

    def _rest(self, x, mixed, train):
        """x [N, D] and what the heads gave for it, through the rest of the block."""
        x = x + self.drop(self._plus("mix", linear(mixed, self.mix.astype(self.dtype))), deterministic=not train)
        hidden = self._plus("up", linear(self._normed("norm2", x), self.up.astype(self.dtype)))
        hidden = nn.gelu(hidden, approximate=True) if self.as_gpt2 else gelu(hidden)
        change = self._plus("down", linear_turned(hidden, self.down.astype(self.dtype)))
        return x + self.drop(change, deterministic=not train)

    def _normed(self, name, x):
        """x [N, D] normalised by the norm of that name, in the type of products."""
        return self._plus(name, layer_norm(x, getattr(self, name))).astype(self.dtype)

    def _plus(self, name, x):
        """x [N, F] and the bias [F] of that name, where there is one."""
        return x + self.biases[name].astype(x.dtype)[None, :] if self.as_gpt2 else x


def causal_weights(queries: jax.Array, keys: jax.Array) -> jax.Array:
    """What each token takes of each value: queries and keys [B, H, T, D/H] to [B, H, T, T], nothing of later tokens.

    Vaswani et al. 2017, equation 1 (https://arxiv.org/abs/1706.03762), before the product with the values.
    """
    scores = jnp.einsum("bhqd,bhkd->bhqk", queries / math.sqrt(queries.shape[-1]), keys, **WIDE)
    past = jnp.tril(jnp.ones(scores.shape[-2:], bool))
    return _softmax(jnp.where(past[None, None], scores, -jnp.inf), queries.dtype)


def _softmax(scores, dtype):
    """Of float32 scores: bfloat16 has too few digits to tell large ones apart, and to add up so many."""
    return jax.nn.softmax(scores).astype(dtype)
