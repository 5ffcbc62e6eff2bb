"""A split is covered once, however it is cut and wherever it lies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toys

from jaxgen.core import evaluation
from jaxgen.core.types import Fold, Holdout, Measured

KEY = jax.random.key(0)


def test_evaluation_covers_a_ragged_split_once():
    """Eleven examples in batches of four, the last one masked, against numpy."""
    technique, rows = toys.mean_of(6), toys.data()[:11]
    state = technique.init(KEY)

    def four(arrays, n):
        index = n * 4 + jnp.arange(4)
        return {"x": arrays[jnp.minimum(index, 10)]}, index < 11

    measured = evaluation.evaluate(technique.evaluate, state, Holdout(rows, four, 3), KEY)
    expected = np.mean((np.asarray(rows) - np.asarray(state.params)[None]) ** 2)
    assert measured["error"].value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_an_evaluation_may_be_cut_and_fetched(at_once):
    """In portions, read on the host or taken on the device: the same numbers, and each batch is asked for once."""
    fold, state, rows = toys.mean_of(6).evaluate, toys.mean_of(6).init(KEY), toys.data()[:11]
    taken = lambda arrays, n: ({"x": arrays[jnp.minimum(n * 4 + jnp.arange(4), 10)]}, n * 4 + jnp.arange(4) < 11)
    whole, asked, told = evaluation.evaluate(fold, state, Holdout(rows, taken, 3), KEY), [], []

    def fetch(first, count):
        asked.append((first, count))
        return lambda: jax.vmap(lambda n: taken(rows, n)[0])(first + jnp.arange(count))

    fetched = Holdout((), lambda row, n: (row, n * 4 + jnp.arange(4) < 11), 3, fetch, at_once)
    assert evaluation.evaluate(fold, state, fetched, KEY) == whole
    assert asked == [(first, min(at_once, 3 - first)) for first in range(0, 3, at_once)]
    parts = evaluation.tally(fold, state, Holdout(rows, taken, 3), KEY, at_once, told.append)
    assert evaluation.finish(fold, parts) == whole
    assert told == [min(first + at_once, 3) for first in range(0, 3, at_once)]


def test_a_higher_objective_is_better_where_the_fold_says_so():
    fold = toys.mean_of(6).evaluate
    assert evaluation.objective(fold, {"error": Measured(2.0, "")}) == 2.0
    assert evaluation.objective(fold._replace(better="higher"), {"error": Measured(2.0, "")}) == -2.0


@pytest.mark.parametrize("at_once", [0, 2])
def test_what_a_fold_counted_can_be_read(at_once):
    """A confusion matrix over a ragged split, against numpy; the metrics are what is made of it."""
    truth, guess = np.random.default_rng(0).integers(0, 3, (2, 11))

    def add(state, key, counts, batch, mask):
        return counts.at[batch[0], batch[1]].add(mask.astype(jnp.int32))

    accuracy = lambda counts: {"accuracy": jnp.trace(counts) / counts.sum()}
    fold = Fold(lambda: jnp.zeros((3, 3), jnp.int32), add, accuracy, {"accuracy": "share"}, "higher")

    def four(arrays, n):
        index = n * 4 + jnp.arange(4)
        return arrays[:, jnp.minimum(index, 10)], index < 11

    holdout, told = Holdout(jnp.stack([truth, guess]), four, 3), []
    expected = np.zeros((3, 3), int)
    np.add.at(expected, (truth, guess), 1)
    counted = evaluation.tally(fold, toys.mean_of(6).init(KEY), holdout, KEY, at_once, told.append)
    np.testing.assert_array_equal(counted, expected)
    assert told == ([2, 3] if at_once else [])
    measured = evaluation.evaluate(fold, toys.mean_of(6).init(KEY), holdout, KEY)
    assert evaluation.finish(fold, counted) == measured
    assert measured == {"accuracy": (pytest.approx(np.mean(truth == guess), rel=1e-6), "share")}
