"""Splits in the loop's vocabulary: what a step trains on, what an evaluation reads.

A split is columns by name, each with a row for every example: images and labels, pairs of images, waveforms, strokes,
places of crops. A column is an array, or `Rows` of a file.

B    examples in a batch
N    examples in the split
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.shuffle import batch_indices, batches_per_epoch, ordered_indices
from jaxgen.core.types import Batch, Holdout, Refused, Source
from jaxgen.data import rows
from jaxgen.data.rows import Rows

Columns = Mapping[str, np.ndarray | Rows]  # name -> [N, ...]; Rows are [N, D]
S = TypeVar("S", Source, Holdout)

CHUNK = 2**26  # bytes of examples that are streamed at once


def length(columns: Columns) -> int:
    """N. Raises Refused where there is no column, or columns have unequal numbers of rows."""
    counts = {name: rows.count(column) for name, column in columns.items()}
    if len(set(counts.values())) != 1:
        raise Refused(f"the columns of a split need equally many rows, at least one column; found {counts}")
    return next(iter(counts.values()))


def total_bytes(columns: Columns) -> int:
    """Bytes of all columns, wherever they are."""
    return sum(rows.size(column) for column in columns.values())


def resident(columns: Columns, batch_size: int, ordered: bool = False) -> Source:
    """A source whose examples stay on the device, in the types they were given.

    Batch n has the split's names, [B, ...] each, its examples chosen by `batch_indices`, or, `ordered`, as they come.

    Raises:
        Refused: `batch_size` is larger than the split or less than 1.
    """
    batches_per_epoch(batch_size, length(columns))
    return Source(_on_device(columns), _take(batch_size, ordered))


def streamed(columns: Columns, batch_size: int, ordered: bool = False) -> Source:
    """A source whose examples stay with the host, in memory or in a file; batches as `resident`.

    `fetch(key, first, count)()` gathers one chunk, name -> [count, B, ...] in numpy.

    Raises:
        Refused: `batch_size` is larger than the split or less than 1.
    """
    count = length(columns)
    batches_per_epoch(batch_size, count)

    def fetch(key, first, many, part=(0, 1)):
        indices = _chunk_indices(key, first, many, batch_size, count, ordered)  # on its way; waited for in `read`
        return lambda: _gathered(columns, _part(np.asarray(indices), part))

    return Source((), _take_fetched, fetch, _batches_at_once(columns, batch_size))


def fits(columns: Columns, resident_bytes: int = rows.RESIDENT) -> bool:
    """Whether a split is to be resident: in memory as it is, and at most so many bytes."""
    return not any(isinstance(column, Rows) for column in columns.values()) and total_bytes(columns) <= resident_bytes


def source(columns: Columns, batch_size: int, resident_bytes: int = rows.RESIDENT, ordered: bool = False) -> Source:
    """`resident` where the split fits, `streamed` otherwise.

    Raises:
        Refused: `batch_size` is larger than the split or less than 1.
    """
    return (resident if fits(columns, resident_bytes) else streamed)(columns, batch_size, ordered)


def holdout(columns: Columns, batch_size: int, resident_bytes: int = rows.RESIDENT) -> Holdout:
    """The whole split once, in order: on the device where it fits, read from the host otherwise.

    Batch n has the split's names, [B, ...] each, with the mask [B] of real examples: the last batch is filled up
    with copies of the last example.
    """
    count = length(columns)
    batches = -(-count // batch_size)
    if fits(columns, resident_bytes):
        return Holdout(_on_device(columns), _take_in_order(batch_size), batches)

    def fetch(first, many, part=(0, 1)):
        positions = np.arange(first * batch_size, (first + many) * batch_size).reshape(many, batch_size)
        return lambda: _gathered(columns, _part(np.minimum(positions, count - 1), part))

    at_once = _batches_at_once(columns, batch_size)
    return Holdout((), _take_fetched_in_order(batch_size, count), batches, fetch, at_once)


def beside(source: S, **shared: Any) -> S:
    """The Source or Holdout with further entries in every batch, which its examples share: frozen networks, tables.

    Over several devices they are replicated. The technique that reads them names them in `Technique.shared`.
    """
    return source._replace(shared={**source.shared, **shared})


def mapped(source: S, function: Callable[[Batch, jax.Array], Batch]) -> S:
    """The Source or Holdout with `function(batch, key)`, pure, applied to every batch, its shared entries included.

    The key is a function of the run's and of the batch's number. Two sources with the same function share a
    compilation, so the function should be one object: cached, where it is made from a configuration.
    """
    before = source.transform
    return source._replace(transform=_composed(before, function) if before else function)


# Cached, here and below, because jit knows a function by its identity.
@functools.cache
def _composed(first, second):
    def both(batch, key):
        first_key, second_key = jax.random.split(key)
        return second(first(batch, first_key), second_key)

    return both


@functools.cache
def _take(batch_size, ordered):
    def take(arrays, key, n):
        indices = _indices(key, n, batch_size, _count(arrays), ordered)
        return {name: array[indices] for name, array in arrays.items()}

    return take


@functools.cache
def _take_in_order(batch_size):
    def take(arrays, n):
        count = _count(arrays)
        positions = n * batch_size + jnp.arange(batch_size, dtype=jnp.int32)
        indices = jnp.minimum(positions, count - 1)
        return {name: array[indices] for name, array in arrays.items()}, positions < count

    return take


def _take_fetched(arrays, key, n):
    """A fetched batch is already batch n."""
    return arrays


@functools.cache
def _take_fetched_in_order(batch_size, count):
    def take(arrays, n):
        return arrays, n * batch_size + jnp.arange(batch_size, dtype=jnp.int32) < count

    return take


def _count(arrays):
    return len(next(iter(arrays.values())))


def _on_device(columns):
    return {name: jnp.asarray(array) for name, array in columns.items()}


def _batches_at_once(columns, batch_size):
    return max(1, CHUNK * length(columns) // (max(1, total_bytes(columns)) * batch_size))


def _gathered(columns, chosen):
    """The examples of those numbers [...], on the host."""
    return {name: rows.read(column, chosen) for name, column in columns.items()}


def _part(chosen, part):
    """Of numbers [count, B] those of the columns that are part `i` of `n` equal ones."""
    return np.split(chosen, part[1], axis=1)[part[0]]


def _indices(key, n, batch_size, size, ordered):
    return ordered_indices(n, batch_size, size) if ordered else batch_indices(key, n, batch_size, size)


@functools.partial(jax.jit, static_argnums=(2, 3, 4, 5))
def _chunk_indices(key, first, count, batch_size, size, ordered):
    """Indices [count, B] of the batches from number `first`, traced: the next chunk does not recompile."""
    return jax.vmap(lambda n: _indices(key, n, batch_size, size, ordered))(first + jnp.arange(count))
