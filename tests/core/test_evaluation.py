"""A split is covered once, however it is cut and wherever it lies."""

import jax
import jax.numpy as jnp
import pytest
import toys

from jaxgen.core import evaluation
from jaxgen.core.types import Holdout, Measured

KEY = jax.random.key(0)


@pytest.mark.parametrize("at_once", [pytest.param(1, marks=pytest.mark.ci), 2])
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
