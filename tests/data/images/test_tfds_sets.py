"""Sets that TFDS has prepared: which splits, labels, configurations and folders are read."""

import subprocess
import sys

import numpy as np
import pytest
import refusals
import tensorflow_datasets as tfds
from prepared import encoded, features, labelled, noise, pairs, prepare

from jaxgen.data import rows
from jaxgen.data.formats import tfds_folders, tfds_records
from jaxgen.data.images import sets, tfds_sets

LABEL = np.arange(30) % 2


@pytest.fixture(autouse=True)
def _nowhere_else(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))


def refused(says, *arguments, **options):
    return refusals.refused(says, tfds_sets.tfds_dataset, *arguments, **options)


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


@pytest.mark.ci
def test_missing_splits_are_cut_out_of_train(tmp_path):
    for sizes, wanted in [
        ({"train": 30}, (24, 3, 3)),
        ({"train": 30, "validation": 4}, (27, 3, 4)),
        ({"train": 30, "validation": 4, "test": 5, "extra": 2}, (30, 4, 5)),
    ]:
        root, every = tmp_path / str(len(sizes)), {name: noise(count, 6, 5, 1) for name, count in sizes.items()}
        prepare(root, {name: labelled(image, LABEL) for name, image in every.items()}, features())
        found = tfds_sets.tfds_dataset("toys", str(root))
        assert tuple(len(part.label) for part in found[3:6]) == wanted
        if len(sizes) > 1:
            assert pairs(found.test) == expected(every["test" if "test" in every else "validation"], LABEL)
        if "test" in every:
            assert pairs(found.valid) == expected(every["validation"], LABEL)
    prepare(tmp_path, {"test": labelled(noise(3, 6, 5, 1), LABEL)}, features())
    refused("no images in a split `train`; found test", "toys", str(tmp_path))


@pytest.mark.ci
def test_without_class_numbers_there_are_no_classes(tmp_path):
    image, number = noise(30, 6, 5, 1), tfds.features.ClassLabel(num_classes=3)
    text, real = tfds.features.Text(), tfds.features.Scalar(np.float32)
    cases = [(None, ()), (text, ["a"] * 30), (real, [0.5] * 30), (number, [*LABEL[:-1], -1]), (number, LABEL)]
    for n, (label, values) in enumerate(cases):
        known = {name: each for name, each in features(label=label).items() if each}
        examples = [{"image": encoded(each)} for each in image]
        for example, value in zip(examples, values):
            example["label"] = value
        prepare(tmp_path / str(n), {"train": examples}, known)
        found = tfds_sets.tfds_dataset("toys", str(tmp_path / str(n)))
        named = values is LABEL  # and only then: the last but one has an image without a label
        assert found.classes == (("0", "1", "2") if named else ())
        assert set().union(*map(pairs, found[3:6])) == expected(image, LABEL if named else 0 * LABEL)


@pytest.mark.ci
def test_one_prepared_configuration_is_taken_and_of_several_one_is_to_be_named(tmp_path):
    image, root = noise(30, 6, 5, 1), str(tmp_path)
    prepare(tmp_path, {"train": labelled(image, LABEL)}, features(), config="large")
    assert tfds_sets.tfds_dataset("toys", root).sha256 == tfds_sets.tfds_dataset("toys:large", root).sha256
    prepare(tmp_path, {"train": labelled(255 - image, LABEL)}, features(), config="small")
    assert str(tmp_path / "toys") in refused("choose one of tfds:toys:large, tfds:toys:small", "toys", root)
    small = tfds_sets.tfds_dataset("toys:small", root)
    assert small.name == "tfds:toys:small"
    assert set().union(*map(pairs, small[3:6])) == expected(255 - image, LABEL)
    refused("tfds:toys:tiny is not prepared in", "toys:tiny", root)


@pytest.mark.ci
def test_the_newest_version_in_the_first_folder_is_taken(tmp_path, monkeypatch):
    kept = ["tfds/toys/1.10.0", "tfds/toys/1.9.0", "toys/2.0.0", "own/toys/3.0.0"]
    for version in (*kept, "tfds/toys/incomplete.4.0.0"):
        (tmp_path / version).mkdir(parents=True)
    for version in kept:
        assert tfds_folders.prepared_folder("toys", "", tfds_folders.roots(str(tmp_path))) == tmp_path / version
        (tmp_path / version).rmdir()
    assert tfds_folders.roots("") == (tmp_path / "own",)
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert tfds_folders.roots("")[0].parts[-1] == "tensorflow_datasets"


@pytest.mark.ci
def test_what_is_no_name_is_refused(tmp_path):
    for spec in ("", ":", "toys:", ":a", "a/b", "..", "a:..", "a:b:c", "/etc", "a\\b", "a\0"):
        refused("expected tfds:NAME or tfds:NAME:CONFIG, found", spec, str(tmp_path))
    refused("an image size is 1 or more", "toys", str(tmp_path), image_size=-1)


@pytest.mark.ci
def test_a_large_set_is_decoded_once_into_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds_records, "MOST", 7)  # several blocks
    splits = {"train": labelled(noise(30, 6, 5, 1), LABEL), "test": labelled(noise(9, 6, 5, 1), LABEL)}
    prepare(tmp_path, splits, features())
    near, far = (tfds_sets.tfds_dataset("toys", str(tmp_path), resident=39 * 30 - spare) for spare in (0, 1))
    monkeypatch.setattr(tfds_records, "record_blocks", None)
    again = tfds_sets.tfds_dataset("toys", str(tmp_path), resident=0)
    for one, other in zip(near[3:6], far[3:6]):
        assert (type(one.image), type(other.image)) == (np.ndarray, rows.Rows)
        assert np.array_equal(one.image, rows.read(other.image, slice(None)))
        assert np.array_equal(one.label, other.label)
    assert again.sha256 == far.sha256


PROGRAM = """
import sys
from jaxgen.data import sources
from jaxgen.data.images import glyphs, sets
glyphs.font_folder()
print(sorted({"matplotlib", "sklearn", "PIL", "tensorflow_datasets"} & sys.modules.keys()))
found = sets.load("tfds:toys", sys.argv[1])
print(found.sha256, [name for name in sys.modules if name.split(".")[0] == "tensorflow"])
"""


@pytest.mark.slow  # starts a process
def test_heavy_libraries_are_imported_where_they_are_needed_and_tensorflow_never(tmp_path):
    prepare(tmp_path, {"train": labelled(noise(30, 6, 5, 1), LABEL)}, features())
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"[]\n{tfds_sets.tfds_dataset('toys', str(tmp_path)).sha256} []\n"
    assert done.stderr == ""
