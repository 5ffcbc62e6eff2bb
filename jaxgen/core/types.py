"""The vocabulary every module shares: everything here is gradient descent on a pytree."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import jax

Params = Any  # a pytree of trainable arrays
Batch = Any  # a pytree, mostly a dict; its leaves have the leading axis [B], but for entries that are `shared`
Metrics = dict[str, jax.Array]  # name -> [] float32


class Refused(ValueError):
    """A user's input cannot be used; the message is the one sentence that a script prints before exit code 2."""


class State(NamedTuple):
    """All that a step reads and writes. A pytree: it jits, vmaps, scans, shards and saves."""

    step: jax.Array  # [] int32, updates made so far
    key: jax.Array  # [] PRNG key; constant, each step folds in `step`
    params: Params  # trainable leaves only
    opt: Any  # optimiser state; the learning rate is its leaf `rate`
    carry: Any = ()  # the rest that is written: batch statistics, averages, hidden states, Markov chains


class Source(NamedTuple):
    """What training steps read and never write: examples, targets, frozen networks.

    Batch n is a function of (arrays, shared, key, n) alone, so that a run can stop anywhere and go on. See
    `core.batches` for how a batch is put together.
    """

    arrays: Any  # examples on the device: arguments of the compiled loop, never closed over, never donated
    take: Callable[[Any, jax.Array, jax.Array], Batch]  # arrays, key of the run, n -> batch n
    # Of examples that do not fit on the device: (key, first n, count) -> a function that reads these batches on the
    # host, [count, ...], which the loop calls while the device is busy. `take` then receives batch n of them as arrays.
    # With part=(i, n) it reads the i-th of n equal parts of each batch, from 0: that of one of several processes.
    fetch: Callable[..., Callable[[], Any]] | None = None
    at_once: int = 0  # most batches of one `fetch`; 0: a whole chunk
    shared: Mapping[str, Any] = {}  # entries that all batches have: frozen networks. Replicated over devices, not split
    transform: Callable[[Batch, jax.Array], Batch] | None = None  # batch with its shared entries, key -> batch


class Holdout(NamedTuple):
    """A split of the data that an evaluation reads once, in order. Fields without a comment are those of `Source`."""

    arrays: Any
    take: Callable[[Any, jax.Array], tuple[Batch, jax.Array]]  # arrays, n -> batch n, mask [B] of real examples
    batches: int
    fetch: Callable[..., Callable[[], Any]] | None = None  # first n, count[, part] -> () -> [count, ...]
    at_once: int = 0  # batches of one `fetch`; 0: all
    shared: Mapping[str, Any] = {}
    transform: Callable[[Batch, jax.Array], Batch] | None = None


class Measured(NamedTuple):
    """A metric's value, and what exactly was measured: binarisation, samples, crop, split into windows, ..."""

    value: float
    definition: str


class Fold(NamedTuple):
    """An evaluation over any number of batches: carried hidden states, confusion matrices, ragged last batches."""

    start: Callable[[], Any]  # () -> tally
    add: Callable[[State, jax.Array, Any, Batch, jax.Array], Any]  # State, key, tally, batch, mask [B] -> tally
    finish: Callable[[Any], Metrics]  # tally -> metrics
    # Metric -> what it measures. The first is the objective, by which runs are compared: not a player's own loss, say,
    # which tells nothing of how good it is. {}: no evaluation.
    definitions: Mapping[str, str]
    better: Literal["lower", "higher"] = "lower"  # the objective's direction
    improves: bool = True  # whether training on ONE batch must improve the objective; in a game it need not


class Technique(NamedTuple):
    """Pure functions. Nothing else is needed to train, test, compare or time an idea."""

    init: Callable[[jax.Array], State]
    step: Callable[[State, Batch], tuple[State, Metrics]]  # no I/O: it can be scanned and vmapped
    evaluate: Fold
    infer: Mapping[str, Callable]  # name -> (State, key, x) -> y, for ONE example; callers vmap
    example: Callable[[jax.Array], Batch]  # key -> a batch of the right shapes, for tests and benchmarks
    inputs: Callable[[jax.Array], Mapping[str, Any]]  # key -> an x for each `infer`, likewise
    streams: tuple[str, ...] = ()  # entries of carry, a dict, with the batch's axis [B]: hidden states, chains
    shared: tuple[str, ...] = ()  # entries of a batch without that axis, which a Source has as `shared`


class Stage(NamedTuple):
    """Part of a run: octaves, scales, greedy layers, fine-tuning after pretraining."""

    technique: Technique
    source: Source
    steps: int
    valid: Holdout | None = None  # what the technique is evaluated on between chunks
    # previous stage's last State (None in the first), key, the source's arrays -> State; without it, `init`
    adopt: Callable[[State | None, jax.Array, Any], State] | None = None
    module: str = ""  # dotted name of the module whose `make` gave the technique
    config: Any = None  # what it was made from
    optimizers: tuple[int, ...] = ()  # ... and with whose, of the run's players by number; (): those of all
