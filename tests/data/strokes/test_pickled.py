"""Sketch-RNN's .npz files: read without unpickling, and refused where they are damaged or hostile."""

import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from refusals import changed, cut, outcomes, plainly, refused

from jaxgen.core.types import Refused
from jaxgen.data.strokes import pickled

SKETCHES = [np.array([[1, -2, 0], [300, 4, 1]], np.int16), np.array([[5, 6, 1]], np.int16)]


def objects(arrays):
    out = np.empty(len(arrays), object)
    out[:] = arrays
    return out


def header(count):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (count,)})
    return file.getvalue()


def python_2(arrays):
    """A member as NumPy of Python 2 wrote it: protocol 2, bytes as SHORT_BINSTRING or BINSTRING."""

    def string(data):
        return b"U" + bytes([len(data)]) + data if len(data) < 256 else b"T" + struct.pack("<i", len(data)) + data

    begun = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"

    def dtype(code, order, flags=b"K\x00"):
        made = b"cnumpy\ndtype\nU\x02" + code + b"K\x00K\x01\x87R"
        return made + b"(K\x03U\x01" + order + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff" + flags + b"tb"

    def array(shape, kind, data):
        sizes = b"".join(b"J" + struct.pack("<i", size) for size in shape)
        return begun + b"(K\x01(" + sizes + b"t" + kind + b"\x89" + data + b"tb"

    inner = b"".join(array(each.shape, dtype(b"i2", b"<"), string(each.tobytes())) for each in arrays)
    whole = array((len(arrays),), dtype(b"O8", b"|", b"K?"), b"](" + inner + b"e")
    return header(len(arrays)) + b"\x80\x02" + whole + b"."


def packed(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def same(parts, expected=SKETCHES):
    assert list(parts) == ["train", "valid", "test"]
    for part in parts.values():
        assert len(part) == len(expected)
        for one, other in zip(part, expected):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def test_files_of_python_2(tmp_path):
    member = python_2([*SKETCHES, np.full((100, 3), -7, np.int16)])
    expected = pickle.loads(member[len(header(3)) :], encoding="latin1")  # the pickle is a real one
    same(pickled.read_npz(packed(tmp_path / "a.npz", train=member, valid=member, test=member)), list(expected))
    assert len(expected[2]) == 100


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "i1", "f4", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_files_of_python_3(tmp_path, dtype, order):
    arrays = [np.array([[1, -2, 0], [30, 4, 1]], dtype, order=order), np.zeros((0, 3), dtype)]
    np.savez(tmp_path / "a.npz", **{name: objects(arrays) for name in pickled.SPLITS}, more=np.zeros(2))
    same(pickled.read_npz(tmp_path / "a.npz"), arrays)


def test_arrays_of_numbers(tmp_path):
    whole = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    np.savez(tmp_path / "a.npz", train=whole, valid=whole, test=whole)
    same(pickled.read_npz(tmp_path / "a.npz"), list(whole))


class Hostile:
    def __init__(self, function, *arguments):
        self.given = function, arguments

    def __reduce__(self):
        return self.given


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_hostile_pickle_does_not_run(tmp_path, protocol):
    folder = tmp_path / "made"
    hostile = pickle.dumps(objects([SKETCHES[0], Hostile(os.mkdir, str(folder))]), protocol)
    pickle.loads(hostile)
    folder.rmdir()  # it would have run
    good = python_2(SKETCHES)
    path = packed(tmp_path / "a.npz", train=good, valid=good, test=header(2) + hostile)
    assert str(path) in refused(r"more than arrays: a pickle of posix\.mkdir, which could run", pickled.read_npz, path)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (objects([np.zeros((1, 3)), 3.5]), "expected 'test' as an array of arrays"),
        (objects([np.zeros((1, 3)), objects([1])]), "expected 'test' as an array of arrays"),
        (objects([np.zeros(3, "U1")] * 2), "is damaged, or no .npz file of sketches: an array of 'U1'"),
        (objects([SKETCHES[0]]), "expected 'test' as an array of arrays"),  # the header says two
        ({"a": 1}, "is damaged"),
        ([np.zeros(3)], "is damaged"),
    ],
)
def test_pickles_of_other_objects(tmp_path, value, says):
    good = python_2(SKETCHES)
    path = packed(tmp_path / "a.npz", train=good, valid=good, test=header(2) + pickle.dumps(value, 4))
    refused(says, pickled.read_npz, path)


def test_files_that_are_not_whole(tmp_path):
    path, good = tmp_path / "a.npz", python_2(SKETCHES)
    refused("cannot be read: No such file", pickled.read_npz, path)
    packed(path, train=good, test=good)
    refused("expected the arrays train, valid and test; found test, train", pickled.read_npz, path)
    packed(path, train=good, valid=good, test=good)
    content = path.read_bytes()
    assert outcomes(path, cut(content, 40), lambda: pickled.read_npz(path)) == [None] * len(list(cut(content, 40)))
    for found in outcomes(path, changed(content, 23), lambda: pickled.read_npz(path)):
        if found is not None:  # a byte that nothing depends on
            same(found)
    for end in range(0, len(good), 7):
        packed(path, train=good, valid=good, test=good[:end])
        with pytest.raises(Refused):
            pickled.read_npz(path)


def test_arrays_that_claim_more_than_the_file_has(tmp_path):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<i2", "fortran_order": False, "shape": (10**9, 3, 3)})
    path = packed(tmp_path / "a.npz", **dict.fromkeys(("train", "valid", "test"), file.getvalue()))
    plainly("train claims more numbers than are there", path, pickled.read_npz, path)
    path = packed(tmp_path / "b.npz", **{f"{n}/{'x' * 50}": b"" for n in range(99)})
    plainly("expected the arrays train, valid and test; found", path, pickled.read_npz, path)
