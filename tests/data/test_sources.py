import jax
import numpy as np
import pytest

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
