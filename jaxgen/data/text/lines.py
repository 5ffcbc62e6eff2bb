"""Lines of a text: pieces of so many tokens, to be read whole.

A batch is {"x": [B, L] tokens, "length": [B] int32}; a training line begins anywhere and has any length between the
shortest and the longest, L; what follows it in the batch belongs to the text and does not count.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import Holdout, Refused, Source
from jaxgen.data import sources
from jaxgen.data.text.texts import Split

PLACES = 2**31 - 1  # that int32 can number


def drawn(split: Split, batch_size: int, shortest: int, longest: int) -> Source:
    """To train on: lines that begin anywhere, of uniformly drawn lengths.

    Raises Refused where the split has no line of that length, or too many tokens to number.
    """
    _check(split, longest)
    return Source({"tokens": jnp.asarray(split.tokens)}, _take(batch_size, shortest, longest))


# Cached, because jit knows a function by its identity.
@functools.cache
def _take(batch_size, shortest, longest):
    def take(arrays, key, n):
        tokens, (place_key, length_key) = arrays["tokens"], jax.random.split(jax.random.fold_in(key, n))
        first = jax.random.randint(place_key, (batch_size,), 0, len(tokens) - longest + 1, jnp.int32)
        x = tokens[first[:, None] + jnp.arange(longest, dtype=jnp.int32)[None]]
        return {"x": x, "length": jax.random.randint(length_key, (batch_size,), shortest, longest + 1, jnp.int32)}

    return take


def successive(split: Split, length: int) -> np.ndarray:
    """All lines of `length` tokens, one after the other, without what is left over: [N, length].

    Raises Refused where there is none.
    """
    _check(split, length)
    count = len(split.tokens) // length
    return split.tokens[: count * length].reshape(count, length)


def holdout(split: Split, batch_size: int, longest: int) -> Holdout:
    """Every successive line of the longest length once. Raises Refused where there is none."""
    x = successive(split, longest)
    return sources.holdout({"x": x, "length": np.full(len(x), longest, np.int32)}, batch_size)


def _check(split: Split, length: int) -> None:
    if not length <= len(split.tokens) <= PLACES:
        raise Refused(
            f"lines of {length:,} tokens need a split of as many, and of no more than {PLACES:,}; there are "
            f"{len(split.tokens):,}"
        )
