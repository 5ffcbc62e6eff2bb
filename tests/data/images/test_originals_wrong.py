"""Files of named sets that are damaged, missing or others; folders that cannot be."""

import gzip

import numpy as np
import pytest
from made import cifar_archive, cifar_batches, idx_bytes, idx_set

from jaxgen.core.types import Refused
from jaxgen.data import download
from jaxgen.data.images import cifar, originals, sets

pytestmark = pytest.mark.ci


@pytest.fixture(autouse=True)
def _a_cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))


def wrong(tmp_path):
    """What is wrong with a set -> (name, what is said)."""
    mnist, packed = tmp_path / "mnist", cifar_batches()
    idx_set(mnist)
    yield None, "mnist", ""
    (mnist / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.zeros(39, np.uint8))))
    yield "counts", "mnist", "holds 40 images, "
    idx_set(mnist)
    (mnist / "t10k-labels-idx1-ubyte.gz").unlink()
    yield "a file is missing", "mnist", "cannot be reached; put t10k-labels-idx1-ubyte.gz there"
    idx_set(mnist)
    (mnist / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.full(40, 11, np.uint8))))
    yield "classes", "mnist", "expected 10 classes, found the numbers 11 to 11"
    place = tmp_path / "cifar10" / cifar.ARCHIVE
    place.parent.mkdir()
    cifar_archive(place, {k: v for k, v in packed.items() if k != "data_batch_3.bin"})
    yield "a batch is missing", "cifar10", "lacks data_batch_3.bin"
    cifar_archive(place, {**packed, "test_batch.bin": packed["test_batch.bin"][:-5]})
    yield "a batch is cut", "cifar10", "expected a multiple of 3,073 bytes, found 61,455"
    cifar_archive(place, {**packed, "test_batch.bin": b"\x0b" * cifar.RECORD})
    yield "a label is none", "cifar10", "expected class numbers from 0 to 9, found 11"
    cifar_archive(place, packed)
    place.write_bytes(place.read_bytes()[:-2000])
    yield "the archive is cut", "cifar10", "is damaged"
    place.write_bytes(b"not an archive")
    yield "no archive", "cifar10", "is damaged"
    (tmp_path / "emnist").mkdir()
    (tmp_path / "emnist/gzip.zip").write_bytes(b"no zip")
    yield "no zip", "emnist_letters", "is no zip archive"


def test_impossible_folders_are_refused(monkeypatch):
    monkeypatch.setattr(download, "reachable", lambda *_: False)
    for name in ("mnist", "emnist_letters", "olivetti", "frogs", "tfds:mnist"):
        for data_dir in ("~nosuchuser/x", "x" * 300, "a\0b"):
            with pytest.raises(Refused):
                sets.load(name, data_dir)


def test_labels_of_other_people(tmp_path):
    (tmp_path / "olivetti").mkdir()
    for labels in (np.arange(400) / 10, np.arange(400) // 10 - 1, np.full(400, 10**11)):
        np.savez(tmp_path / "olivetti/olivetti.npz", images=np.zeros((400, 64, 64), np.uint8), labels=labels)
        with pytest.raises(Refused, match="expected 10 labels of each of 40 people"):
            sets.load("olivetti", str(tmp_path))


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
    assert sets.load("mnist", str(tmp_path / "here")).sha256 == wanted
    assert len(asked) == 1


def test_wrong_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "reachable", lambda *_: False)
    for what, name, fragment in wrong(tmp_path):
        if what is None:
            sets.load(name, str(tmp_path))
            continue
        with pytest.raises(Refused) as refusal:
            sets.load(name, str(tmp_path))
        assert fragment in str(refusal.value), what
        assert "\n" not in str(refusal.value)
