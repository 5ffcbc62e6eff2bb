"""How a text is read: batches of windows to train on, and every token once to evaluate.

A batch is {"tokens": [B, T + 1], "fresh": [B]}: each window's tokens with the one after them, and whether hidden states
are to be forgotten before it. Windows are gathered from the one array of tokens when they are needed.

B    windows in a batch
T    tokens in a window, the context
N    tokens in the split
"""

import functools
from typing import Literal

import jax
import jax.numpy as jnp

from jaxgen.core.shuffle import batch_indices
from jaxgen.core.types import Holdout, Refused, Source
from jaxgen.data.text.texts import Split

Windows = Literal["stream", "random", "strided"]


def _arrays(split):
    return {name: jnp.asarray(array) for name, array in split._asdict().items() if array is not None}


def _gathered(tokens, first, context):
    """Windows [B, T + 1] that begin at `first` [B]; what would lie behind the end is its last token."""
    places = first[:, None] + jnp.arange(context + 1, dtype=jnp.int32)[None]
    return tokens[jnp.clip(places, 0, len(tokens) - 1)], places


# Cached, because jit knows a function by its identity.
@functools.cache
def _take_streams(batch_size, context):
    def take(arrays, key, n):
        tokens = arrays["tokens"]
        piece = _piece(len(tokens), batch_size, context)
        epoch, window = jnp.divmod(jnp.asarray(n, jnp.int32), (piece - 1) // context)
        shift = jax.random.randint(jax.random.fold_in(key, epoch), (), 0, context)
        first = shift + window * context + piece * jnp.arange(batch_size, dtype=jnp.int32)
        return {
            "tokens": _gathered(tokens, first, context)[0],
            "fresh": jnp.broadcast_to(window == 0, (batch_size,)),
        }

    return take


@functools.cache
def _take_random(batch_size, context):
    def take(arrays, key, n):
        tokens = arrays["tokens"]
        first = jax.random.randint(jax.random.fold_in(key, n), (batch_size,), 0, len(tokens) - context)
        return {"tokens": _gathered(tokens, first, context)[0], "fresh": jnp.ones(batch_size, bool)}

    return take


@functools.cache
def _take_strided(batch_size, context, stride):
    def take(arrays, key, n):
        tokens = arrays["tokens"]
        first = stride * batch_indices(key, n, batch_size, _strided(len(tokens), context, stride))
        return {"tokens": _gathered(tokens, first, context)[0], "fresh": jnp.ones(batch_size, bool)}

    return take


def _piece(count, batch_size, context):
    """Tokens of each of `batch_size` pieces of a text, so that all of them can be moved by less than a window."""
    return (count - context) // batch_size


def _strided(count, context, stride):
    """How many windows there are that begin `stride` tokens apart."""
    return (count - context - 1) // stride + 1


def epoch(count: int, batch_size: int, context: int, windows: Windows, stride: int = 1) -> int:
    """Updates in a pass over `count` tokens. Raises Refused where the text is too short for one."""
    found = {
        "stream": (_piece(count, batch_size, context) - 1) // context,
        "random": max(1, count // (batch_size * context)) if count > context else 0,  # they may overlap
        "strided": _strided(count, context, stride) // batch_size,
    }[windows]
    if found < 1:
        need = {"stream": batch_size * (context + 1) + context, "random": context + 1}
        least = need.get(windows, (batch_size - 1) * stride + context + 1)
        raise Refused(
            f"{batch_size} windows of {context} tokens need {least:,} tokens to train on, and there are {count:,}; "
            "a smaller --batch_size or --context needs less"
        )
    return found


def source(split: Split, batch_size: int, context: int, windows: Windows = "stream", stride: int = 1) -> Source:
    """Windows to train on; which ones make batch n is a function of (key, n).

    Args:
        split: N tokens, which stay on the device as they are.
        batch_size: B.
        context: T.
        windows: stream: the text is cut in B pieces that are read side by side, window after window, so that hidden
            states can be carried; each pass begins at another offset of less than a window. random: anywhere, with
            replacement. strided: windows that begin `stride` tokens apart, in a new order in each pass.
        stride: of strided windows.

    Raises:
        Refused: the text is too short for one batch.
    """
    epoch(len(split.tokens), batch_size, context, windows, stride)
    take = {"stream": _take_streams, "random": _take_random}.get(windows)
    made = take(batch_size, context) if take else _take_strided(batch_size, context, stride)
    return Source(_arrays(split), made)


def pieces(split: Split, batch_size: int, context: int) -> Holdout:
    """Every token of a split once, in B pieces read side by side: for models that carry hidden states.

    Each piece but the first is preceded by the T tokens before it, which do not count, so that no token is
    predicted from an empty memory but those at the start of the text. Batches have "counted" [B, T], the targets that
    count, and "widths" [B, T] where tokens stand for several characters.
    """
    targets = len(split.tokens) - 1
    piece = -(-targets // batch_size)
    return Holdout(_arrays(split), _take_pieces(batch_size, context), -(-(piece + context) // context))


@functools.cache
def _take_pieces(batch_size, context):
    def take(arrays, n):
        targets = len(arrays["tokens"]) - 1
        piece = -(-targets // batch_size)
        low = piece * jnp.arange(batch_size, dtype=jnp.int32)
        first = jnp.maximum(0, low - context) + n * context
        batch = _measured(arrays, first, context, low, jnp.minimum(low + piece, targets))
        return batch | {"fresh": jnp.broadcast_to(n == 0, (batch_size,))}, jnp.ones(batch_size, bool)

    return take


def overlapping(split: Split, batch_size: int, context: int, overlap: int, whole: bool = False) -> Holdout:
    """Every token of a split once, in windows of which the first `overlap` targets do not count but in the first one.

    For models that see nothing but their window. `whole`: not even in the first one, so that every target that counts
    is preceded by at least `overlap` + 1 tokens. Batches are those of `pieces`.
    """
    targets = len(split.tokens) - 1
    windows = 1 + max(0, -(-(targets - context) // (context - overlap)))
    return Holdout(_arrays(split), _take_overlapping(batch_size, context, overlap, whole), -(-windows // batch_size))


@functools.cache
def _take_overlapping(batch_size, context, overlap, whole):
    def take(arrays, n):
        targets = len(arrays["tokens"]) - 1
        first = (n * batch_size + jnp.arange(batch_size, dtype=jnp.int32)) * (context - overlap)
        low = jnp.where((first > 0) | whole, first + overlap, 0)
        batch = _measured(arrays, first, context, low, jnp.full(batch_size, targets, jnp.int32))
        return batch | {"fresh": jnp.ones(batch_size, bool)}, jnp.ones(batch_size, bool)

    return take


def _measured(arrays, first, context, low, high):
    """Windows that begin at `first` [B], of whose targets those at places from `low` + 1 to `high` [B] count."""
    tokens, places = _gathered(arrays["tokens"], first, context)
    places = places[:, 1:]
    found = {"tokens": tokens, "counted": (places > low[:, None]) & (places <= high[:, None])}
    if "widths" in arrays:
        found["widths"] = arrays["widths"][jnp.clip(places, 0, len(arrays["widths"]) - 1)]
    return found
