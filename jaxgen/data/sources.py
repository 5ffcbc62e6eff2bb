"""Splits in the loop's vocabulary: what a step trains on, what an evaluation reads.

B    examples in a batch
D    values of an image
N    examples in the split
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.shuffle import batch_indices, batches_per_epoch
from jaxgen.core.types import Source, Sweep
from jaxgen.data import rows
from jaxgen.data.examples import Examples

CHUNK = 2**26  # bytes of images that are streamed at once


# Cached, because jit knows a function by its identity: two sources of one batch size share a compilation.
@functools.cache
def _take_shuffled(batch_size):
    def take(arrays, key, n):
        indices = batch_indices(key, n, batch_size, len(arrays["label"]))
        return {name: array[indices] for name, array in arrays.items()}

    return take


@functools.cache
def _take_in_order(batch_size):
    def take(arrays, n):
        count = len(arrays["label"])
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


def _batches_at_once(examples, batch_size):
    return max(1, CHUNK * len(examples.label) // (rows.size(examples.image) * batch_size))


def _gathered(examples, chosen):
    """The examples of those numbers [...], on the host."""
    return {"image": rows.read(examples.image, chosen), "label": examples.label[chosen]}


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _chunk_indices(key, first, count, batch_size, size):
    """Indices [count, B] of the batches from number `first`, traced: the next chunk does not recompile."""
    return jax.vmap(lambda n: batch_indices(key, n, batch_size, size))(first + jnp.arange(count))


def resident(examples: Examples, batch_size: int) -> Source:
    """A source whose images stay on the device, in the type they were given.

    Batch n is {"image": [B, D], "label": [B]}, chosen by `batch_indices`.

    Raises:
        Refused: `batch_size` is larger than the split or less than 1.
    """
    batches_per_epoch(batch_size, len(examples.label))
    arrays = {name: jnp.asarray(array) for name, array in examples._asdict().items()}
    return Source(arrays, _take_shuffled(batch_size))


def streamed(examples: Examples, batch_size: int) -> Source:
    """A source whose images stay with the host, in memory or in a file; batches as `resident`.

    `fetch(key, first, count)()` gathers one chunk, {"image": [count, B, D], "label": [count, B]} in numpy.

    Raises:
        Refused: `batch_size` is larger than the split or less than 1.
    """
    size = len(examples.label)
    batches_per_epoch(batch_size, size)

    def fetch(key, first, count):
        indices = _chunk_indices(key, first, count, batch_size, size)  # on its way; waited for in `read`

        def read():
            return _gathered(examples, np.asarray(indices))

        return read

    return Source((), _take_fetched, fetch, _batches_at_once(examples, batch_size))


def fits(examples: Examples, resident_bytes: int = rows.RESIDENT) -> bool:
    """Whether a split is to be resident: in memory as it is, and at most so many bytes."""
    return not isinstance(examples.image, rows.Rows) and examples.image.nbytes + examples.label.nbytes <= resident_bytes


def source(examples: Examples, batch_size: int, resident_bytes: int = rows.RESIDENT) -> Source:
    """`resident` where the split fits, `streamed` otherwise.

    Raises:
        Refused: `batch_size` is larger than the split or less than 1.
    """
    return (resident if fits(examples, resident_bytes) else streamed)(examples, batch_size)


def sweep(examples: Examples, batch_size: int, resident_bytes: int = rows.RESIDENT) -> Sweep:
    """The whole split once, in order: on the device where it fits, read from the host otherwise.

    Batch n is {"image": [B, D], "label": [B]} with the mask [B] of real examples: the last batch is filled up
    with copies of the last example.
    """
    count = len(examples.label)
    batches = -(-count // batch_size)
    if fits(examples, resident_bytes):
        arrays = {name: jnp.asarray(array) for name, array in examples._asdict().items()}
        return Sweep(arrays, _take_in_order(batch_size), batches)

    def fetch(first, length):
        positions = np.arange(first * batch_size, (first + length) * batch_size).reshape(length, batch_size)
        return lambda: _gathered(examples, np.minimum(positions, count - 1))

    at_once = _batches_at_once(examples, batch_size)
    return Sweep((), _take_fetched_in_order(batch_size, count), batches, fetch, at_once)
