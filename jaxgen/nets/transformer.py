"""The GPT of characters and words: attention to what came before, between normalised residual branches.

B    sequences
T    tokens in a window
W    length of a padded prompt
C    context: positions that there are, T and W at most
V    vocabulary
D    width
H    heads of attention, each D/H wide

Sums over branches, scores of attention and logits are float32 also where products are computed in bfloat16.
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from jaxgen.core.types import Refused
from jaxgen.ops.dense import WIDE, gelu, layer_norm, linear, linear_turned, logits
from jaxgen.ops.embedding import rows


class DecoderBlock(nn.Module):
    """Attention and a perceptron of one hidden layer, 4 D wide, each added to what it was given the normalised form of.

    Without biases. `branches` is how many residual branches the net has: the last kernel of each starts smaller by
    the root of it, so that their sum has the size of one (Radford et al. 2019, section 2.3).
    """

    width: int
    heads: int
    branches: int
    dropout: float = 0.0
    dtype: DTypeLike = jnp.float32

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
        qkv = linear(layer_norm(x, self.norm1).astype(self.dtype), self.qkv.astype(self.dtype))
        shape = (-1, window, self.heads, self.width // self.heads)
        return [a.reshape(shape).swapaxes(1, 2) for a in jnp.split(qkv, 3, axis=-1)]

    def _rest(self, x, mixed, train):
        """x [N, D] and what the heads gave for it, through the rest of the block."""
        x = x + self.drop(linear(mixed, self.mix.astype(self.dtype)), deterministic=not train)
        hidden = gelu(linear(layer_norm(x, self.norm2).astype(self.dtype), self.up.astype(self.dtype)))
        return x + self.drop(linear_turned(hidden, self.down.astype(self.dtype)), deterministic=not train)


class Transformer(nn.Module):
    """A decoder of L blocks with positions that are learnt, normalised before each branch and before the head.

    Radford et al. 2019, Language Models are Unsupervised Multitask Learners, section 2.3; Xiong et al. 2020
    (https://arxiv.org/abs/2002.04745) say why the norm stands first. Without biases, as nanoGPT's configurations for
    characters. With `tie` the head is the table of tokens (Press & Wolf 2017, https://arxiv.org/abs/1608.05859).
    Dropout stands on embeddings, on attention's weights and on both branches. Parameters: (V + C + 1) D +
    L (12 D^2 + 2 D), and V D more where the head is not tied.

    Refused: a width that is not a multiple of the heads; more tokens than there are positions.
    """

    vocabulary: int
    context: int = 64
    layers: int = 4
    heads: int = 4
    width: int = 128
    dropout: float = 0.0
    tie: bool = True
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        if self.width % self.heads:
            raise Refused(f"a transformer's width must be a multiple of its heads: {self.width} is not of {self.heads}")
        normal = nn.initializers.normal(0.02)
        self.tokens = self.param("tokens", normal, (self.vocabulary, self.width), jnp.float32)
        self.positions = self.param("positions", normal, (self.context, self.width), jnp.float32)
        options = (self.width, self.heads, 2 * self.layers, self.dropout, self.dtype)
        self.blocks = [DecoderBlock(*options, name=f"block{n}") for n in range(self.layers)]
        self.norm = self.param("norm", nn.initializers.ones, (self.width,), jnp.float32)
        self.output = (
            self.tokens if self.tie else self.param("output", normal, (self.vocabulary, self.width), jnp.float32)
        )
        self.drop = nn.Dropout(self.dropout)

    def start(self, batch: int) -> tuple[()]:
        """Nothing: a window is read without those before it."""
        del batch
        return ()

    def cache(self) -> dict[str, Any]:
        """Keys and values of each layer, [H, C, D/H], and the position of the next token []."""
        empty = jnp.zeros((self.heads, self.context, self.width // self.heads), self.dtype)
        layers = (empty,) * self.layers
        return {"keys": layers, "values": layers, "position": jnp.zeros((), jnp.int32)}

    def __call__(self, tokens: jax.Array, memory: Any = (), fresh: Any = None, train: bool = False) -> Any:
        """tokens [B, T] to features [B, T, D], `memory`, which is empty, and what there is after each block.

        `fresh` is not needed. The activations are sums of all branches so far, {"block0": [B, T, D], ...}.
        """
        del fresh
        features, _, sums = self._read(tokens, train)
        return features, memory, sums

    def head(self, features: jax.Array) -> jax.Array:
        """features [..., D] to logits [..., V], float32."""
        x = features.reshape(-1, self.width).astype(self.dtype)
        return logits(x, self.output.astype(self.dtype)).reshape(*features.shape[:-1], self.vocabulary)

    def logits(self, tokens: jax.Array) -> jax.Array:
        """tokens [B, T] to logits [B, T, V]."""
        return self.head(self(tokens)[0])

    def feed(self, token: jax.Array, memory: Any) -> Any:
        """One token [] to logits [V] of the next, and the memory after it; undefined once all positions are taken."""
        position, kept = memory["position"], []
        x = (self.tokens[token] + self.positions[position])[None, :]
        for block, keys, values in zip(self.blocks, memory["keys"], memory["values"]):
            x, *after = block.feed(x, keys, values, position)
            kept.append(after)
        keys, values = (tuple(layers) for layers in zip(*kept))
        return self.head(layer_norm(x, self.norm)[0]), {"keys": keys, "values": values, "position": position + 1}

    def prime(self, window: jax.Array, count: jax.Array) -> Any:
        """The first `count` [] tokens of window [W] to logits [V] of the next, and the memory after them.

        All W are read at once. What the memory has of those behind `count`, `feed` overwrites before it looks there.
        Of no token, logits are zeros.
        """
        features, kept, _ = self._read(window[None, :], False)
        last = jnp.where(count > 0, self.head(features[0, count - 1]), 0.0)
        rest = [(0, 0), (0, self.context - len(window)), (0, 0)]
        keys, values = (tuple(jnp.pad(layer[0], rest) for layer in layers) for layers in zip(*kept))
        return last, {"keys": keys, "values": values, "position": jnp.asarray(count, jnp.int32)}

    def _read(self, tokens, train):
        """tokens [B, T] to features [B, T, D], each block's (keys, values), [B, H, T, D/H], and the sums after it."""
        sequences, window = tokens.shape
        if window > self.context:
            raise Refused(f"a transformer with a context of {self.context} tokens cannot read {window} at once")
        x = rows(self.tokens, tokens) + self.positions[None, :window]
        # All tokens in one axis: products over three axes are 1.7 times slower on CPU.
        x, kept, sums = self.drop(x, deterministic=not train).reshape(-1, self.width), [], {}
        for n, block in enumerate(self.blocks):
            x, keys, values = block(x, window, train)
            kept.append((keys, values))
            sums[f"block{n}"] = x.reshape(sequences, window, self.width)
        return layer_norm(x, self.norm).reshape(sequences, window, self.width), kept, sums


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
