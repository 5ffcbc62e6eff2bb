"""Archives and files of arrays that are damaged, hostile or of something else: a sentence each, in memory or beyond."""

import io
import os
import struct
import zipfile

import numpy as np
import pytest
import refusals
from archives import COLOUR, GREY, LABEL, LIMIT, UNIT, saved
from refusals import changed, cut, outcomes, plainly

from jaxgen.data import rows
from jaxgen.data.formats import npz

pytestmark = pytest.mark.ci


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(rows, "BLOCK", 70)  # three images, or one
    return tmp_path / "cache"


def refused(path, says, resident=rows.RESIDENT):
    assert str(path) in refusals.refused(says, npz.npz_dataset, path, resident)


RANGE = r"floats in \[0, 1\] in 'images', found "
BAD = {
    "flat": ({"images": GREY.reshape(20, -1)}, r"\[N, H, W\] or \[N, H, W, C\], found the shape \(20, 20\)"),
    "channels first": ({"images": COLOUR.transpose(0, 3, 1, 2).copy()}, r"1 or 3 channels last .*\(20, 3, 4, 5\)"),
    "opacity": ({"images": COLOUR[..., [0, 1, 2, 0]]}, r"1 or 3 channels last .*\(20, 4, 5, 4\)"),
    "none": ({"images": GREY[:0]}, r"at least one image in 'images', found the shape \(0, 4, 5, 1\)"),
    "two": ({"images": GREY[:2]}, "at least 3 images; found 2"),
    "no test": ({"train": GREY, "test": GREY[:0]}, "at least one image in 'test'"),
    "int": ({"images": GREY.astype(int)}, r"as uint8, or as floats in \[0, 1\]; found int64"),
    "complex": ({"images": GREY.astype(complex)}, "found complex128"),
    "record": ({"images": np.zeros((5, 4, 4), [("a", "u1")])}, r"found \[\('a'"),
    "floats to 255": ({"images": GREY.astype(np.float32)}, rf"{RANGE}\d+ to \d+"),
    "last is negative": ({"images": np.r_[UNIT, -UNIT[:1]].astype(np.float16)}, f"{RANGE}-"),
    "nan": ({"images": np.where(GREY.max() == GREY, np.nan, UNIT)}, f"{RANGE}nan to nan"),
    "count": ({"images": GREY, "labels": LABEL[:9]}, r"one label for each of 20 images, found \(9,\)"),
    "negative": ({"images": GREY, "labels": LABEL - 1}, "class numbers from 0 to 65535 in 'labels', found -1 to 1"),
    "huge": ({"images": GREY, "labels": LABEL + 2**40}, "found 1099511627776 to"),
    "float labels": ({"images": GREY, "labels": LABEL / 2}, "integer class numbers; found float64"),
    "half": ({"x_train": GREY, "y_train": LABEL, "x_test": GREY}, "found one of them"),
    "layout": ({"pictures": GREY, "b": GREY}, "expected the arrays images and labels; .* found pictures, b"),
    "shapes": ({"train": GREY, "test": GREY[:, :3]}, r"one shape and type, found .*\(3, 5, 1, 'uint8'\)"),
    "types": ({"train": GREY, "test": UNIT}, r"one shape and type, found .*'float32'"),
    "objects": ({"images": np.array([GREY, None], object)}, "pickled objects"),
    "object labels": ({"images": GREY, "labels": LABEL.astype(object)}, "pickled objects"),
}


def test_bad_arrays_are_refused(tmp_path, cache):
    for arrays, says in BAD.values():
        for compressed in (False, True):
            path = saved(tmp_path / "bad.npz", compressed, **arrays)
            refused(path, says)
            refused(path, says, LIMIT)
    refused(saved(tmp_path / "bad.npz", images=np.asfortranarray(GREY)), "in C order, .* found Fortran's", LIMIT)
    assert not list(cache.glob("**/*.part"))


def member(text, body=b"", name="images.npy"):
    """A zip with one member: an array with this header."""
    file, text = io.BytesIO(), text.ljust(117) + "\n"
    with zipfile.ZipFile(file, "w") as archive:
        start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) if name else b""
        archive.writestr(name or "readme.txt", start + text.encode("latin1") + body)
    return file.getvalue()


FILES = {
    b"": r"is empty \(0 bytes\)",
    b"images\n1,2,3\n": "is not an .npz archive",
    b"P": "is not an .npz archive",
    b"PK\x03\x04 and then nothing of the kind": "cannot be read: File is not a zip",
    b"PK\x05\x06" + bytes(18): "found none",
    member("hello", name=""): "'readme.txt', which is not an array",
    member("[1, 2"): "cannot be read: ",
    member("__import__('os').getcwd()"): "cannot be read: ",
    member("{'descr': '|u1', 'fortran_order': False, 'shape': (10**12,)}"): "cannot be read: ",
    member("{'descr': '|u1', 'fortran_order': False, 'shape': (99,9,9)}", b"12"): "cannot be read: ",
    member("{'descr': '<f8', 'fortran_order': False, 'shape': (2000000000,2000000000,9)}"): "cannot be read: ",
}
ALONE = {
    b"": r"is empty \(0 bytes\)",
    b"1,2,3\n": "is not an .npy file",
    b"\x93NUMPY": "cannot be read: ",
    b"\x93NUMPY\x09\x00" + bytes(200): "cannot be read: ",  # a version to come
}


def test_bad_files_are_refused(tmp_path):
    for suffix, files in (("npz", FILES), ("npy", ALONE)):
        for content, says in files.items():
            (tmp_path / f"bad.{suffix}").write_bytes(content)
            refused(tmp_path / f"bad.{suffix}", says)
        refused(tmp_path / f"none.{suffix}", "cannot be read: No such file")
    refused(tmp_path, "cannot be read: Is a directory")


def test_bad_arrays_alone_are_refused(tmp_path):
    path = tmp_path / "mine.npy"
    for array, says in [
        (GREY.astype(object), "pickled objects"),
        (GREY[0], r"'mine' as \[N, H, W\]"),
        (np.asfortranarray(GREY), "in C order"),
        (GREY.astype(np.float32), r"floats in \[0, 1\] in 'mine'"),
    ]:
        np.save(path, array)
        refused(path, says, LIMIT)
    np.save(path, GREY)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    refused(path, "is truncated: expected 400 bytes after the header, found 399")
    path.write_bytes(content.replace(b"(20, 4, 5)", b"(20, 4,-5)"))
    refused(path, "cannot be read: ")


class Hostile:
    """Unpickling this creates a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_hostile_pickle_is_never_run(tmp_path):
    trap = tmp_path / "sprung"
    hostile = np.array([Hostile(trap)] * 20, object)
    path = saved(tmp_path / "bad.npz", images=GREY, labels=hostile)
    with np.load(path, allow_pickle=True) as archive:
        archive["labels"]
    trap.rmdir()  # the trap works
    refused(path, "pickled objects")
    hostile.dump(tmp_path / "dumped.npz")
    refused(tmp_path / "dumped.npz", "not an .npz archive")
    assert not trap.exists()


@pytest.mark.parametrize("step", [13, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("resident", [rows.RESIDENT, LIMIT])
def test_a_changed_or_missing_byte_is_harmless_or_refused(tmp_path, compressed, resident, step):
    path = saved(tmp_path / "a.npz", compressed, images=GREY, labels=LABEL)
    content, load = path.read_bytes(), lambda: npz.npz_dataset(path, resident).sha256
    whole = load()
    found = outcomes(path, changed(content, step), load)
    assert set(found) == {None, whole}
    assert found.count(None) > len(found) / 2  # harmless: time stamps and the like
    assert set(outcomes(path, cut(content, step), load)) == {None}


def test_checksums_sizes_and_passwords_are_noticed(tmp_path):
    path = saved(tmp_path / "a.npz", images=GREY, labels=LABEL)
    content, wrong = path.read_bytes(), "is damaged: the checksum of 'images.npy' does not agree"
    for resident in (rows.RESIDENT, LIMIT):
        # Fewer bytes are wanted, and none of them is wrong; and in place, where numpy does not verify.
        path.write_bytes(content.replace(b"(20, 4, 5)", b"(19, 4, 5)"))
        refused(path, wrong, resident)
        path.write_bytes(content.replace(GREY[-1].tobytes(), GREY[-2].tobytes()))
        refused(path, wrong, resident)
    locked = bytearray(content)
    locked[6] |= 1
    locked[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(locked)
    refused(path, "encrypted", LIMIT)
    path = saved(tmp_path / "a.npz", True, images=GREY, notes=GREY)
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.rindex(b"notes.npy") - 46 + 24, 2**31)  # in the directory
    path.write_bytes(content)
    refused(path, r"'notes\.npy' in .* claims to unpack from \d+ to 2,147,483,648 bytes, which is not believable")


def test_an_array_that_claims_more_than_the_archive_has(tmp_path):
    """Whose checksum agrees: numpy would allocate first and read then."""
    path = tmp_path / "a.npz"
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999, 2, 2), }\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    for resident in (0, rows.RESIDENT):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", content)
        plainly("'images' claims 399,999,999,996 bytes", path, npz.npz_dataset, path, resident)
