import tracemalloc

import numpy as np
import pytest
from archives import COLOUR, GREY, LABEL, LIMIT, RNG, cached, saved

from jaxgen.data import rows
from jaxgen.data.formats import npz
from jaxgen.data.images import sets
from jaxgen.data.rows import Rows


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(rows, "BLOCK", 70)  # three images, or one
    return tmp_path / "cache"


def same(small, large):
    assert small[:3] == large[:3]
    for one, other in zip(small[3:6], large[3:6]):
        assert isinstance(one.image, np.ndarray)
        assert isinstance(other.image, Rows)
        assert one.image.dtype == other.image.dtype
        assert np.array_equal(one.image, rows.read(other.image, slice(None)))
        assert np.array_equal(one.label, other.label)


UNIT = GREY / 255
SETS = {
    "images": {"images": GREY, "labels": LABEL},
    "colour": {"images": COLOUR},
    "keras": {"x_train": GREY, "y_train": LABEL, "x_test": GREY[:7], "y_test": LABEL[:7], "notes": np.arange(999)},
    "three": {"train": COLOUR, "test": COLOUR[:6], "valid": COLOUR[:1]},
    "floats": {"train": UNIT.astype(np.float32), "test": UNIT[:3].astype(np.float32)},
    "halves": {"images": UNIT.astype(np.float16)},
    "doubles": {"images": UNIT, "labels": LABEL},
    "big-endian": {"images": UNIT.astype(">f4")},
}
IN_PLACE = ("images", "colour", "keras", "three", "floats")


@pytest.mark.parametrize("case", SETS)
def test_large_sets_equal_small_ones(tmp_path, cache, case):
    for compressed in (False, True):
        path = saved(tmp_path / "a.npz", compressed, **SETS[case])
        large = npz.npz_dataset(path, LIMIT)
        same(npz.npz_dataset(path), large)
        in_place = case in IN_PLACE and not compressed
        assert (large.train.image.path == path) == in_place
        assert bool(cached(cache)) != in_place
        assert sets.load(str(path), resident=LIMIT).sha256 == large.sha256


@pytest.mark.parametrize("image", [GREY, COLOUR, UNIT.astype(np.float32), UNIT])
def test_an_array_alone(tmp_path, image):
    np.save(tmp_path / "mine.npy", image)
    small, large = (npz.npz_dataset(tmp_path / "mine.npy", resident) for resident in (image.nbytes, image.nbytes - 1))
    same(small, large)
    assert (small.name, small.shape, small.classes) == ("mine", (*image.shape[1:], 1)[:3], ())
    assert (large.train.image.path == tmp_path / "mine.npy") == (image.dtype != np.float64)
    assert sets.load(str(tmp_path / "mine.npy")).sha256 == small.sha256


def test_stored_and_compressed_sets_are_one(tmp_path):
    paths = [saved(tmp_path / f"{n}.npz", bool(n), images=COLOUR, labels=LABEL) for n in range(2)]
    assert len({npz.npz_dataset(path, LIMIT).sha256 for path in paths}) == 1


def test_an_archive_behind_something_else(tmp_path):
    path = saved(tmp_path / "a.npz", images=GREY)
    small = npz.npz_dataset(path)
    path.write_bytes(b"PK\x03\x04, it says here" + path.read_bytes())
    same(small, npz.npz_dataset(path, LIMIT))


def test_what_was_unpacked_is_kept(tmp_path, cache):
    path = saved(tmp_path / "a.npz", True, images=GREY)
    first = npz.npz_dataset(path, LIMIT)
    (kept,) = (file for file in cached(cache) if file.suffix == ".u8")
    stamp = kept.stat().st_mtime_ns
    assert npz.npz_dataset(path, LIMIT).sha256 == first.sha256
    assert kept.stat().st_mtime_ns == stamp
    saved(path, True, images=255 - GREY)
    assert npz.npz_dataset(path, LIMIT).sha256 != first.sha256
    assert len(cached(cache)) == 4


@pytest.mark.parametrize("compressed", [False, True])
def test_memory_stays_bounded(tmp_path, monkeypatch, compressed):
    monkeypatch.setattr(rows, "BLOCK", 2**22)
    image = np.broadcast_to(RNG.integers(0, 256, (1000, 1, 50), np.uint8), (1000, 1000, 50))[
        : 250 if compressed else None
    ]
    path = saved(tmp_path / "a.npz", compressed, train=image, test=image[:3])
    tracemalloc.start()
    found = npz.npz_dataset(path, 2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows.size(found.train.image) >= image.nbytes * 0.8
    assert peak < 2**24 < image.nbytes * 1.4
