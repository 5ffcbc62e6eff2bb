"""Sets prepared for TFDS without TensorFlow, from small stand-ins for their original files."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from prepared import noise, pairs
from refusals import refused

from jaxgen.data.images import originals, prepare, sets, tfds_sets

pytestmark = pytest.mark.ci
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


SETS = {"mnist": 10, "fashion_mnist": 10, "kmnist": 10, "cifar10": 10}
SETS |= {f"emnist:{config}": len(names) for config, names in originals.EMNIST_CLASSES.items()}


def test_what_is_prepared_is_what_was_distributed(tmp_path, monkeypatch, capfd):
    """And TFDS itself reads it. Nothing is left elsewhere."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    for name, classes in SETS.items():
        version = {"cifar10": "3.0.2"}.get(name, "3.1.0" if ":" in name else "3.0.1")
        shape, first = ((32, 32, 3), 0) if name == "cifar10" else ((28, 28, 1), int(name == "emnist:letters"))
        parts = distributed(monkeypatch, *shape, classes=classes, first=first)
        found = sets.load(f"tfds:{name}", str(tmp_path))
        assert (found.name, found.shape) == (f"tfds:{name}", shape)
        assert pairs(found.test) == expected(parts["test"])
        assert pairs(found.train) | pairs(found.valid) == expected(parts["train"])
        folder = tmp_path / "tfds" / name.replace(":", "/") / version
        assert folder.is_dir()
        assert capfd.readouterr() == ("", f"preparing {name.replace(':', '_')} in {folder}, once\n")
        assert sets.load(f"tfds:{name}", str(tmp_path)).sha256 == found.sha256
        assert capfd.readouterr() == ("", "")
        if name in ("mnist", "emnist:letters", "cifar10"):
            source = tfds.data_source(name.replace(":", "/"), data_dir=tmp_path / "tfds", download=False)
            for split, part in parts.items():
                assert {(each["image"].tobytes(), each["label"]) for each in source[split]} == expected(part)
        if name == "cifar10":
            assert {each["id"].decode() for each in source["test"]} == {f"test_{n:05}" for n in range(COUNTS["test"])}
            assert found.classes[6] == "frog"
    assert not list((tmp_path / "tfds").glob(".*"))
    assert not (tmp_path / "own").exists()
    assert not list((tmp_path / "temporary").iterdir())
    assert tfds.builder_cls("mnist").__module__.startswith("tensorflow_datasets.")  # still TFDS's own


def test_a_failure_leaves_nothing_and_what_another_process_made_stays(tmp_path, monkeypatch):
    for shape, first, says in [
        ((28, 27, 1), 0, r"mnist: expected train images of \(28, 28, 1\), found \(28, 27, 1\)"),
        ((28, 28, 1), 1, "mnist: expected train labels from 0 to 9, found 1 to 10"),
    ]:
        distributed(monkeypatch, *shape, first=first)  # another set
        refused(says, prepare.prepare_set, "mnist", "", "", tmp_path)
        assert not list(tmp_path.iterdir())
    distributed(monkeypatch, 28, 28, 1)
    with monkeypatch.context() as patch:
        full = OSError(28, "No space left on device")
        patch.setattr(tfds.core.DatasetInfo, "write_to_directory", lambda *_, **__: (_ for _ in ()).throw(full))
        refused(f"cannot write {tmp_path}: No space left on device", prepare.prepare_set, "mnist", "", "", tmp_path)
        assert not list(tmp_path.iterdir())
    first = prepare.prepare_set("mnist", "", "", tmp_path)
    (first / "mark").write_text("")
    assert prepare.prepare_set("mnist", "", "", tmp_path) == first
    assert (first / "mark").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["mnist"]


UNPREPARABLE = {
    "minst": r"and TFDS knows no 'minst' \(did you mean 'mnist'\?\)",
    "no_such_set_at_all": "and TFDS knows no 'no_such_set_at_all'$",
    "mnist:3.0.1": "mnist has no configurations",
    "emnist": "choose one of tfds:emnist:byclass, .*, tfds:emnist:mnist$",
    "emnist:letter": "choose one of tfds:emnist:letters",
    "wikipedia": r"choose one of tfds:wikipedia:.*, \.\.\.$",
    "svhn_cropped": "run `pip install tensorflow` and `tfds build svhn_cropped --file_format=array_record --data_dir",
    "imagenet_resized:8x8": "`tfds build imagenet_resized/8x8 --file_format",
}


def test_what_cannot_be_prepared_is_refused_with_what_to_do(tmp_path):
    for spec, says in UNPREPARABLE.items():
        said = refused(says, sets.load, f"tfds:{spec}", str(tmp_path))
        assert said.startswith(f"tfds:{spec} is not prepared in {tmp_path}/tfds/")
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
