import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from prepared import encoded, features, labelled, noise, pairs, prepare

from jaxgen.core.types import Refused
from jaxgen.data import rows
from jaxgen.data.formats import tfds_folders, tfds_records
from jaxgen.data.images import sets, tfds_sets

DATA = os.environ.get("JAXGEN_DATA", "")
LABEL = np.arange(30) % 2


@pytest.fixture(autouse=True)
def _nowhere_else(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))


def refused(says, *arguments, **options):
    with pytest.raises(Refused, match=says) as caught:
        tfds_sets.tfds_dataset(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def expected(image, label):
    return {(bytes(row), int(number)) for row, number in zip(image.reshape(len(image), -1), label)}


def test_images_and_labels_are_read_as_they_were_written(tmp_path):
    image, test = noise(30, 6, 5, 3), noise(4, 6, 5, 3)
    splits = {"train": labelled(image, LABEL), "test": labelled(test, [1, 0, 1, 1])}
    prepare(tmp_path / "tfds", splits, features((6, 5, 3)))
    found = sets.load("tfds:toys", str(tmp_path))
    assert (found.name, found.shape, found.classes) == ("tfds:toys", (6, 5, 3), ("cat", "dog"))
    assert found.train.image.dtype == np.uint8
    assert found.train.label.dtype == np.int32
    assert pairs(found.train) | pairs(found.valid) == expected(image, LABEL)
    assert pairs(found.test) == expected(test, [1, 0, 1, 1])
    assert tfds_sets.tfds_dataset("toys", str(tmp_path)).sha256 == found.sha256


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [
        ({"train": 30}, (24, 3, 3)),
        ({"train": 30, "test": 5}, (27, 3, 5)),
        ({"train": 30, "validation": 4}, (27, 3, 4)),
        ({"train": 30, "validation": 4, "test": 5, "extra": 2}, (30, 4, 5)),
    ],
)
def test_missing_splits_are_cut_out_of_train(tmp_path, sizes, wanted):
    every = {name: noise(count, 6, 5, 1) for name, count in sizes.items()}
    prepare(tmp_path, {name: labelled(image, LABEL) for name, image in every.items()}, features())
    found = tfds_sets.tfds_dataset("toys", str(tmp_path))
    assert tuple(len(part.label) for part in found[3:6]) == wanted
    if "test" in every:
        assert pairs(found.test) == expected(every["test"], LABEL)
    elif "validation" in every:
        assert pairs(found.test) == expected(every["validation"], LABEL)
    if {"test", "validation"} <= every.keys():
        assert pairs(found.valid) == expected(every["validation"], LABEL)


def test_a_set_without_train_is_refused(tmp_path):
    prepare(tmp_path, {"test": labelled(noise(3, 6, 5, 1), LABEL)}, features())
    refused("no images in a split `train`; found test", "toys", str(tmp_path))


def unlabelled(image):
    return {"train": [{"image": each} for each in image]}


@pytest.mark.parametrize("case", ["no label", "text", "unknown", "numbers"])
def test_without_class_numbers_there_are_no_classes(tmp_path, case):
    image = noise(30, 6, 5, 1)
    label = {"text": tfds.features.Text(), "numbers": tfds.features.Scalar(np.float32)}.get(case)
    known = features()
    if case == "no label":
        known.pop("label")
    elif label is not None:
        known["label"] = label
    values = {"text": ["a"] * 30, "unknown": [*LABEL[:-1], -1], "numbers": [0.5] * 30}.get(case)
    splits = unlabelled(map(encoded, image))
    if values is not None:
        splits = {"train": [example | {"label": value} for example, value in zip(splits["train"], values)]}
    prepare(tmp_path, splits, known)
    found = tfds_sets.tfds_dataset("toys", str(tmp_path))
    assert found.classes == ()
    assert not np.concatenate([part.label for part in found[3:6]]).any()
    assert set().union(*map(pairs, found[3:6])) == expected(image, 0 * LABEL)


def test_classes_without_names_are_called_by_their_numbers(tmp_path):
    known = features() | {"label": tfds.features.ClassLabel(num_classes=3)}
    prepare(tmp_path, {"train": labelled(noise(30, 6, 5, 1), LABEL)}, known)
    assert tfds_sets.tfds_dataset("toys", str(tmp_path)).classes == ("0", "1", "2")


def test_one_prepared_configuration_is_taken_and_of_several_one_is_to_be_named(tmp_path):
    image = noise(30, 6, 5, 1)
    splits = {"train": labelled(image, LABEL)}
    prepare(tmp_path, splits, features(), config="large")
    assert (
        tfds_sets.tfds_dataset("toys", str(tmp_path)).sha256
        == tfds_sets.tfds_dataset("toys:large", str(tmp_path)).sha256
    )
    prepare(tmp_path, {"train": labelled(255 - image, LABEL)}, features(), config="small")
    assert str(tmp_path / "toys") in refused("choose one of tfds:toys:large, tfds:toys:small", "toys", str(tmp_path))
    small = tfds_sets.tfds_dataset("toys:small", str(tmp_path))
    assert small.name == "tfds:toys:small"
    assert set().union(*map(pairs, small[3:6])) == expected(255 - image, LABEL)
    refused("tfds:toys:tiny is not prepared in", "toys:tiny", str(tmp_path))


def test_the_newest_version_in_the_first_folder_is_taken(tmp_path, monkeypatch):
    for version in (
        "tfds/toys/1.9.0",
        "tfds/toys/1.10.0",
        "toys/2.0.0",
        "own/toys/3.0.0",
        "tfds/toys/incomplete.4.0.0",
    ):
        (tmp_path / version).mkdir(parents=True)

    def found():
        return tfds_folders.prepared_folder("toys", "", tfds_folders.roots(str(tmp_path)))

    assert found() == tmp_path / "tfds/toys/1.10.0"
    for version in ("1.9.0", "1.10.0"):
        (tmp_path / "tfds/toys" / version).rmdir()
    assert found() == tmp_path / "toys/2.0.0"
    (tmp_path / "toys/2.0.0").rmdir()
    assert found() == tmp_path / "own/toys/3.0.0"
    assert tfds_folders.roots("") == (tmp_path / "own",)
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert tfds_folders.roots("")[0].parts[-1] == "tensorflow_datasets"


@pytest.mark.parametrize("spec", ["", ":", "toys:", ":a", "a/b", "..", "a:..", "a:b/c", "a:b:c", "/etc", "a\\b", "a\0"])
def test_what_is_no_name_is_refused(tmp_path, spec):
    refused("expected tfds:NAME or tfds:NAME:CONFIG, found", spec, str(tmp_path))
    refused("an image size is 1 or more", "toys", str(tmp_path), image_size=-1)


def test_a_large_set_is_decoded_once_into_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds_records, "MOST", 7)  # several blocks
    image, test = noise(30, 6, 5, 1), noise(9, 6, 5, 1)
    splits = {"train": labelled(image, LABEL), "test": labelled(test, LABEL)}
    prepare(tmp_path, splits, features())
    near = tfds_sets.tfds_dataset("toys", str(tmp_path), resident=39 * 30)
    assert isinstance(near.train.image, np.ndarray)
    far = tfds_sets.tfds_dataset("toys", str(tmp_path), resident=39 * 30 - 1)
    monkeypatch.setattr(tfds_records, "record_blocks", None)
    again = tfds_sets.tfds_dataset("toys", str(tmp_path), resident=0)
    for one, other in zip(near[3:6], far[3:6]):
        assert isinstance(other.image, rows.Rows)
        assert np.array_equal(one.image, rows.read(other.image, slice(None)))
        assert np.array_equal(one.label, other.label)
    assert again.sha256 == far.sha256


PROGRAM = """
import sys
from jaxgen.data import sources
from jaxgen.data.images import glyphs, sets
glyphs._font_folder()
print(sorted({"matplotlib", "sklearn", "PIL", "tensorflow_datasets"} & sys.modules.keys()))
found = sets.load("tfds:toys", sys.argv[1])
print(found.sha256, [name for name in sys.modules if name.split(".")[0] == "tensorflow"])
"""


def test_heavy_libraries_are_imported_where_they_are_needed_and_tensorflow_never(tmp_path):
    prepare(tmp_path, {"train": labelled(noise(30, 6, 5, 1), LABEL)}, features())
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"[]\n{tfds_sets.tfds_dataset('toys', str(tmp_path)).sha256} []\n"
    assert done.stderr == ""


@pytest.mark.needs_data
@pytest.mark.skipif(not DATA, reason="JAXGEN_DATA is not set")
def test_prepared_mnist_is_mnist():
    prepared, original = sets.load("tfds:mnist", DATA), sets.load("mnist", DATA)
    assert (prepared.shape, prepared.classes) == (original.shape, original.classes)
    assert pairs(prepared.test) == pairs(original.test)
    assert pairs(prepared.train) | pairs(prepared.valid) == pairs(original.train) | pairs(original.valid)
