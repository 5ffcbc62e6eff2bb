"""Splits of any columns, transformed by pure functions: pairs, waves, crops of unequal photographs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.batches import arrays_of, holdout_batch, training_batch
from jaxgen.core.types import Refused
from jaxgen.data import sources

RNG = np.random.default_rng(0)
SIZE, KEY = 53, jax.random.key(3)
COLUMNS = {
    "wave": RNG.normal(size=(SIZE, 7)).astype(np.float32),
    "pair": RNG.integers(0, 256, (SIZE, 2, 3, 3), np.uint8),
    "number": np.arange(SIZE, dtype=np.int32),
}


def test_a_split_has_columns_of_any_name_and_shape():
    resident, streamed = (make(COLUMNS, 8) for make in (sources.resident, sources.streamed))
    batch = resident.take(resident.arrays, KEY, 3)
    chosen = np.asarray(batch["number"])
    assert all(np.array_equal(batch[name], column[chosen]) for name, column in COLUMNS.items())
    fetched = streamed.fetch(KEY, 3, 1)()
    assert all(np.array_equal(fetched[name][0], batch[name]) for name in COLUMNS)
    holdout = sources.holdout(COLUMNS, 50)
    last, mask = holdout.take(holdout.arrays, 1)
    assert np.array_equal(last["pair"][:3], COLUMNS["pair"][50:])
    assert mask.sum() == 3


@pytest.mark.parametrize("columns", [{}, {"a": np.zeros(3), "b": np.zeros(4)}])
def test_columns_of_unequal_length_are_refused(columns):
    with pytest.raises(Refused, match="equally many rows"):
        sources.source(columns, 1)


def crop(batch, key):
    """Squares of two by two, anywhere in photographs of unequal sizes that all batches share."""
    pixels = batch.pop("pixels")
    keys = jax.random.split(key, len(batch["start"]))

    def one(key, start, height, width):
        y, x = (jax.random.randint(k, (), 0, side - 1) for k, side in zip(jax.random.split(key), (height, width)))
        return pixels[start + (y + jnp.arange(2))[:, None] * width + (x + jnp.arange(2))[None]]

    return {"crop": jax.vmap(one)(keys, batch["start"], batch["height"], batch["width"])}


@pytest.mark.parametrize("make", [sources.resident, sources.streamed])
def test_batches_are_transformed_by_a_pure_function(make):
    """Crops of unequal photographs: their places are columns, their pixels are shared, which are cut in the loop."""
    sizes = [(4, 6), (3, 5), (7, 2)]
    first = np.cumsum([0, *(h * w for h, w in sizes)])
    pixels = np.concatenate([100 * n + np.arange(h * w) for n, (h, w) in enumerate(sizes)])
    columns = {"start": first[:3], "height": np.array([h for h, _ in sizes]), "width": np.array([w for _, w in sizes])}
    columns = {name: column.astype(np.int32) for name, column in columns.items()}
    source = sources.mapped(sources.beside(make(columns, 3), pixels=jnp.asarray(pixels)), crop)

    def batch(key, n):
        row = source.fetch and jax.tree.map(lambda a: a[0], source.fetch(key, n, 1)())
        return np.asarray(training_batch(source, arrays_of(source), row, key, n)["crop"])

    crops = batch(KEY, 0)
    assert crops.shape == (3, 2, 2)
    assert sorted(crops[:, 0, 0] // 100) == [0, 1, 2]
    assert set(crops[:, 0, 1] - crops[:, 0, 0]) == {1}
    widths = {0: 6, 1: 5, 2: 2}
    assert all(one[1, 0] - one[0, 0] == widths[one[0, 0] // 100] for one in crops)
    assert np.array_equal(batch(KEY, 0), crops)
    assert not all(np.array_equal(batch(KEY, n), crops) for n in range(1, 4)), "the key does not reach the function"


def test_transformations_follow_one_another():
    source = sources.mapped(sources.mapped(sources.resident({"x": np.arange(4.0)}, 4), doubled), raised)
    batch = training_batch(source, arrays_of(source), None, KEY, jnp.int32(0))
    assert sorted(np.asarray(batch["x"])) == [1.0, 3.0, 5.0, 7.0]
    holdout = sources.mapped(sources.holdout({"x": np.arange(4.0)}, 3), doubled)
    batch, mask = holdout_batch(holdout, arrays_of(holdout), None, KEY, jnp.int32(1))
    assert np.array_equal(batch["x"][mask], [6.0])


def doubled(batch, key):
    return {"x": 2 * batch["x"]}


def raised(batch, key):
    return {"x": batch["x"] + 1}
