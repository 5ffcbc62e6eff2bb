"""Texts of sets that TFDS has prepared."""

import numpy as np
import pytest
import refusals
import tensorflow_datasets as tfds
from prepared import features, labelled, noise, prepare

from jaxgen.data.formats import tfds_records
from jaxgen.data.text import corpora, texts

pytestmark = pytest.mark.ci
DOCUMENTS = ["Ala ma kota.\r\n", "", "za\u017c\u00f3\u0142\u0107 \u20ac", *(f"number {n}" for n in range(20))]
TEXT = {"text": tfds.features.Text()}


@pytest.fixture(autouse=True)
def _nowhere_else(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "own"))


def refused(says, spec, root):
    refusals.refused(says, texts.load, f"tfds:{spec}", str(root))


def examples(documents, **others):
    return [{"text": each, **others} for each in documents]


def test_documents_are_joined_with_newlines(tmp_path, monkeypatch):
    prepare(tmp_path / "tfds", {"train": examples(DOCUMENTS), "test": examples(["of no use"])}, TEXT)
    order = tfds.data_source("toys", data_dir=tmp_path / "tfds", split="train", download=False)
    expected = [each["text"].decode().replace("\r\n", "\n") for each in order]
    assert sorted(expected) == sorted(each.replace("\r\n", "\n") for each in DOCUMENTS)
    for most in (4, 4096):
        monkeypatch.setattr(tfds_records, "MOST", most)
        assert "".join(corpora.corpus_blocks("tfds:toys", str(tmp_path))) == "\n".join(expected)
    text = texts.load("tfds:toys", str(tmp_path), level="word", min_count=1)
    assert (text.name, sum(text.characters)) == ("tfds:toys", len("\n".join(expected)))


def test_sets_without_texts_are_refused(tmp_path):
    prepare(tmp_path, {"train": labelled(noise(3, 6, 5, 1), np.zeros(3))}, features())
    refused(f"tfds:toys in {tmp_path}.* has no feature `text` of class Text; found image, label", "toys", tmp_path)
    prepare(tmp_path, {"test": examples(["a"])}, TEXT, "others")
    refused("has no texts in a split `train`; found test", "others", tmp_path)
    refused("tfds:mnist is a set of images and has no texts", "mnist", tmp_path)
    missing = f"tfds:tiny_shakespeare is not prepared in {tmp_path}/tfds/.*`tfds build tiny_sh"
    refused(missing, "tiny_shakespeare", tmp_path)
    refused("TFDS knows no 'toy' ", "toy", tmp_path)


def test_damaged_files_are_refused(tmp_path):
    folder = prepare(tmp_path, {"train": examples(DOCUMENTS)}, TEXT)
    shard = folder / "toys-train.array_record-00000-of-00001"
    content = shard.read_bytes()
    shard.write_bytes(content.replace(b"number 7", b"number 8"))
    refused(f"{shard} is damaged", "toys", tmp_path)
    shard.unlink()
    refused(f"{shard} is missing", "toys", tmp_path)
