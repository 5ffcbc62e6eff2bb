"""A network as a language model: what the shared mathematics of `language` needs to know of it.

V    tokens in the vocabulary
W    tokens of a padded prompt
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxgen.core.types import Params
from jaxgen.ops import generation


class LanguageModel(NamedTuple):
    """A network, and all that networks differ in."""

    config: Any  # of the network's file; has vocabulary, batch, reading, learning_rate and `carries`
    net: Any  # of nets/recurrent.py, causal.py or transformer.py
    # params, prompt [W], its tokens [] -> logits [V] of the next token, what `net.feed` goes on from
    prime: Callable[[Params, jax.Array, jax.Array], tuple[jax.Array, Any]]
    width: Callable[[int], int]  # tokens of a prompt -> W
    block: int = 0  # tokens that `net.feed` can read after `prime`; 0: any number


def no_memory(model: LanguageModel) -> Any:
    """Hidden states before the first window, where they are carried; () where they are not."""
    return model.net.start(model.config.batch) if model.config.carries else ()


def token_by_token(config: Any, net: Any) -> LanguageModel:
    """The language model of a net that reads a prompt as it reads what it writes.

    W is a power of two, so that few programs serve prompts of all lengths.
    """

    def prime(params, window, count):
        feed = functools.partial(net.apply, {"params": params}, method="feed")
        return generation.one_by_one(feed, net.cache(), window, count)

    return LanguageModel(config, net, prime, lambda count: max(64, 1 << (count - 1).bit_length()))


def dtype(precision: str) -> DTypeLike:
    """What a network computes in, with --precision."""
    return jnp.bfloat16 if precision == "bf16" else jnp.float32
