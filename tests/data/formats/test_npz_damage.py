import io
import os
import struct
import zipfile

import numpy as np
import pytest
from archives import GREY, LABEL, saved

from jaxgen.core.types import Refused
from jaxgen.data.formats import npz


def refused(path, says):
    with pytest.raises(Refused, match=says) as caught:
        npz.npz_dataset(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def member(name, content):
    """A zip with one member."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def header(text, body=b""):
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("latin1") + body


FILES = {
    "empty": (b"", r"is empty \(0 bytes\)"),
    "text": (b"images\n1,2,3\n", "is not an .npz archive"),
    "one byte": (b"P", "is not an .npz archive"),
    "starts like a zip": (b"PK\x03\x04 and then nothing of the kind", "cannot be read: File is not a zip"),
    "empty zip": (b"PK\x05\x06" + bytes(18), "found none"),
    "not an array": (member("images.npy", b"hello"), "'images', which is not an array"),
    "readme": (member("readme.txt", b"hello"), "'readme.txt', which is not an array"),
    "no dictionary": (member("images.npy", header("[1, 2")), "cannot be read: "),
    "no code": (member("images.npy", header("__import__('os').getcwd()")), "cannot be read: "),
    "a million million images": (
        member("images.npy", header("{'descr': '|u1', 'fortran_order': False, 'shape': (10**12,)}")),
        "cannot be read: ",
    ),
    "more than there is": (
        member("images.npy", header("{'descr': '|u1', 'fortran_order': False, 'shape': (99,9,9)}", b"12")),
        "cannot be read: ",
    ),
    "more than memory": (
        member(
            "images.npy",
            header("{'descr': '<f8', 'fortran_order': False, 'shape': (2000000000,2000000000,9)}"),
        ),
        "cannot be read: ",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_bad_files_are_refused(tmp_path, case):
    content, says = FILES[case]
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    assert str(path) in refused(path, says)


def test_what_is_not_a_readable_file_is_refused(tmp_path):
    refused(tmp_path, "cannot be read: Is a directory")
    refused(tmp_path / "none.npz", "cannot be read: No such file")


class Hostile:
    """Unpickling this creates a file."""

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
    assert "pickled objects" in refused(path, "bad.npz")
    np.save(tmp_path / "alone.npz", hostile)  # a bare array, as .npz.npy
    os.rename(tmp_path / "alone.npz.npy", tmp_path / "alone.npz")
    refused(tmp_path / "alone.npz", "not an .npz archive")
    hostile.dump(tmp_path / "dumped.npz")
    refused(tmp_path / "dumped.npz", "not an .npz archive")
    assert not trap.exists()


@pytest.fixture(scope="module", params=[False, True], ids=["stored", "deflated"])
def whole(request, tmp_path_factory):
    path = saved(tmp_path_factory.mktemp("npz") / "a.npz", request.param, images=GREY, labels=LABEL)
    return path.read_bytes(), npz.npz_dataset(path).sha256


def attempt(path, content):
    """The hash of what is read, None where it is refused as it should be, and the message where not."""
    path.write_bytes(content)
    try:
        return npz.npz_dataset(path).sha256
    except Refused as refusal:
        message = str(refusal)
    return None if str(path) in message and "\n" not in message else message


def test_a_file_cut_short_is_refused_at_any_length(whole, tmp_path):
    content, sha256 = whole
    lengths = sorted({*range(0, len(content), 7), *range(len(content) - 30, len(content))})
    assert len(lengths) > 100
    assert {attempt(tmp_path / "a.npz", content[:length]) for length in lengths} == {None}
    assert attempt(tmp_path / "a.npz", content) == sha256


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_a_flipped_byte_is_harmless_or_refused(whole, tmp_path, step):
    content, sha256 = whole
    outcomes = []
    for position in range(0, len(content), step):
        flipped = bytearray(content)
        flipped[position] ^= 1 << (position % 8) if position % 3 else 0xFF
        outcomes.append(attempt(tmp_path / "a.npz", bytes(flipped)))
    assert set(outcomes) == {None, sha256}
    assert outcomes.count(None) > len(outcomes) / 2  # harmless: time stamps and the like


def test_a_changed_shape_is_noticed_though_fewer_bytes_are_wanted(tmp_path):
    content = saved(tmp_path / "a.npz", images=GREY).read_bytes()
    assert content.count(b"(20, 4, 5)") == 1
    (tmp_path / "a.npz").write_bytes(content.replace(b"(20, 4, 5)", b"(19, 4, 5)"))
    refused(tmp_path / "a.npz", "damaged: the checksum of 'images.npy'")
