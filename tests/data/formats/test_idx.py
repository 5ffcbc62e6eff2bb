"""IDX files: what a whole one gives, and what is said of each kind of damage."""

import gzip
import struct
import zipfile

import numpy as np
import pytest
from made import idx_bytes
from refusals import plainly, refused

from jaxgen.data.formats import idx

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 5, 4), np.uint8)
LABELS = np.arange(7, dtype=np.uint8)
WHOLE, PACKED = idx_bytes(IMAGES), gzip.compress(idx_bytes(IMAGES))
FLIPPED = PACKED[: len(PACKED) // 2] + bytes([PACKED[len(PACKED) // 2] ^ 0xFF]) + PACKED[len(PACKED) // 2 + 1 :]


def test_what_was_written_is_read_plain_gzipped_or_within_an_archive(tmp_path):
    for array in (IMAGES, LABELS):
        for pack in (gzip.compress, bytes):
            (tmp_path / "file").write_bytes(pack(idx_bytes(array)))
            found = idx.read_idx(tmp_path / "file", array.ndim)
            assert found.dtype == np.uint8
            assert np.array_equal(found, array)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inside/images.gz", PACKED)
    inside = zipfile.Path(tmp_path / "a.zip") / "inside"
    assert np.array_equal(idx.read_idx(inside / "images.gz", 3), IMAGES)
    refused(r"labels\.gz cannot be read", idx.read_idx, inside / "labels.gz", 3)


WRONG = {  # content of a file that should hold images -> what is said
    b"": "expected the magic number 00000803, found nothing",
    b"<html>not found</html>": "expected the magic number 00000803, found 3c68746d",
    idx_bytes(LABELS): "is no IDX file of images: expected the magic number 00000803, found 00000801",
    WHOLE[:7]: "is truncated in its header",
    WHOLE[:-9]: "is truncated: expected 140 bytes after the header, found 131",
    WHOLE[:4] + b"\xff" * 12 + WHOLE[16:]: "expected 79,228,162,458,924,105,385,300,197,375 bytes",
    WHOLE + b"x": "holds more than the 140 bytes its header announces",
    PACKED[:-30]: "is damaged",
    PACKED[:-8]: "is damaged",  # no checksum
    FLIPPED: "is damaged",
    gzip.compress(WHOLE[:4] + struct.pack(">3I", 2**31, 2**10, 2**10)): "which is not believable",
}


@pytest.mark.ci
def test_damage_is_told_in_a_sentence(tmp_path):
    path = tmp_path / "images-ubyte.gz"
    for data, fragment in WRONG.items():
        path.write_bytes(data)
        assert str(path) in refused(fragment, idx.read_idx, path, 3)
    for place, reason in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        refused(f"cannot be read: {reason}", idx.read_idx, place, 3)


def test_more_than_gzip_can_pack_is_not_unpacked(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(WHOLE[:4] + struct.pack(">3I", 2**10, 2**10, 2**9)))
    plainly("to 536,870,912 bytes, which is not believable", path, idx.read_idx, path, 3)
