"""Named sets from the files they are distributed as, small ones made here; real ones where there are some."""

import os
import time
import zipfile

import numpy as np
import pytest
from made import cifar_archive, cifar_batches, idx_set
from scipy.io import savemat

from jaxgen.core.types import Refused
from jaxgen.data.images import cifar, olivetti, originals, sets

REAL = os.environ.get("JAXGEN_DATA", "")


@pytest.fixture(autouse=True)
def _a_cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))


def rows(examples):
    """Sorted (label, bytes) of every image."""
    return sorted((int(n), row.tobytes()) for row, n in zip(examples.image, examples.label))


def test_idx_sets(tmp_path):
    for name, folder in (("mnist", "mnist"), ("fashion_mnist", "FashionMNIST/raw"), ("kmnist", "KMNIST/raw")):
        train, train_label, test, test_label = idx_set(tmp_path / name / folder)
        found = sets.load(name, str(tmp_path / name))
        assert (found.name, found.shape, len(found.classes)) == (name, (28, 28, 1), 10)
        assert (len(found.train.label), len(found.valid.label), len(found.test.label)) == (36, 4, 20)
        assert np.array_equal(found.test.image, test.reshape(20, -1))
        assert np.array_equal(found.test.label, test_label)
        everything = sorted(rows(found.train) + rows(found.valid))
        assert everything == sorted((int(n), image.tobytes()) for image, n in zip(train, train_label))
        assert sets.load(name, str(tmp_path / name)).sha256 == found.sha256


@pytest.mark.ci
def test_the_cache_folder_is_looked_in_as_well(tmp_path):
    idx_set(tmp_path / "cache/data/mnist")
    assert sets.load("mnist").sha256 == sets.load("mnist", str(tmp_path)).sha256


@pytest.mark.ci
@pytest.mark.parametrize("packed", [False, True])
def test_emnist_letters_are_upright_and_count_from_zero(packed, tmp_path):
    stems = [
        f"emnist-letters-{part}-{kind}-ubyte" for part in ("train", "test") for kind in ("images-idx3", "labels-idx1")
    ]
    arrays = idx_set(tmp_path / "emnist", train=52, test=26, classes=26, stems=stems, first=1)
    if packed:
        with zipfile.ZipFile(tmp_path / "emnist/gzip.zip", "w") as archive:
            for stem in stems:
                path = tmp_path / "emnist" / f"{stem}.gz"
                archive.write(path, f"gzip/{path.name}")
                path.unlink()
    found = sets.load("emnist_letters", str(tmp_path))
    assert found.classes == tuple("abcdefghijklmnopqrstuvwxyz")
    assert np.array_equal(found.test.image.reshape(-1, 28, 28), arrays[2].swapaxes(1, 2))
    assert np.array_equal(found.test.label, arrays[3] - 1)


@pytest.mark.ci
@pytest.mark.parametrize("packed", [False, True])
def test_cifar10_and_its_frogs(packed, tmp_path):
    batches = cifar_batches()
    if packed:
        (tmp_path / "cifar10").mkdir()
        cifar_archive(tmp_path / "cifar10" / cifar.ARCHIVE, batches)
    else:
        (tmp_path / cifar.FOLDER).mkdir()
        for name, data in batches.items():
            (tmp_path / cifar.FOLDER / name).write_bytes(data)
    parts = originals.original_arrays("cifar10", str(tmp_path))
    image, label = parts["train"]
    assert (image.shape, parts["test"][0].shape) == ((100, 32, 32, 3), (20, 32, 32, 3))
    assert (image[0] == np.array([1, 2, 3])).all()
    assert np.array_equal(label, np.tile(np.arange(20) % 10, 5))
    found = sets.load("cifar10", str(tmp_path))
    assert (found.shape, found.classes[6], len(found.test.label)) == ((32, 32, 3), "frog", 20)
    frogs = sets.load("frogs", str(tmp_path))
    assert (len(frogs.train.label), len(frogs.valid.label), len(frogs.test.label)) == (9, 1, 2)
    wanted = sorted((0, row.tobytes()) for row in image[label == 6].reshape(10, -1))
    assert sorted(rows(frogs.train) + rows(frogs.valid)) == wanted


@pytest.mark.ci
def test_olivetti_in_both_formats(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (400, 64, 64), np.uint8)
    (tmp_path / "a/olivetti").mkdir(parents=True)
    np.savez(tmp_path / "a/olivetti/olivetti.npz", images=image, labels=np.arange(400) // 10)
    found = sets.load("olivetti", str(tmp_path / "a"))
    assert (found.shape, [len(part.label) for part in found[3:6]]) == ((64, 64, 1), [320, 40, 40])
    for part, each in zip(found[3:6], (8, 1, 1)):
        assert np.bincount(part.label).tolist() == [each] * 40
    (tmp_path / "b").mkdir()
    savemat(tmp_path / "b" / olivetti.MATLAB, {"faces": image.swapaxes(1, 2).reshape(400, -1).T})
    assert sets.load("olivetti", str(tmp_path / "b")).sha256 == found.sha256
    (tmp_path / "b" / olivetti.MATLAB).write_bytes(b"nothing")
    with pytest.raises(Refused, match=r"olivettifaces\.mat cannot be read"):
        sets.load("olivetti", str(tmp_path / "b"))


@pytest.mark.slow
@pytest.mark.needs_data
@pytest.mark.skipif(not REAL, reason="JAXGEN_DATA is not set")
def test_real_mnist_in_a_second():
    sets.load("mnist", REAL)  # the file system's cache is warm, as numpy's imports are
    start = time.perf_counter()
    found = sets.load("mnist", REAL)
    seconds = time.perf_counter() - start
    assert [len(part.label) for part in found[3:6]] == [55_000, 5_000, 10_000]
    assert np.bincount(found.test.label).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    mean = (int(found.train.image.sum()) + int(found.valid.image.sum())) / (60_000 * 784 * 255)
    assert mean == pytest.approx(0.1307, abs=1e-4)
    assert seconds < 1.0


@pytest.mark.slow
@pytest.mark.needs_data
@pytest.mark.skipif(not REAL, reason="JAXGEN_DATA is not set")
@pytest.mark.parametrize(("name", "sizes"), [("olivetti", [320, 40, 40]), ("frogs", [4500, 500, 1000])])
def test_real_faces_and_frogs(name, sizes):
    assert [len(part.label) for part in sets.load(name, REAL)[3:6]] == sizes
