import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.batches import arrays_of, holdout_batch, training_batch
from jaxgen.core.shuffle import batch_indices
from jaxgen.core.types import Refused
from jaxgen.data import rows, sources

RNG = np.random.default_rng(0)
SIZE, PIXELS = 53, 12
EXAMPLES = {
    "image": RNG.integers(0, 256, (SIZE, PIXELS), np.uint8),
    "label": RNG.permutation(SIZE).astype(np.int32),
}
FLOATS = {**EXAMPLES, "image": (EXAMPLES["image"] / 255).astype(np.float32)}
KEY = jax.random.key(3)


def same(a, b):
    leaves = list(zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))
    assert jax.tree.structure(a) == jax.tree.structure(b)
    return len(leaves) == 2 and all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in leaves)


@pytest.fixture
def in_a_file(tmp_path):
    (tmp_path / "file").write_bytes(EXAMPLES["image"].tobytes())
    image = rows.Rows(tmp_path / "file", 0, PIXELS, np.dtype(np.uint8), np.arange(SIZE), "")
    return {**EXAMPLES, "image": image}


@pytest.mark.parametrize("examples", [EXAMPLES, FLOATS], ids=["uint8", "float32"])
@pytest.mark.parametrize("batch_size", [1, 8, SIZE])
def test_streamed_batches_equal_resident_ones(examples, batch_size):
    resident, streamed = (make(examples, batch_size) for make in (sources.resident, sources.streamed))
    take = jax.jit(resident.take)
    for first, count in ((0, 5), (5, 5), (1000, 3)):
        fetched = streamed.fetch(KEY, first, count)()
        assert all(isinstance(array, np.ndarray) for array in fetched.values())
        for n in range(first, first + count):
            row = {name: array[n - first] for name, array in fetched.items()}
            assert same(take(resident.arrays, KEY, n), streamed.take(row, KEY, n))


def test_batches_are_the_examples_at_batch_indices():
    resident = sources.resident(EXAMPLES, 8)
    batch = resident.take(resident.arrays, KEY, 11)
    indices = np.asarray(batch_indices(KEY, 11, 8, SIZE))
    assert same(batch, {"image": EXAMPLES["image"][indices], "label": EXAMPLES["label"][indices]})
    assert batch["image"].shape == (8, PIXELS)
    assert not same(batch, resident.take(resident.arrays, jax.random.key(4), 11))


def test_a_file_is_streamed_as_memory_is(in_a_file):
    fetched = sources.source(in_a_file, 8).fetch(KEY, 2, 3)()
    assert type(fetched["image"]) is np.ndarray
    assert same(fetched, sources.streamed(EXAMPLES, 8).fetch(KEY, 2, 3)())


@pytest.mark.parametrize("batch_size", [1, 8, SIZE, 100])
@pytest.mark.parametrize("where", ["memory", "file"])
def test_a_streamed_holdout_equals_a_resident_one(where, batch_size, in_a_file, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK", 20 * (PIXELS + 4))
    plain = sources.holdout(EXAMPLES, batch_size)
    streamed = sources.holdout(EXAMPLES if where == "memory" else in_a_file, batch_size, 0)
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


@pytest.mark.parametrize(
    "make", [sources.resident, sources.streamed, sources.holdout, lambda e, b: sources.holdout(e, b, 0)]
)
def test_takes_are_the_same_function_every_time(make):
    assert make(EXAMPLES, 8).take is make(FLOATS, 8).take


@pytest.mark.parametrize(("spare", "resident"), [(-1, False), (0, True)])
def test_what_fits_is_resident(spare, resident):
    made = sources.source(EXAMPLES, 8, SIZE * (PIXELS + 4) + spare)
    assert (made.fetch is None) == resident
    assert len(jax.tree.leaves(made.arrays)) == (2 if resident else 0)
    assert sources.source(EXAMPLES, 8).fetch is None


@pytest.mark.parametrize(("batch_size", "batches"), [(1, 53), (8, 7), (53, 1), (100, 1)])
def test_a_holdout_reads_everything_once_in_order(batch_size, batches):
    holdout = sources.holdout(EXAMPLES, batch_size)
    assert holdout.batches == batches
    take = jax.jit(holdout.take)
    read = [jax.device_get(take(holdout.arrays, n)) for n in range(batches)]
    assert all(batch["image"].shape == (batch_size, PIXELS) for batch, _ in read)
    for name, array in EXAMPLES.items():
        assert np.array_equal(np.concatenate([batch[name][mask] for batch, mask in read]), array)
    batch, mask = read[-1]
    assert (batch["label"][~mask] == EXAMPLES["label"][-1]).all()
    assert mask.sum() == SIZE - batch_size * (batches - 1)


def test_a_holdout_does_not_copy_its_arrays():
    holdout = sources.holdout({"image": np.zeros((4096, 784), np.uint8), "label": np.zeros(4096, np.int32)}, 4)
    memory = jax.jit(holdout.take).lower(holdout.arrays, 0).compile().memory_analysis()
    assert memory.temp_size_in_bytes + memory.output_size_in_bytes < 4096 * 784 / 10


@pytest.mark.parametrize("make", [sources.resident, sources.streamed, sources.source])
@pytest.mark.parametrize("batch_size", [0, SIZE + 1])
def test_an_impossible_batch_is_refused_at_once(make, batch_size):
    with pytest.raises(Refused, match=str(batch_size)):
        make(EXAMPLES, batch_size)


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
