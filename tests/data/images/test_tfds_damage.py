"""A prepared set that was damaged on its way is refused in one sentence, which names the file."""

import json
import shutil

import numpy as np
import pytest
from prepared import features, labelled, noise, prepare

from jaxgen.core.types import Refused
from jaxgen.data.images import tfds_sets

pytestmark = pytest.mark.ci
SHARD = "toys-train.array_record-00000-of-00001"
INFO, FEATURES = "dataset_info.json", "features.json"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("tfds")
    image = noise(12, 6, 5, 1)
    prepare(
        root, {"train": labelled(image, np.arange(12) % 2), "test": labelled(image, image[:, 0, 0, 0] % 2)}, features()
    )
    return root, tfds_sets.tfds_dataset("toys", str(root)).sha256


@pytest.fixture
def copy(whole, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "own"))
    shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)
    return tmp_path / "toys/1.0.0"


def outcome(folder):
    """The hash of what is read, None where it is refused as it should be, and the message where not."""
    try:
        return tfds_sets.tfds_dataset("toys", str(folder.parents[1])).sha256
    except Refused as refusal:
        message = str(refusal)
    return None if str(folder) in message and "\n" not in message else message


def refused(folder, says):
    with pytest.raises(Refused, match=says) as caught:
        tfds_sets.tfds_dataset("toys", str(folder.parents[1]))
    assert outcome(folder) is None, str(caught.value)


def test_descriptions_that_are_none_and_missing_files(copy):
    for file in (INFO, FEATURES, SHARD):
        original = (copy / file).read_bytes()
        for content in (b"", b"{", b"[]", b"{}", b"12", b"\xff\xfe\x00", b'{"splits": 5}'):
            (copy / file).write_bytes(content)
            assert outcome(copy) is None, content
        (copy / file).unlink()
        refused(copy, f"{file} (is missing|cannot be read: No such file)")
        (copy / file).mkdir()
        refused(copy, f"{file} (is missing|cannot be read: Is a directory)")
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
    for file, old, new, says in CHANGES:
        content = (copy / file).read_text()
        assert old in content
        (copy / file).write_text(content.replace(old, new))
        refused(copy, says)
        (copy / file).write_text(content)


def test_other_formats_are_refused_with_what_converts_them(copy):
    content = json.loads((copy / INFO).read_text())
    del content["fileFormat"]
    for stored in ("parquet", None):
        (copy / INFO).write_text(json.dumps(content | ({"fileFormat": stored} if stored else {})))
        command = f"`tfds convert_format --dataset_version_dir={copy} --out_file"
        refused(copy, f"is prepared as {stored or 'tfrecord'}, .* {command}")


def test_a_set_that_was_converted_is_read(copy, whole):
    content = json.loads((copy / INFO).read_text())
    content |= {"fileFormat": "tfrecord", "alternativeFileFormats": ["array_record"]}
    (copy / INFO).write_text(json.dumps(content))
    assert outcome(copy) == whole[1]


def test_a_shard_cut_short_is_refused_at_any_length(copy, whole):
    content = (copy / SHARD).read_bytes()
    lengths = [*range(0, len(content), len(content) // 15), *range(len(content) - 8, len(content))]
    for length in lengths:
        (copy / SHARD).write_bytes(content[:length])
        assert outcome(copy) is None
    (copy / SHARD).write_bytes(content)
    assert outcome(copy) == whole[1]


@pytest.mark.parametrize("step", [100, pytest.param(20, marks=pytest.mark.slow)])
def test_a_flipped_byte_in_a_shard_is_harmless_or_refused(copy, whole, step):
    content = (copy / SHARD).read_bytes()
    used = [position for position, byte in enumerate(content) if byte]  # the rest is padding, in blocks of 64 KiB
    outcomes = []
    for position in used[::step]:
        flipped = bytearray(content)
        flipped[position] ^= 1 << (position % 8) if position % 3 else 0xFF
        (copy / SHARD).write_bytes(bytes(flipped))
        outcomes.append(outcome(copy))
    assert len(outcomes) > 1000 / step
    assert set(outcomes) <= {None, whole[1]}
    assert outcomes.count(None) > 0.9 * len(outcomes)
