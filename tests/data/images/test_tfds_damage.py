"""A prepared set that was damaged on its way is refused in one sentence, which names the file."""

import json
import shutil

import numpy as np
import pytest
from prepared import features, labelled, noise, prepare
from refusals import changed, cut, outcomes, plainly, refused

from jaxgen.data.images import tfds_sets

pytestmark = pytest.mark.ci
SHARD = "toys-train.array_record-00000-of-00001"
INFO, FEATURES = "dataset_info.json", "features.json"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A set, and the hash of what is read of it."""
    root, image = tmp_path_factory.mktemp("tfds"), noise(12, 6, 5, 1)
    prepare(root, {name: labelled(image, np.arange(12) % 2) for name in ("train", "test")}, features())
    return root, tfds_sets.tfds_dataset("toys", str(root)).sha256


@pytest.fixture
def copy(whole, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "own"))
    shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)
    return tmp_path / "toys/1.0.0"


def given(copy, file, contents):
    """What these contents of a file lead to: see `outcomes`."""
    return set(
        outcomes(copy / file, contents, lambda: tfds_sets.tfds_dataset("toys", str(copy.parents[1])).sha256, copy)
    )


def says(copy, fragment):
    assert str(copy) in refused(fragment, tfds_sets.tfds_dataset, "toys", str(copy.parents[1]))


def test_descriptions_that_are_none_and_missing_files(copy):
    for file in (INFO, FEATURES, SHARD):
        original = (copy / file).read_bytes()
        assert given(copy, file, (b"", b"{", b"[]", b"{}", b"12", b"\xff\xfe\x00", b'{"splits": 5}')) == {None}
        (copy / file).unlink()
        says(copy, f"{file} (is missing|cannot be read: No such file)")
        (copy / file).mkdir()
        says(copy, f"{file} (is missing|cannot be read: Is a directory)")
        (copy / file).rmdir()
        (copy / file).write_bytes(original)


CHANGES = [
    (INFO, '"12"', '"11"', "expected 11 records, found 12"),
    (INFO, '"12"', '"9999999999999"', "expected 9,999,999,999,999 records, found 12"),
    (INFO, '"12"', '"99999999999999999999"', "is damaged"),
    (INFO, '"12"', '"-1"', "is damaged"),
    (INFO, '"12"', '"0"', "no images in a split `train`"),
    (INFO, '"train"', '"trajn"', "no images in a split `train`; found trajn, test|found test, trajn"),
    (INFO, "{DATASET}", "{DATUM}", "is damaged"),
    (INFO, '"toys"', '"others"', "is missing"),
    (FEATURES, '"6"', '"7"', r"the shape \(6, 5, 1\) and not \(7, 5, 1\)"),
    (FEATURES, "image_feature.Image", "image_feature.Imago", "is damaged: Unrecognized FeatureConnector"),
    (FEATURES, "image_feature.Image", "os.system", "is damaged"),
    ("label.labels.txt", "dog", "", "is damaged: expected labels from 0 to 0, found 0 to 1"),
]


def test_descriptions_that_do_not_fit(copy):
    for file, old, new, fragment in CHANGES:
        content = (copy / file).read_text()
        assert old in content
        (copy / file).write_text(content.replace(old, new))
        says(copy, fragment)
        (copy / file).write_text(content)


def test_other_formats_are_refused_with_what_converts_them(copy, whole):
    content = json.loads((copy / INFO).read_text())
    del content["fileFormat"]
    for stored in ("parquet", None):
        (copy / INFO).write_text(json.dumps(content | ({"fileFormat": stored} if stored else {})))
        command = f"`tfds convert_format --dataset_version_dir={copy} --out_file"
        says(copy, f"is prepared as {stored or 'tfrecord'}, .* {command}")
    converted = content | {"fileFormat": "tfrecord", "alternativeFileFormats": ["array_record"]}
    assert given(copy, INFO, [json.dumps(converted).encode()]) == {whole[1]}


@pytest.mark.parametrize("step", [100, pytest.param(20, marks=pytest.mark.slow)])
def test_a_changed_or_missing_byte_of_a_shard_is_harmless_or_refused(copy, whole, step):
    content = (copy / SHARD).read_bytes()
    assert given(copy, SHARD, cut(content, len(content) // 15)) == {None}
    used = [at for at, byte in enumerate(content) if byte][::step]  # the rest is padding, in blocks of 64 KiB
    harmed = [content[:at] + next(changed(content[at:])) for at in used]
    assert given(copy, SHARD, harmed) <= {None, whole[1]}
    assert given(copy, SHARD, harmed[3:4]) == {None}
    assert given(copy, SHARD, [content]) == {whole[1]}


@pytest.mark.parametrize(("shape", "says"), [("0", "no images to learn from"), ("99999999", "not believable")])
def test_a_description_of_impossible_images(copy, shape, says):
    features = copy / FEATURES
    assert '"6"' in features.read_text()
    features.write_text(features.read_text().replace('"6"', f'"{shape}"'))
    plainly(says, copy.parent, tfds_sets.tfds_dataset, "toys", str(copy.parents[1]))


def test_what_a_description_says_is_shown_in_print(copy):
    features = copy / FEATURES
    features.write_text(features.read_text().replace("pythonClassName", "python" + "\x7f" * 400, 1))
    plainly("is damaged: .*x7f", copy, tfds_sets.tfds_dataset, "toys", str(copy.parents[1]))


def test_a_description_of_files_whose_names_are_too_long(copy):
    info = copy / INFO
    info.write_text(info.read_text().replace('"toys"', f'"toys{"x" * 5000}"'))
    plainly(
        "is damaged: its description names a file 'toysx", copy, tfds_sets.tfds_dataset, "toys", str(copy.parents[1])
    )
