import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from prepared import noise, pairs

from jaxgen.core.types import Refused
from jaxgen.data.images import originals, prepare, sets, tfds_sets

DATA = os.environ.get("JAXGEN_DATA", "")
COUNTS = {"train": 30, "test": 7}


@pytest.fixture(autouse=True)
def _nowhere_else(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))


def distributed(monkeypatch, *shape, classes=10, first=0):
    """Puts a small set in the place of each that is distributed."""
    parts = {
        split: (noise(count, *shape), (first + np.arange(count) % classes).astype(np.int32))
        for split, count in COUNTS.items()
    }
    monkeypatch.setattr(originals, "original_arrays", lambda name, data_dir="": parts)
    return parts


def expected(*parts):
    return {(image.tobytes(), int(label)) for part in parts for image, label in zip(*part)}


@pytest.mark.parametrize(
    ("name", "shape", "classes", "version"),
    [
        ("mnist", (28, 28, 1), 10, "3.0.1"),
        ("fashion_mnist", (28, 28, 1), 10, "3.0.1"),
        ("kmnist", (28, 28, 1), 10, "3.0.1"),
        ("cifar10", (32, 32, 3), 10, "3.0.2"),
        *((f"emnist:{config}", (28, 28, 1), len(names), "3.1.0") for config, names in originals.EMNIST_CLASSES.items()),
    ],
)
def test_what_is_prepared_is_what_was_distributed(tmp_path, monkeypatch, capfd, name, shape, classes, version):
    parts = distributed(monkeypatch, *shape, classes=classes, first=int(name == "emnist:letters"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    found = sets.load(f"tfds:{name}", str(tmp_path))
    assert (found.name, found.shape) == (f"tfds:{name}", shape)
    assert pairs(found.test) == expected(parts["test"])
    assert pairs(found.train) | pairs(found.valid) == expected(parts["train"])
    folder = tmp_path / "tfds" / name.replace(":", "/") / version
    assert folder.is_dir()
    out, err = capfd.readouterr()
    assert out == ""
    assert err == f"preparing {name.replace(':', '_')} in {folder}, once\n"
    assert not list((tmp_path / "tfds").glob(".*"))
    assert not (tmp_path / "own").exists()
    assert not list((tmp_path / "temporary").iterdir())
    assert sets.load(f"tfds:{name}", str(tmp_path)).sha256 == found.sha256
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["mnist", "emnist/letters", "cifar10"])
def test_tfds_reads_what_is_prepared(tmp_path, monkeypatch, name):
    parts = distributed(monkeypatch, *((32, 32, 3) if name == "cifar10" else (28, 28, 1)))
    folder = prepare.prepare_set(*(*name.split("/"), "")[:2], "", tmp_path)
    assert folder.parent == tmp_path / name
    source = tfds.data_source(name, data_dir=tmp_path, download=False)
    for split, part in parts.items():
        assert {(each["image"].tobytes(), each["label"]) for each in source[split]} == expected(part)
    if name == "cifar10":
        assert {each["id"].decode() for each in source["test"]} == {f"test_{n:05}" for n in range(COUNTS["test"])}
        assert tfds_sets.tfds_dataset(name, str(tmp_path)).classes[6] == "frog"
    assert tfds.builder_cls("mnist").__module__.startswith("tensorflow_datasets.")  # still TFDS's own


def test_without_a_data_folder_it_is_prepared_where_tfds_keeps_its_sets(tmp_path, monkeypatch):
    distributed(monkeypatch, 28, 28, 1)
    assert sets.load("tfds:mnist").classes == tuple("0123456789")
    assert (tmp_path / "own/mnist/3.0.1/dataset_info.json").exists()


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    distributed(monkeypatch, 28, 28, 1)

    def fail(self, *arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tfds.core.DatasetInfo, "write_to_directory", fail)
    with pytest.raises(Refused, match=f"cannot write {tmp_path}/tfds: No space left on device"):
        sets.load("tfds:mnist", str(tmp_path))
    assert not list((tmp_path / "tfds").iterdir())


def test_where_another_process_was_faster_its_result_stays(tmp_path, monkeypatch):
    distributed(monkeypatch, 28, 28, 1)
    first = prepare.prepare_set("mnist", "", "", tmp_path)
    (first / "mark").write_text("")
    assert prepare.prepare_set("mnist", "", "", tmp_path) == first
    assert (first / "mark").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["mnist"]


@pytest.mark.parametrize(
    ("shape", "first", "says"),
    [
        ((28, 27, 1), 0, r"mnist: expected train images of \(28, 28, 1\), found \(28, 27, 1\)"),
        ((28, 28, 1), 1, "mnist: expected train labels from 0 to 9, found 1 to 10"),
    ],
)
def test_files_of_another_set_are_refused(tmp_path, monkeypatch, shape, first, says):
    distributed(monkeypatch, *shape, first=first)
    with pytest.raises(Refused, match=says):
        prepare.prepare_set("mnist", "", "", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("minst", r"and TFDS knows no 'minst' \(did you mean 'mnist'\?\)"),
        ("MNIST", r"\(did you mean 'mnist'\?\)"),
        ("no_such_set_at_all", "and TFDS knows no 'no_such_set_at_all'$"),
        ("mnist:3.0.1", "mnist has no configurations"),
        ("emnist", "choose one of tfds:emnist:byclass, .*, tfds:emnist:mnist$"),
        ("emnist:letter", "choose one of tfds:emnist:letters"),
        ("wikipedia", r"choose one of tfds:wikipedia:.*, \.\.\.$"),
        (
            "svhn_cropped",
            "run `pip install tensorflow` and `tfds build svhn_cropped --file_format=array_record --data_dir",
        ),
        ("imagenet_resized:8x8", "`tfds build imagenet_resized/8x8 --file_format"),
    ],
)
def test_what_cannot_be_prepared_is_refused_with_what_to_do(tmp_path, spec, says):
    with pytest.raises(Refused, match=says) as caught:
        sets.load(f"tfds:{spec}", str(tmp_path))
    assert str(caught.value).startswith(f"tfds:{spec} is not prepared in {tmp_path}/tfds/")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


PROGRAM = """
import sys
from jaxgen.data.images import sets
found = sets.load("tfds:mnist", sys.argv[1])
print(len(found.test.label), [name for name in sys.modules if name.split(".")[0] == "tensorflow"])
"""


@pytest.mark.slow
@pytest.mark.needs_data
@pytest.mark.skipif(not DATA, reason="JAXGEN_DATA is not set")
def test_mnist_prepared_from_its_files_without_tensorflow_is_mnist(tmp_path):
    (tmp_path / "mnist").symlink_to(os.path.join(DATA, "mnist"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "10000 []\n"
    ours, theirs = (tfds_sets.tfds_dataset("mnist", str(folder)) for folder in (tmp_path, DATA))
    files = sets.load("mnist", DATA)
    for found in (ours, theirs):
        assert pairs(found.test) == pairs(files.test)
        assert pairs(found.train) | pairs(found.valid) == pairs(files.train) | pairs(files.valid)
