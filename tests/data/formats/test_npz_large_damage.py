import struct
import zipfile

import numpy as np
import pytest
from archives import COLOUR, GREY, LABEL, LIMIT, cached, saved

from jaxgen.core.types import Refused
from jaxgen.data import rows
from jaxgen.data.formats import npz


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(rows, "BLOCK", 70)  # three images, or one
    return tmp_path / "cache"


UNIT = GREY / 255


def refused(path, says):
    with pytest.raises(Refused, match=says) as caught:
        npz.npz_dataset(path, LIMIT)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


BAD = {
    "fortran": ({"images": np.asfortranarray(GREY)}, "'images' in C order, .* found Fortran's"),
    "int": ({"images": GREY.astype(int)}, r"as uint8, or as floats in \[0, 1\]; found int64"),
    "channels first": ({"images": COLOUR.transpose(0, 3, 1, 2).copy()}, r"1 or 3 channels last .*\(20, 3, 4, 5\)"),
    "flat": ({"images": GREY.reshape(20, -1)}, r"found the shape \(20, 20\)"),
    "floats to 255": ({"images": GREY.astype(np.float32)}, r"floats in \[0, 1\] in 'images', found \d+ to \d+"),
    "last is negative": ({"images": np.r_[UNIT, -UNIT[:1]].astype(np.float16)}, "found -"),
    "nan": ({"images": np.where(GREY.max() == GREY, np.nan, UNIT).astype(np.float32)}, "found nan to nan"),
    "count": ({"images": GREY, "labels": LABEL[:9]}, r"one label for each of 20 images, found \(9,\)"),
    "shapes": ({"train": GREY, "test": GREY[:, :3]}, r"one shape and type, found .*\(3, 5, 1, 'uint8'\)"),
    "types": ({"train": GREY, "test": UNIT}, r"one shape and type, found .*'float32'"),
    "objects": ({"images": GREY, "labels": LABEL.astype(object)}, "pickled objects"),
    "layout": ({"pictures": GREY}, "found pictures"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_refused(tmp_path, cache, case):
    arrays, says = BAD[case]
    for compressed in (False, True):
        refused(saved(tmp_path / "bad.npz", compressed, **arrays), says)
    assert not [file for file in cached(cache) if file.suffix == ".part"]


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_changed_byte_is_harmless_or_refused(tmp_path, compressed, step):
    path = saved(tmp_path / "a.npz", compressed, images=GREY)
    content, whole = path.read_bytes(), npz.npz_dataset(path, LIMIT).sha256
    outcomes = []
    for position in range(0, len(content), step):
        flipped = bytearray(content)
        flipped[position] ^= 1 << (position % 8) if position % 3 else 0xFF
        path.write_bytes(flipped)
        try:
            outcomes.append(npz.npz_dataset(path, LIMIT).sha256)
        except Refused as refusal:
            message = str(refusal)
            outcomes.append(None if str(path) in message and "\n" not in message else message)
    assert set(outcomes) == {None, whole}
    assert outcomes.count(None) > len(outcomes) / 2
    for length in range(0, len(content), 9):
        path.write_bytes(content[:length])
        refused(path, "a.npz")


def test_a_wrong_checksum_is_found_in_place(tmp_path):
    content = bytearray(saved(tmp_path / "a.npz", images=GREY, labels=LABEL).read_bytes())
    content[content.index(GREY[-1].tobytes())] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    refused(tmp_path / "a.npz", "is damaged: the checksum of 'images.npy' does not agree")


def test_more_than_is_believable_is_not_unpacked(tmp_path):
    path = saved(tmp_path / "a.npz", True, images=GREY, notes=GREY)
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.rindex(b"notes.npy") - 46 + 24, 2**31)  # in the directory
    path.write_bytes(content)
    refused(path, r"'notes\.npy' in .* claims to unpack from \d+ to 2,147,483,648 bytes, which is not believable")


ALONE = {
    "empty": (b"", r"is empty \(0 bytes\)"),
    "text": (b"1,2,3\n", "is not an .npy file"),
    "archive": (b"PK\x05\x06" + bytes(18), "is not an .npy file"),
    "magic": (b"\x93NUMPY", "cannot be read: "),
    "version": (b"\x93NUMPY\x09\x00" + bytes(200), "cannot be read: "),
}


@pytest.mark.parametrize("case", ALONE)
def test_bad_files_alone_are_refused(tmp_path, case):
    content, says = ALONE[case]
    (tmp_path / "a.npy").write_bytes(content)
    refused(tmp_path / "a.npy", says)


def test_bad_arrays_alone_are_refused(tmp_path):
    path = tmp_path / "mine.npy"
    for array, says in [
        (GREY.astype(object), "pickled objects"),
        (GREY.astype(int), "'mine' as uint8, or as floats"),
        (GREY[0], r"'mine' as \[N, H, W\]"),
        (np.asfortranarray(GREY), "in C order"),
        (GREY[:2], "at least 3 images"),
        (GREY.astype(np.float32), r"floats in \[0, 1\] in 'mine'"),
    ]:
        np.save(path, array)
        refused(path, says)
    np.save(path, GREY)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    refused(path, "is truncated: expected 400 bytes after the header, found 399")
    path.write_bytes(content.replace(b"(20, 4, 5)", b"(20, 4,-5)"))
    refused(path, "cannot be read: ")
    refused(tmp_path, "Is a directory")
    refused(tmp_path / "none.npy", "No such file")


def test_an_encrypted_member_is_refused(tmp_path):
    path = saved(tmp_path / "a.npz", images=GREY)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        (info,) = archive.infolist()
    content[info.header_offset + 6] |= 1
    content[content.rindex(b"images.npy") - 46 + 8] |= 1
    path.write_bytes(content)
    refused(path, "encrypted")
