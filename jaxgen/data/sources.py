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
from jaxgen.data.examples import Examples


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
    """A source whose images stay with the host, in memory or mapped from a file; batches as `resident`.

    `fetch(key, first, count)()` gathers one chunk, {"image": [count, B, D], "label": [count, B]} in numpy.

    Raises:
        Refused: `batch_size` is larger than the split or less than 1.
    """
    size = len(examples.label)
    batches_per_epoch(batch_size, size)

    def fetch(key, first, count):
        indices = _chunk_indices(key, first, count, batch_size, size)  # on its way; waited for in `read`

        def read():
            chosen = np.asarray(indices)
            return {name: np.asarray(array[chosen]) for name, array in examples._asdict().items()}

        return read

    return Source((), _take_fetched, fetch)


def source(examples: Examples, batch_size: int, resident_bytes: int = 2**30) -> Source:
    """`resident` where the split takes at most `resident_bytes`, `streamed` otherwise.

    Raises:
        Refused: `batch_size` is larger than the split or less than 1.
    """
    fits = sum(array.nbytes for array in examples) <= resident_bytes
    return (resident if fits else streamed)(examples, batch_size)


def sweep(examples: Examples, batch_size: int) -> Sweep:
    """The whole split once, in order, on the device.

    Batch n is {"image": [B, D], "label": [B]} with the mask [B] of real examples: the last batch is filled up
    with copies of the last example.
    """
    arrays = {name: jnp.asarray(array) for name, array in examples._asdict().items()}
    return Sweep(arrays, _take_in_order(batch_size), -(-len(examples.label) // batch_size))
