"""The GPT of characters, words and byte pairs: blocks of attention to what came before.

B    sequences
T    tokens in a window
W    length of a padded prompt
C    context: positions that there are, T and W at most
V    vocabulary
D    width
H    heads of attention, each D/H wide

Sums over branches, scores of attention and logits are float32 also where products are computed in bfloat16.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxgen.core.types import Refused
from jaxgen.nets.decoder import DecoderBlock
from jaxgen.ops.dense import layer_norm, logits
from jaxgen.ops.embedding import rows


class Transformer(nn.Module):
    """A decoder of L blocks with positions that are learnt, normalised before each branch and before the head.

    Radford et al. 2019, Language Models are Unsupervised Multitask Learners, section 2.3; Xiong et al. 2020
    (https://arxiv.org/abs/2002.04745) say why the norm stands first. Without biases, as nanoGPT's configurations for
    characters, or `as_gpt2`: see `DecoderBlock`. With `tie` the head is the table of tokens (Press & Wolf 2017, https://arxiv.org/abs/1608.05859).
    Dropout stands on embeddings, on attention's weights and on both branches. Parameters: (V + C + 1) D +
    L (12 D^2 + 2 D), V D more where the head is not tied, and 11 D L + D of biases.

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
    as_gpt2: bool = False

    def setup(self) -> None:
        if self.width % self.heads:
            raise Refused(f"a transformer's width must be a multiple of its heads: {self.width} is not of {self.heads}")
        normal = nn.initializers.normal(0.02)
        self.tokens = self.param("tokens", normal, (self.vocabulary, self.width), jnp.float32)
        self.positions = self.param("positions", normal, (self.context, self.width), jnp.float32)
        options = (self.width, self.heads, 2 * self.layers, self.dropout, self.dtype, self.as_gpt2)
        self.blocks = [DecoderBlock(*options, name=f"block{n}") for n in range(self.layers)]
        self.norm = self.param("norm", nn.initializers.ones, (self.width,), jnp.float32)
        if self.as_gpt2:
            self.norm_bias = self.param("norm_bias", nn.initializers.zeros, (self.width,), jnp.float32)
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
        return self.head(self._normed(x)[0]), {"keys": keys, "values": values, "position": position + 1}

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
        return self._normed(x).reshape(sequences, window, self.width), kept, sums

    def _normed(self, x):
        """x [N, D] as the head reads it."""
        x = layer_norm(x, self.norm)
        return x + self.norm_bias[None, :] if self.as_gpt2 else x
