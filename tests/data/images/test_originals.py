"""Named sets from the files they are distributed as: made here, damaged, and real ones where there are some."""

import gzip
import os
import time
import zipfile

import numpy as np
import pytest
from made import cifar_archive, cifar_batches, idx_bytes, idx_set
from refusals import plainly, refused
from scipy.io import savemat

from jaxgen.core.types import Refused
from jaxgen.data import download
from jaxgen.data.images import cifar, olivetti, originals, sets

REAL = os.environ.get("JAXGEN_DATA", "")


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "reachable", lambda *_: False)


def sizes(found):
    return [len(part.label) for part in found[3:6]]


def rows(*parts):
    """Sorted (label, bytes) of every image."""
    return sorted((int(n), row.tobytes()) for image, label in parts for row, n in zip(image, label))


def test_idx_sets(tmp_path):
    for name, folder in (("mnist", "mnist"), ("fashion_mnist", "FashionMNIST/raw"), ("kmnist", "KMNIST/raw")):
        train, train_label, test, test_label = idx_set(tmp_path / name / folder)
        found = sets.load(name, str(tmp_path / name))
        assert (found.name, found.shape, len(found.classes), sizes(found)) == (name, (28, 28, 1), 10, [36, 4, 20])
        assert np.array_equal(found.test.image, test.reshape(20, -1))
        assert np.array_equal(found.test.label, test_label)
        assert rows(found.train, found.valid) == rows((train, train_label))


def test_emnist_letters_are_upright_and_count_from_zero(tmp_path):
    stems = [f"emnist-letters-{part}-ubyte" for part in ("train-images-idx3", "train-labels-idx1")]
    stems += [stem.replace("train", "test") for stem in stems]
    arrays = idx_set(tmp_path / "emnist", train=52, test=26, classes=26, stems=stems, first=1)
    found = sets.load("emnist_letters", str(tmp_path))
    assert found.classes == tuple("abcdefghijklmnopqrstuvwxyz")
    assert np.array_equal(found.test.image.reshape(-1, 28, 28), arrays[2].swapaxes(1, 2))
    assert np.array_equal(found.test.label, arrays[3] - 1)
    with zipfile.ZipFile(tmp_path / "emnist/gzip.zip", "w") as archive:
        for stem in stems:
            path = tmp_path / "emnist" / f"{stem}.gz"
            archive.write(path, f"gzip/{path.name}")
            path.unlink()
    assert sets.load("emnist_letters", str(tmp_path)).sha256 == found.sha256
    (tmp_path / "emnist/gzip.zip").write_bytes(b"no zip")
    refused("is no zip archive", sets.load, "emnist_letters", str(tmp_path))


@pytest.mark.ci
def test_cifar10_and_its_frogs(tmp_path):
    batches, place = cifar_batches(), tmp_path / "b" / "cifar10" / cifar.ARCHIVE
    (tmp_path / "a" / cifar.FOLDER).mkdir(parents=True)
    for name, data in batches.items():
        (tmp_path / "a" / cifar.FOLDER / name).write_bytes(data)
    place.parent.mkdir(parents=True)
    cifar_archive(place, batches)
    image, label = originals.original_arrays("cifar10", str(tmp_path / "a"))["train"]
    assert image.shape == (100, 32, 32, 3)
    assert (image[0] == np.array([1, 2, 3])).all()
    assert np.array_equal(label, np.tile(np.arange(20) % 10, 5))
    found = sets.load("cifar10", str(tmp_path / "a"))
    assert (found.shape, found.classes[6], sizes(found)[2]) == ((32, 32, 3), "frog", 20)
    assert sets.load("cifar10", str(tmp_path / "b")).sha256 == found.sha256
    frogs = sets.load("frogs", str(tmp_path / "a"))
    assert sizes(frogs) == [9, 1, 2]
    frog = image[label == 6].reshape(10, -1)
    assert rows(frogs.train, frogs.valid) == rows((frog, np.zeros(10)))
    for harmed, says in [
        ({k: v for k, v in batches.items() if k != "data_batch_3.bin"}, "lacks data_batch_3.bin"),
        (batches | {"test_batch.bin": batches["test_batch.bin"][:-5]}, "a multiple of 3,073 bytes, found 61,455"),
        (batches | {"test_batch.bin": b"\x0b" * cifar.RECORD}, "expected class numbers from 0 to 9, found 11"),
    ]:
        cifar_archive(place, harmed)
        refused(says, sets.load, "cifar10", str(tmp_path / "b"))
    for data in (place.read_bytes()[:-2000], b"not an archive"):
        place.write_bytes(data)
        refused("is damaged", sets.load, "cifar10", str(tmp_path / "b"))


@pytest.mark.ci
def test_olivetti_in_both_formats(tmp_path):
    image, label = np.random.default_rng(0).integers(0, 256, (400, 64, 64), np.uint8), np.arange(400) // 10
    (tmp_path / "a/olivetti").mkdir(parents=True)
    np.savez(tmp_path / "a/olivetti/olivetti.npz", images=image, labels=label)
    found = sets.load("olivetti", str(tmp_path / "a"))
    assert found.shape == (64, 64, 1)
    for part, each in zip(found[3:6], (8, 1, 1)):
        assert np.bincount(part.label).tolist() == [each] * 40
    (tmp_path / "b").mkdir()
    savemat(tmp_path / "b" / olivetti.MATLAB, {"faces": image.swapaxes(1, 2).reshape(400, -1).T})
    assert sets.load("olivetti", str(tmp_path / "b")).sha256 == found.sha256
    glasses = sets.load("olivetti_glasses", str(tmp_path / "b"))
    parts = [
        {int(np.flatnonzero((image.reshape(400, -1) == row).all(1))[0]) // 10 for row in part.image}
        for part in glasses[3:6]
    ]
    assert [len(part) for part in parts] == [28, 4, 8]
    assert len(set.union(*parts)) == 40  # people of the splits are apart
    assert sum(int(part.label.sum()) for part in glasses[3:6]) == 119
    assert glasses.classes[1] == "with glasses"
    assert all(0 < part.label.mean() < 1 for part in glasses[3:6])
    (tmp_path / "b" / olivetti.MATLAB).write_bytes(b"nothing")
    refused(r"olivettifaces\.mat cannot be read", sets.load, "olivetti", str(tmp_path / "b"))
    for labels in (np.arange(400) / 10, label - 1, np.full(400, 10**11)):
        np.savez(tmp_path / "a/olivetti/olivetti.npz", images=image, labels=labels)
        refused("expected 10 labels of each of 40 people", sets.load, "olivetti", str(tmp_path / "a"))


@pytest.mark.ci
def test_wrong_or_missing_files_are_refused(tmp_path):
    def labels(*numbers):
        return gzip.compress(idx_bytes(np.repeat(*map(np.uint8, numbers))))

    for file, content, says in [
        ("train-labels", labels(0, 39), "holds 40 images, "),
        ("train-labels", labels(11, 40), "expected 10 classes, found the numbers 11 to 11"),
        ("t10k-labels", None, "cannot be reached; put t10k-labels-idx1-ubyte.gz there"),
    ]:
        idx_set(tmp_path / "mnist")
        path = tmp_path / "mnist" / f"{file}-idx1-ubyte.gz"
        path.write_bytes(content) if content else path.unlink()
        refused(says, sets.load, "mnist", str(tmp_path))
    for name in ("mnist", "emnist_letters", "olivetti", "frogs", "tfds:mnist"):
        for data_dir in ("~nosuchuser/x", "x" * 300, "a\0b"):
            with pytest.raises(Refused):
                sets.load(name, data_dir)


@pytest.mark.ci
def test_what_a_broken_download_left_is_completed(tmp_path, monkeypatch):
    """And a complete set elsewhere is taken before anything is fetched."""
    folder, asked = tmp_path / "here/mnist", []
    idx_set(folder)
    wanted = sets.load("mnist", str(tmp_path / "here")).sha256
    lost = {path: path.read_bytes() for path in (folder / f"{stem}.gz" for stem in originals.IDX_STEMS[2:])}
    for path in lost:
        path.unlink()

    def fetch(name, sources, into):
        asked.append((name, sorted(sources), into))
        for path, data in lost.items():
            path.write_bytes(data)

    monkeypatch.setattr(download, "fetch", fetch)
    assert sets.load("mnist", str(tmp_path / "here")).sha256 == wanted
    assert asked == [("mnist", sorted(originals.IDX_FILES), folder)]
    next(iter(lost)).unlink()
    idx_set(tmp_path / "cache/data/mnist")
    assert sets.load("mnist", str(tmp_path / "here")).sha256 == sets.load("mnist").sha256 == wanted
    assert len(asked) == 1


@pytest.mark.slow
@pytest.mark.needs_data
@pytest.mark.skipif(not REAL, reason="JAXGEN_DATA is not set")
def test_real_mnist_in_a_second_and_real_faces_and_frogs():
    sets.load("mnist", REAL)  # the file system's cache is warm, as numpy's imports are
    start = time.perf_counter()
    found = sets.load("mnist", REAL)
    assert time.perf_counter() - start < 1.0
    assert sizes(found) == [55_000, 5_000, 10_000]
    assert np.bincount(found.test.label).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    mean = (int(found.train.image.sum()) + int(found.valid.image.sum())) / (60_000 * 784 * 255)
    assert mean == pytest.approx(0.1307, abs=1e-4)
    assert sizes(sets.load("olivetti", REAL)) == [320, 40, 40]
    assert sizes(sets.load("olivetti_glasses", REAL)) == [280, 40, 80]
    assert sizes(sets.load("frogs", REAL)) == [4500, 500, 1000]


@pytest.mark.ci
def test_an_archive_of_a_later_version_of_zip(tmp_path):
    """Of which zipfile says that it is not implemented."""
    (tmp_path / "emnist").mkdir()
    path = tmp_path / "emnist" / originals.EMNIST_ZIP
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "b")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 255
    path.write_bytes(content)
    plainly("is no zip archive, or damaged: zip file version 25.5", path, sets.load, "emnist_digits", str(tmp_path))
