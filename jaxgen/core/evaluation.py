"""A Fold over a whole split, in as many dispatches as memory or patience ask for."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxgen.core.types import Fold, State, Sweep


@functools.partial(jax.jit, static_argnums=0)
def _compiled(function, *arguments):
    return function(*arguments)


@functools.partial(jax.jit, static_argnames=("add", "take"))
def _fold(add, take, tally, state, arrays, rows, numbers, key):
    def body(tally, item):
        n, row = item
        batch, mask = take(arrays if row is None else row, n)
        return add(state, jax.random.fold_in(key, n), tally, batch, mask), None

    return jax.lax.scan(body, tally, (numbers, rows))[0]


def key_of_test(key: jax.Array) -> jax.Array:
    """What the test split of a run with this key is measured with: training folds in its stages, which count from 0."""
    return jax.random.fold_in(key, 2**31 - 1)


def tally(
    fold: Fold,
    state: State,
    sweep: Sweep,
    key: jax.Array,
    at_once: int = 0,
    advance: Callable[[int], None] = lambda done: None,
) -> Any:
    """What the fold has counted over a whole split, before it makes metrics of it: a confusion matrix, sums.

    `advance` is told the number of batches done after every `at_once` of them (0: as the sweep is fetched, or all).
    """
    counted, length = _compiled(fold.start), at_once or sweep.at_once or sweep.batches
    firsts = range(0, sweep.batches, length)
    choose = lambda first: sweep.fetch(first, min(length, sweep.batches - first)) if sweep.fetch else lambda: None
    rows = choose(0)() if firsts else None
    for first in firsts:
        numbers = np.arange(first, min(first + length, sweep.batches), dtype=np.int32)
        counted = _fold(fold.add, sweep.take, counted, state, sweep.arrays, rows, numbers, key)
        if first + length < sweep.batches:
            rows = choose(first + length)()  # the host reads while the device works
        if at_once:
            jax.block_until_ready(counted)
            advance(min(first + length, sweep.batches))
    return counted


def finish(fold: Fold, counted: Any) -> dict[str, float]:
    """The metrics of a `tally`, in the order of the fold's definitions (a compiled function sorts a dict's keys)."""
    metrics = _compiled(fold.finish, counted)
    return {name: float(metrics[name]) for name in fold.definitions}


def evaluate(
    fold: Fold,
    state: State,
    sweep: Sweep,
    key: jax.Array,
    at_once: int = 0,
    advance: Callable[[int], None] = lambda done: None,
) -> dict[str, float]:
    """Metrics over a whole split; `at_once` and `advance` are those of `tally`."""
    return finish(fold, tally(fold, state, sweep, key, at_once, advance))


def objective(fold: Fold, metrics: dict[str, float]) -> float:
    """The fold's first metric, its sign turned so that lower is better."""
    value = metrics[next(iter(fold.definitions))]
    return value if fold.better == "lower" else -value
