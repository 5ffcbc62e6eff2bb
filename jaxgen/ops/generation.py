"""One sequence, token by token, compiled whole: callers vmap over prompts, temperatures and noise.

W    length of a padded prompt, the window
L    tokens to generate
V    tokens in the vocabulary
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Memory = Any  # a pytree of arrays of fixed shapes and types: hidden states, a cache
Feed = Callable[[jax.Array, Memory], tuple[jax.Array, Memory]]  # token [], memory -> logits [V], memory
Prime = Callable[[jax.Array, jax.Array], tuple[jax.Array, Memory]]  # window [W], count [] -> logits [V], memory
Choose = Callable[[jax.Array, jax.Array], jax.Array]  # logits [V], noise -> token [] int32


def padded(prompt: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A prompt [N] as (window [width] int32, count [] int32): its last `width` tokens, zeros behind them.

    Here, and nowhere below, a long prompt is cut.
    """
    kept = np.asarray(prompt, np.int32)[-width:]
    return np.pad(kept, (0, width - len(kept))), np.asarray(len(kept), np.int32)


def one_by_one(feed: Feed, memory: Memory, window: jax.Array, count: jax.Array) -> tuple[jax.Array, Memory]:
    """(logits [V], memory) after the first `count` tokens of `window` [W]; of no token, zeros and `memory`.

    The loop's bound is traced: prompts of all lengths run the same program, each only as long as it needs.
    """
    window = jnp.asarray(window)
    logits = jax.eval_shape(feed, window[0], memory)[0]

    def step(n, found):
        return feed(window[n], found[1])

    return jax.lax.fori_loop(0, count, step, (jnp.zeros(logits.shape, logits.dtype), memory))


def generate(
    prime: Prime,
    feed: Feed,
    choose: Choose,
    window: jax.Array,
    count: jax.Array,
    noise: jax.Array,
    block: int = 0,
    stop: int = -1,
) -> jax.Array:
    """Continues a prompt by L tokens, [L] int32.

    Args:
        prime: reads a prompt: (window, count) -> (logits [V], memory).
        feed: reads a token: (token [], memory) -> (logits [V], memory), the memory of the same shapes and types.
        choose: (logits [V], noise[n]) -> token [] int32.
        window: [W] int32, the prompt and behind it anything; of `padded`.
        count: [] int32, tokens of the prompt.
        noise: [L, ...], what `choose` needs for each token.
        block: of a net that can be fed only so many tokens after a prime, as one whose positions end: after so many,
            the last W tokens of prompt and text are primed anew. 0: never.
        stop: after this token was chosen, all further ones are it too; -1: there is none.
    """
    length = len(noise)

    def continued(window, count, noise):
        def step(found, noise):
            logits, memory = found
            token = choose(logits, noise)
            return feed(token, memory), token

        return jax.lax.scan(step, prime(window, count), noise)[1]

    def stretch(prompt, noise):
        window, count = prompt
        tokens = continued(window, count, noise)
        return _moved(window, count, tokens), tokens

    if 0 < block < length:
        blocks = -(-length // block)
        noise = jnp.concatenate([noise, noise[: blocks * block - length]])  # what is drawn with it is cut off
        noise = noise.reshape(blocks, block, *noise.shape[1:])
        tokens = jax.lax.scan(stretch, (window, count), noise)[1].reshape(-1)[:length]
    else:
        tokens = continued(window, count, noise)
    place = jnp.arange(length)
    first = jnp.min(jnp.where(tokens == stop, place, length))
    return jnp.where(place > first, stop, tokens)


def _moved(window, count, tokens):
    """The window [W] of the last W of its `count` tokens and those after them, and how many these are."""
    width, block = len(window), len(tokens)
    text = jnp.concatenate([window, jnp.zeros(block, window.dtype)])
    text = jax.lax.dynamic_update_slice(text, tokens.astype(window.dtype), (count,))
    kept = jnp.minimum(count + block, width)
    return jax.lax.dynamic_slice(text, (count + block - kept,), (width,)), kept
