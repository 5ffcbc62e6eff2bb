"""Batches of a split in memory or in a file, of any columns, transformed by pure functions."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused

from jaxgen.core.batches import arrays_of, holdout_batch, training_batch
from jaxgen.core.shuffle import batch_indices
from jaxgen.data import rows, sources

RNG = np.random.default_rng(0)
SIZE, PIXELS = 53, 12
EXAMPLES = {
    "image": RNG.integers(0, 256, (SIZE, PIXELS), np.uint8),
    "label": RNG.permutation(SIZE).astype(np.int32),
}
FLOATS = {**EXAMPLES, "image": (EXAMPLES["image"] / 255).astype(np.float32)}
COLUMNS = {  # of any name and shape
    "wave": RNG.normal(size=(SIZE, 7)).astype(np.float32),
    "pair": RNG.integers(0, 256, (SIZE, 2, 3, 3), np.uint8),
    "number": np.arange(SIZE, dtype=np.int32),
}
KEY = jax.random.key(3)


def same(a, b):
    leaves = list(zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))
    assert jax.tree.structure(a) == jax.tree.structure(b)
    return len(leaves) >= 2 and all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in leaves)


@pytest.fixture
def in_a_file(tmp_path):
    (tmp_path / "file").write_bytes(EXAMPLES["image"].tobytes())
    image = rows.Rows(tmp_path / "file", 0, PIXELS, np.dtype(np.uint8), np.arange(SIZE), "")
    return {**EXAMPLES, "image": image}


@pytest.mark.parametrize(
    ("examples", "size"), [(FLOATS, 8), *(pytest.param(COLUMNS, n, marks=pytest.mark.ci) for n in (1, SIZE))]
)
def test_streamed_batches_equal_resident_ones_and_are_those_of_the_indices(examples, size):
    resident, streamed = (make(examples, size) for make in (sources.resident, sources.streamed))
    take = jax.jit(resident.take)
    for first, count in ((0, 5), (5, 5), (1000, 5)):
        fetched = streamed.fetch(KEY, first, count)()
        assert all(isinstance(array, np.ndarray) for array in fetched.values())
        for n in range(first, first + count):
            row = {name: array[n - first] for name, array in fetched.items()}
            batch = take(resident.arrays, KEY, n)
            assert same(batch, streamed.take(row, KEY, n))
    indices = np.asarray(batch_indices(KEY, n, size, SIZE))
    assert same(batch, {name: column[indices] for name, column in examples.items()})
    assert size == 1 or not same(batch, take(resident.arrays, jax.random.key(4), n))


def test_a_file_is_streamed_as_memory_is(in_a_file):
    fetched = sources.source(in_a_file, 8).fetch(KEY, 2, 3)()
    assert type(fetched["image"]) is np.ndarray
    assert same(fetched, sources.streamed(EXAMPLES, 8).fetch(KEY, 2, 3)())


def test_a_streamed_holdout_equals_a_resident_one(in_a_file, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK", 20 * (PIXELS + 4))
    for batch_size, examples in ((8, EXAMPLES), (8, in_a_file), (100, in_a_file)):
        plain, streamed = sources.holdout(EXAMPLES, batch_size), sources.holdout(examples, batch_size, 0)
        assert (plain.fetch is None, streamed.fetch is None, streamed.batches) == (True, False, plain.batches)
        assert streamed.at_once == max(1, 20 // batch_size)
        fetched = streamed.fetch(0, plain.batches)()
        for n in range(plain.batches):
            (batch, mask), row = plain.take(plain.arrays, n), {name: array[n] for name, array in fetched.items()}
            again, again_mask = streamed.take(row, n)
            assert same(batch, again)
            assert np.array_equal(mask, again_mask)


def test_the_next_chunk_does_not_recompile():
    streamed = sources.streamed(EXAMPLES, 9)
    streamed.fetch(KEY, 0, 4)
    before = sources._chunk_indices._cache_size()
    for first in (4, 8, 400):
        streamed.fetch(KEY, first, 4)
    assert sources._chunk_indices._cache_size() == before
    streamed.fetch(KEY, 0, 5)
    assert sources._chunk_indices._cache_size() == before + 1  # the count does notice
    for make in (sources.resident, sources.streamed, sources.holdout, lambda e, b: sources.holdout(e, b, 0)):
        assert make(EXAMPLES, 8).take is make(FLOATS, 8).take


def test_what_fits_is_resident():
    for spare, resident in ((-1, False), (0, True)):
        made = sources.source(EXAMPLES, 8, SIZE * (PIXELS + 4) + spare)
        assert (made.fetch is None) == resident
        assert len(jax.tree.leaves(made.arrays)) == (2 if resident else 0)
    assert sources.source(EXAMPLES, 8).fetch is None


def test_in_order_batches_are_rows_as_they_come_resident_or_streamed(in_a_file):
    resident, streamed = sources.resident(EXAMPLES, 20, True), sources.source(in_a_file, 20, 0, True)
    fetched = streamed.fetch(KEY, 1, 2)()
    for n, first in ((1, 20), (2, 0)):  # 13 are left over
        expected = {name: column[first : first + 20] for name, column in EXAMPLES.items()}
        assert same(resident.take(resident.arrays, KEY, n), expected)
        assert same({name: array[n - 1] for name, array in fetched.items()}, expected)


def test_a_holdout_reads_everything_once_in_order():
    for size, batches in ((8, 7), (53, 1), (100, 1)):
        holdout = sources.holdout(EXAMPLES, size)
        assert holdout.batches == batches
        batch, mask = jax.device_get(jax.jit(jax.vmap(holdout.take, (None, 0)))(holdout.arrays, jnp.arange(batches)))
        assert batch["image"].shape == (batches, size, PIXELS)
        assert all(np.array_equal(batch[name][mask], column) for name, column in EXAMPLES.items())
        assert (batch["label"][~mask] == EXAMPLES["label"][-1]).all()
        assert mask[:-1].all()


@pytest.mark.ci
def test_a_holdout_does_not_copy_its_arrays():
    holdout = sources.holdout({"image": np.zeros((4096, 784), np.uint8), "label": np.zeros(4096, np.int32)}, 4)
    memory = jax.jit(holdout.take).lower(holdout.arrays, 0).compile().memory_analysis()
    assert memory.temp_size_in_bytes + memory.output_size_in_bytes < 4096 * 784 / 10


def test_impossible_batches_and_columns_of_unequal_length_are_refused():
    for make, size in itertools.product((sources.resident, sources.streamed, sources.source), (0, SIZE + 1)):
        refused(str(size), make, EXAMPLES, size)
    for columns in ({}, {"a": np.zeros(3), "b": np.zeros(4)}):
        refused("equally many rows", sources.source, columns, 1)


def crop(batch, key):
    """Squares of two by two, anywhere in photographs of unequal sizes that all batches share."""
    pixels = batch.pop("pixels")
    keys = jax.random.split(key, len(batch["start"]))

    def one(key, start, height, width):
        y, x = (jax.random.randint(k, (), 0, side - 1) for k, side in zip(jax.random.split(key), (height, width)))
        return pixels[start + (y + jnp.arange(2))[:, None] * width + (x + jnp.arange(2))[None]]

    return {"crop": jax.vmap(one)(keys, batch["start"], batch["height"], batch["width"])}


@pytest.mark.parametrize("make", [sources.resident, pytest.param(sources.streamed, marks=pytest.mark.ci)])
def test_batches_are_transformed_by_a_pure_function(make):
    """Crops of unequal photographs: their places are columns, their pixels are shared, which are cut in the loop."""
    sizes = [(4, 6), (3, 5), (7, 2)]
    first = np.cumsum([0, *(h * w for h, w in sizes)])
    pixels = np.concatenate([100 * n + np.arange(h * w) for n, (h, w) in enumerate(sizes)])
    columns = {"start": first[:3], "height": np.array([h for h, _ in sizes]), "width": np.array([w for _, w in sizes])}
    columns = {name: column.astype(np.int32) for name, column in columns.items()}
    source = sources.mapped(sources.beside(make(columns, 3), pixels=jnp.asarray(pixels)), crop)
    cut = jax.jit(lambda row, n: training_batch(source, arrays_of(source), row, KEY, n)["crop"])

    def batch(n):
        row = source.fetch and jax.tree.map(lambda a: a[0], source.fetch(KEY, n, 1)())
        return np.asarray(cut(row, n))

    crops = batch(0)
    assert crops.shape == (3, 2, 2)
    assert sorted(crops[:, 0, 0] // 100) == [0, 1, 2]
    assert set(crops[:, 0, 1] - crops[:, 0, 0]) == {1}
    widths = {0: 6, 1: 5, 2: 2}
    assert all(one[1, 0] - one[0, 0] == widths[one[0, 0] // 100] for one in crops)
    assert np.array_equal(batch(0), crops)
    assert not all(np.array_equal(batch(n), crops) for n in range(1, 4)), "the key does not reach the function"


def test_transformations_follow_one_another():
    doubled, raised = (lambda batch, key: {"x": 2 * batch["x"]}), (lambda batch, key: {"x": batch["x"] + 1})
    source = sources.mapped(sources.mapped(sources.resident({"x": np.arange(4.0)}, 4), doubled), raised)
    batch = training_batch(source, arrays_of(source), None, KEY, jnp.int32(0))
    assert sorted(np.asarray(batch["x"])) == [1.0, 3.0, 5.0, 7.0]
    holdout = sources.mapped(sources.holdout({"x": np.arange(4.0)}, 3), doubled)
    batch, mask = holdout_batch(holdout, arrays_of(holdout), None, KEY, jnp.int32(1))
    assert np.array_equal(batch["x"][mask], [6.0])
