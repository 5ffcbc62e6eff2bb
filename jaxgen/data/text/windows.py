"""Windows of a text: batches to train on, and every token once to evaluate.

A batch is {"tokens": [B, T + 1], "fresh": [B]}: each window's tokens with the one after them, and whether hidden states
are to be forgotten before it. Windows are gathered from the one array of tokens when they are needed, which stays on
the device as it is. Places in it are int32: longer texts are refused where a Source or Holdout is made.

B    windows in a batch
T    tokens in a window, the context
N    tokens in the split
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.shuffle import batch_indices
from jaxgen.core.types import Holdout, Refused, Source
from jaxgen.data.text.texts import Split


def streams(split: Split, batch_size: int, context: int) -> Source:
    """To train on: the text cut in B pieces, read side by side, window after window, so that states can be carried.

    Each pass begins at another offset of less than a window.
    """
    return Source(_arrays(split, batch_size, context), _take_streams(batch_size, context))


def anywhere(split: Split, batch_size: int, context: int) -> Source:
    """To train on: windows that begin anywhere, drawn with replacement."""
    return Source(_arrays(split, batch_size, context), _take_anywhere(batch_size, context))


def strided(split: Split, batch_size: int, context: int, stride: int) -> Source:
    """To train on: windows that begin `stride` tokens apart, in a new order in each pass."""
    return Source(_arrays(split, batch_size, context), _take_strided(batch_size, context, stride))


def stream_length(count: int, batch_size: int, context: int) -> int:
    """Windows in each of the pieces that `count` tokens are cut in."""
    return (_piece(count, batch_size, context) - 1) // context


def strided_windows(count: int, context: int, stride: int) -> int:
    """How many windows begin `stride` tokens apart in `count` tokens."""
    return (count - context - 1) // stride + 1


def _piece(count, batch_size, context):
    """Tokens of each of `batch_size` pieces of a text, so that all of them can be moved by less than a window."""
    return (count - context) // batch_size


def _arrays(split, batch_size, context):
    """The split on the device. Raises Refused where int32 cannot number what the last batch looks for behind its end.

    Nor count its characters: the widths of all tokens, in evaluations.
    """
    count, reach = len(split.tokens), 2**31 - 1 - (batch_size + 2) * (context + 1)
    if count > reach:
        raise Refused(f"a split of {count:,} tokens is longer than the {reach:,} that positions can number; divide it")
    if split.widths is not None and (characters := int(split.widths.sum(dtype=np.int64))) >= 2**31:
        raise Refused(
            f"a split of {characters:,} characters is longer than the {2**31 - 1:,} that are counted; divide it"
        )
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
        epoch, window = jnp.divmod(jnp.asarray(n, jnp.int32), stream_length(len(tokens), batch_size, context))
        shift = jax.random.randint(jax.random.fold_in(key, epoch), (), 0, context, jnp.int32)
        piece = _piece(len(tokens), batch_size, context)
        first = shift + window * context + piece * jnp.arange(batch_size, dtype=jnp.int32)
        fresh = jnp.broadcast_to(window == 0, (batch_size,))
        return {"tokens": _gathered(tokens, first, context)[0], "fresh": fresh}

    return take


@functools.cache
def _take_anywhere(batch_size, context):
    def take(arrays, key, n):
        tokens = arrays["tokens"]
        first = jax.random.randint(jax.random.fold_in(key, n), (batch_size,), 0, len(tokens) - context, jnp.int32)
        return {"tokens": _gathered(tokens, first, context)[0], "fresh": jnp.ones(batch_size, bool)}

    return take


@functools.cache
def _take_strided(batch_size, context, stride):
    def take(arrays, key, n):
        tokens = arrays["tokens"]
        first = stride * batch_indices(key, n, batch_size, strided_windows(len(tokens), context, stride))
        return {"tokens": _gathered(tokens, first, context)[0], "fresh": jnp.ones(batch_size, bool)}

    return take


def pieces(split: Split, batch_size: int, context: int) -> Holdout:
    """Every token of a split once, in B pieces read side by side: for models that carry hidden states.

    Each piece but the first is preceded by the T tokens before it, which do not count, so that no token is
    predicted from an empty memory but those at the start of the text. Batches have "counted" [B, T], the targets that
    count, and "widths" [B, T] where tokens stand for several characters.
    """
    targets = len(split.tokens) - 1
    piece = -(-targets // batch_size)
    arrays = _arrays(split, batch_size, context)
    return Holdout(arrays, _take_pieces(batch_size, context), -(-(piece + context) // context))


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
    arrays = _arrays(split, batch_size, context)
    return Holdout(arrays, _take_overlapping(batch_size, context, overlap, whole), -(-windows // batch_size))


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
    batch = {"tokens": tokens, "counted": (places > low[:, None]) & (places <= high[:, None])}
    if "widths" in arrays:
        batch["widths"] = arrays["widths"][jnp.clip(places, 0, len(arrays["widths"]) - 1)]
    return batch
