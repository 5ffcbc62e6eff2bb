"""Archives and files of arrays: every layout and type, in memory and beyond it."""

import tracemalloc

import numpy as np
import pytest
from archives import COLOUR, GREY, LABEL, LIMIT, RNG, UNIT, saved

from jaxgen.data import rows
from jaxgen.data.formats import npz
from jaxgen.data.images import sets


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """What was unpacked so far: a function to the list of files."""
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(rows, "BLOCK", 70)  # three images, or one
    return lambda: [file for file in (tmp_path / "cache").glob("**/*") if file.is_file()]


def pixels(*parts):
    """Images as a set, to compare splits whatever their order."""
    return {row.tobytes() for part in parts for row in part.reshape(len(part), -1)}


def same(small, large):
    """Both have the same splits, in memory and on disk."""
    assert small[:3] == large[:3]
    for one, other in zip(small[3:6], large[3:6]):
        assert (type(one.image), type(other.image)) == (np.ndarray, rows.Rows)
        assert one.image.dtype == other.image.dtype
        assert np.array_equal(one.image, rows.read(other.image, slice(None)))
        assert np.array_equal(one.label, other.label)


NUMBERED = {"x_train": GREY, "y_train": LABEL, "x_test": GREY[:7], "y_test": LABEL[:7], "notes": np.array("x")}
LAYOUTS = {  # arrays, shape, number of classes, sizes of the splits, whether an archive that is not compressed will do
    "grey": ({"images": GREY}, (4, 5, 1), 0, (16, 2, 2), True),
    "column of labels": ({"images": COLOUR, "labels": LABEL[:, None]}, (4, 5, 3), 3, (16, 2, 2), True),
    "keras": (NUMBERED, (4, 5, 1), 3, (18, 2, 7), True),
    "no labels": ({"x_train": GREY, "x_test": GREY[:7]}, (4, 5, 1), 0, (18, 2, 7), True),
    "two": ({"train": COLOUR, "test": COLOUR[:6]}, (4, 5, 3), 0, (18, 2, 6), True),
    "three": ({"train": COLOUR, "test": COLOUR[:6], "valid": COLOUR[:9]}, (4, 5, 3), 0, (20, 9, 6), True),
    "floats": ({"train": UNIT.astype("f4"), "test": UNIT[:3].astype("f4")}, (4, 5, 1), 0, (18, 2, 3), True),
    "halves": ({"images": UNIT.astype(np.float16)}, (4, 5, 1), 0, (16, 2, 2), False),
    "doubles": ({"images": UNIT, "labels": LABEL.astype("u1")}, (4, 5, 1), 3, (16, 2, 2), False),
    "big-endian": ({"images": UNIT.astype(">f4")}, (4, 5, 1), 0, (16, 2, 2), False),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_layouts_in_memory_and_beyond(tmp_path, cache, case):
    arrays, shape, classes, sizes, plain = LAYOUTS[case]
    given = next(iter(arrays.values()))
    for compressed in (False, True):
        path = saved(tmp_path / "mine.npz", compressed, **arrays)
        small, large = npz.npz_dataset(path), npz.npz_dataset(path, LIMIT)
        same(small, large)
        assert (small.name, small.shape, len(small.classes)) == ("mine", shape, classes)
        assert tuple(len(part.label) for part in small[3:6]) == sizes
        assert small.train.label.dtype == np.int32
        wanted = given if given.dtype == np.uint8 else given.astype(np.float32)
        assert small.train.image.dtype == wanted.dtype.newbyteorder("=")
        assert pixels(*(part.image for part in small[3:6])) == pixels(wanted)
        in_place = plain and not compressed
        assert (large.train.image.path == path) == in_place
        assert bool(cache()) != in_place
        assert sets.load(str(path), resident=LIMIT).sha256 == large.sha256
    for name in {"test", "x_test"} & arrays.keys():
        assert np.array_equal(small.test.image, arrays[name].reshape(sizes[2], -1))


def test_labels_stay_with_their_images(tmp_path):
    image = np.repeat(np.arange(90, dtype=np.uint8), 4).reshape(90, 2, 2)
    found = npz.npz_dataset(saved(tmp_path / "a.npz", images=image, labels=np.arange(90)))
    assert all(np.array_equal(part.image[:, 3], part.label) for part in found[3:6])
    assert found.classes[:3] == ("0", "1", "2")


def test_a_relative_path_is_looked_for_in_the_data_folder(tmp_path):
    (tmp_path / "deep").mkdir()
    saved(tmp_path / "deep/a.npz", images=GREY)
    assert sets.load("deep/a.npz", str(tmp_path)).shape == (4, 5, 1)
    assert sets.load(str(tmp_path / "deep/a.npz"), "elsewhere").shape == (4, 5, 1)


@pytest.mark.ci
def test_an_array_alone_and_an_archive_behind_something_else(tmp_path):
    path = tmp_path / "mine.npy"
    for image in (GREY, COLOUR, UNIT):
        np.save(path, image)
        small, large = (npz.npz_dataset(path, resident) for resident in (image.nbytes, image.nbytes - 1))
        same(small, large)
        assert (small.name, small.shape, small.classes) == ("mine", (*image.shape[1:], 1)[:3], ())
        assert (large.train.image.path == path) == (image.dtype == np.uint8)
    path = saved(tmp_path / "a.npz", images=GREY)
    small = npz.npz_dataset(path)
    path.write_bytes(b"PK\x03\x04, it says here" + path.read_bytes())
    same(small, npz.npz_dataset(path, LIMIT))


@pytest.mark.ci
def test_what_was_unpacked_is_kept(tmp_path, cache):
    path = saved(tmp_path / "a.npz", True, images=GREY)
    first, stamps = npz.npz_dataset(path, LIMIT), [file.stat().st_mtime_ns for file in cache()]
    assert npz.npz_dataset(path, LIMIT).sha256 == first.sha256
    assert [file.stat().st_mtime_ns for file in cache()] == stamps
    saved(path, True, images=255 - GREY)
    assert npz.npz_dataset(path, LIMIT).sha256 != first.sha256


@pytest.mark.ci
def test_memory_stays_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "BLOCK", 2**22)
    noise = np.broadcast_to(RNG.integers(0, 256, (1000, 1, 50), np.uint8), (1000, 1000, 50))
    for compressed, image in ((False, noise), (True, noise[:250])):
        path = saved(tmp_path / "a.npz", compressed, train=image, test=image[:3])
        tracemalloc.start()
        found = npz.npz_dataset(path, 2**20)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert rows.size(found.train.image) >= image.nbytes * 0.8
        assert peak < 2**24 < image.nbytes * 1.4
