"""Generation of one sequence, token by token, in one compiled program; callers vmap over prompts and noise.

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
    """A prompt [N] as (window [width] int32, count [] int32): its last `width` tokens, followed by zeros.

    The functions below do not truncate: a prompt longer than the window is cut here.
    """
    kept = np.asarray(prompt, np.int32)[-width:]
    return np.pad(kept, (0, width - len(kept))), np.asarray(len(kept), np.int32)


def one_by_one(feed: Feed, memory: Memory, window: jax.Array, count: jax.Array) -> tuple[jax.Array, Memory]:
    """(logits [V], memory) after `feed` has read the first `count` tokens of `window` [W]; zeros and `memory` for 0.

    The loop's bound is traced: prompts of all lengths share one compiled program, and each runs only its own steps.
    """
    window = jnp.asarray(window)
    logits = jax.eval_shape(feed, window[0], memory)[0]

    def step(n, carry):
        return feed(window[n], carry[1])

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
    """The L tokens that continue a prompt, [L] int32.

    Args:
        prime: reads a prompt: (window, count) -> (logits [V], memory).
        feed: reads a token: (token [], memory) -> (logits [V], memory), the memory with the same shapes and dtypes.
        choose: (logits [V], noise[n]) -> token [] int32.
        window: [W] int32, the prompt followed by arbitrary tokens; see `padded`.
        count: [] int32, tokens of the prompt.
        noise: [L, ...], the random numbers that `choose` needs for each token.
        block: most tokens that can be fed after a prime, for a net with a limited number of positions: after each
            block, the last W tokens of prompt and continuation are primed again. 0: no limit.
        stop: after this token is chosen, all further tokens are equal to it; -1: no such token.
    """
    length = len(noise)

    def continued(window, count, noise):
        def step(carry, noise):
            logits, memory = carry
            token = choose(logits, noise)
            return feed(token, memory), token

        return jax.lax.scan(step, prime(window, count), noise)[1]

    def one_block(prompt, noise):
        window, count = prompt
        tokens = continued(window, count, noise)
        return _moved(window, count, tokens), tokens

    if 0 < block < length:
        blocks = -(-length // block)
        noise = jnp.concatenate([noise, noise[: blocks * block - length]])  # its tokens are cut off
        noise = noise.reshape(blocks, block, *noise.shape[1:])
        tokens = jax.lax.scan(one_block, (window, count), noise)[1].reshape(-1)[:length]
    else:
        tokens = continued(window, count, noise)
    position = jnp.arange(length, dtype=jnp.int32)
    first_stop = jnp.min(jnp.where(tokens == stop, position, length))
    return jnp.where(position > first_stop, stop, tokens)


def _moved(window, count, tokens):
    """The last W of the window's `count` tokens followed by `tokens`, as a window [W], and their number."""
    width, block = len(window), len(tokens)
    text = jnp.concatenate([window, jnp.zeros(block, window.dtype)])
    text = jax.lax.dynamic_update_slice(text, tokens.astype(window.dtype), (count,))
    kept = jnp.minimum(count + block, width)
    return jax.lax.dynamic_slice(text, (count + block - kept,), (width,)), kept
