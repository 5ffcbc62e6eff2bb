"""IDX files: what a whole one gives, and what is said of each kind of damage."""

import gzip
import struct
import zipfile

import numpy as np
import pytest

from jaxgen.core.types import Refused
from jaxgen.data.formats import idx

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 5, 4), np.uint8)
LABELS = np.arange(7, dtype=np.uint8)


def encoded(array, magic=None):
    head = magic if magic is not None else bytes([0, 0, 8, array.ndim])
    return head + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize("array", [IMAGES, LABELS], ids=["images", "labels"])
@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["gzipped", "plain"])
def test_what_was_written_is_read(array, pack, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(pack(encoded(array)))
    found = idx.read_idx(path, array.ndim)
    assert found.dtype == np.uint8
    assert np.array_equal(found, array)


def test_a_member_of_an_archive_is_read_in_place(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inside/images.gz", gzip.compress(encoded(IMAGES)))
    place = zipfile.Path(tmp_path / "a.zip") / "inside" / "images.gz"
    assert np.array_equal(idx.read_idx(place, 3), IMAGES)
    with pytest.raises(Refused, match=r"labels\.gz cannot be read"):
        idx.read_idx(zipfile.Path(tmp_path / "a.zip") / "inside" / "labels.gz", 3)


WHOLE, PACKED = encoded(IMAGES), gzip.compress(encoded(IMAGES))
FLIPPED = bytearray(PACKED)
FLIPPED[len(PACKED) // 2] ^= 0xFF
WRONG = {
    "empty": (b"", "expected the magic number 00000803, found nothing"),
    "text": (b"<html>not found</html>", "expected the magic number 00000803, found 3c68746d"),
    "labels": (encoded(LABELS), "is no IDX file of images: expected the magic number 00000803, found 00000801"),
    "signed": (encoded(IMAGES, bytes([0, 0, 9, 3])), "found 00000903"),
    "no_sizes": (WHOLE[:7], "is truncated in its header"),
    "cut": (WHOLE[:-9], "is truncated: expected 140 bytes after the header, found 131"),
    "endless": (
        WHOLE[:4] + b"\xff" * 12 + WHOLE[16:],
        "is truncated: expected 79,228,162,458,924,105,385,300,197,375 bytes",
    ),
    "more": (WHOLE + b"x", "holds more than the 140 bytes its header announces"),
    "cut_gzip": (PACKED[:-30], "is damaged"),
    "no_checksum": (PACKED[:-8], "is damaged"),
    "flipped": (bytes(FLIPPED), "is damaged"),
    "gzipped_text": (gzip.compress(b"hello world"), "found 68656c6c"),
    "bomb": (gzip.compress(WHOLE[:4] + struct.pack(">3I", 2**31, 2**10, 2**10)), "which is not believable"),
}


@pytest.mark.parametrize("name", WRONG)
def test_damage_is_told_in_a_sentence(name, tmp_path):
    data, fragment = WRONG[name]
    path = tmp_path / f"{name}-ubyte.gz"
    path.write_bytes(data)
    with pytest.raises(Refused) as refusal:
        idx.read_idx(path, 3)
    assert str(path) in str(refusal.value)
    assert fragment in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(Refused, match="cannot be read: No such file"):
        idx.read_idx(tmp_path / "none", 3)
    with pytest.raises(Refused, match="cannot be read: Is a directory"):
        idx.read_idx(tmp_path, 3)
