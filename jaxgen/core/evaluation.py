"""A Fold over a whole split, in as many dispatches as memory or patience ask for."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxgen.core.batches import arrays_of, functions_of, holdout_batch
from jaxgen.core.compiling import compiled
from jaxgen.core.types import Fold, Holdout, Measured, State


@functools.partial(jax.jit, static_argnums=0)
def _compiled(function, *arguments):
    return function(*arguments)


def _fold(add, functions, tally, state, arguments, rows, numbers, key):
    def body(tally, item):
        n, row = item
        batch, mask = holdout_batch(functions, arguments, row, key, n)
        return add(state, jax.random.fold_in(key, n), tally, batch, mask), None

    return jax.lax.scan(body, tally, (numbers, rows))[0]


def key_of_test(key: jax.Array) -> jax.Array:
    """The key for measuring the test split of a run: training folds in the numbers of its stages, from 0."""
    return jax.random.fold_in(key, 2**31 - 1)


def tally(
    fold: Fold,
    state: State,
    holdout: Holdout,
    key: jax.Array,
    at_once: int = 0,
    advance: Callable[[int], None] = lambda done: None,
) -> Any:
    """The fold's tally over a whole split, before metrics are made of it: a confusion matrix, sums.

    `advance` is called with the number of batches done after every `at_once` of them (0: as many as are fetched at
    once, or all).
    """
    counted, length = _compiled(fold.start), at_once or holdout.at_once or holdout.batches
    functions, arguments, add = functions_of(holdout), arrays_of(holdout), compiled(_fold, ("add", "functions"))
    firsts = range(0, holdout.batches, length)
    choose = lambda first: holdout.fetch(first, min(length, holdout.batches - first)) if holdout.fetch else lambda: None
    rows = choose(0)() if firsts else None
    for first in firsts:
        numbers = np.arange(first, min(first + length, holdout.batches), dtype=np.int32)
        counted = add(fold.add, functions, counted, state, arguments, rows, numbers, key)
        if first + length < holdout.batches:
            rows = choose(first + length)()  # the host reads while the device works
        if at_once:
            jax.block_until_ready(counted)
            advance(min(first + length, holdout.batches))
    return counted


def finish(fold: Fold, counted: Any) -> dict[str, Measured]:
    """The metrics of a `tally`, in the order of the fold's definitions (a compiled function sorts a dict's keys)."""
    metrics = _compiled(fold.finish, counted)
    return {name: Measured(float(metrics[name]), definition) for name, definition in fold.definitions.items()}


def evaluate(fold: Fold, state: State, holdout: Holdout, key: jax.Array) -> dict[str, Measured]:
    """The fold's metrics over a whole split."""
    return finish(fold, tally(fold, state, holdout, key))


def objective(fold: Fold, metrics: Mapping[str, Measured]) -> float:
    """The fold's first metric, its sign turned so that lower is better."""
    value = metrics[next(iter(fold.definitions))].value
    return value if fold.better == "lower" else -value
