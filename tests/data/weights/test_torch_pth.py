"""State dicts of torch as they were stored, from both kinds of files; and nothing in a pickle is ever run."""

import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from refusals import plainly, refused
from weight_files import (
    drawn,
    integer,
    ordered,
    pickled,
    tensor,
    text,
    write_legacy,
    write_pth,
)

from jaxgen.data.weights.read import read

STATE = {"features.0.weight": drawn(4, 3, 2, 2), "features.0.bias": drawn(4), "steps": np.array(7, np.int64)}
WRITERS = pytest.mark.parametrize("write", [write_pth, write_legacy])


def same(arrays, expected):
    assert list(arrays) == list(expected)
    for name, array in expected.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        np.testing.assert_array_equal(arrays[name], array)


@WRITERS
def test_a_state_dict(tmp_path, write):
    tensors = read(write(tmp_path / "a.pth", STATE))
    assert (tensors.layout, tensors.names) == ("torch", {})
    same(tensors.arrays, STATE)


@WRITERS
def test_arrays_are_read_when_they_are_asked_for(tmp_path, write):
    path = write(tmp_path / "a.pth", STATE)
    arrays, content = read(path).arrays, path.read_bytes()
    path.write_bytes(content.replace(STATE["features.0.bias"].tobytes(), bytes(16)))
    same({"w": arrays["features.0.weight"]}, {"w": STATE["features.0.weight"]})
    if write is write_legacy:  # it has no checksums
        assert not arrays["features.0.bias"].any()
    else:
        refused("the checksum of 'archive/data/1' does not agree", arrays.__getitem__, "features.0.bias")


@WRITERS
def test_types_of_numbers(tmp_path, write):
    numbers = {name: np.array([0, 1, 5.5]).astype(name) for name in ("float16", "float64", "int64", "uint8", "bool")}
    as_float32 = {name: array.astype(np.float32) if "float" in name else array for name, array in numbers.items()}
    same(read(write(tmp_path / "a.pth", numbers)).arrays, as_float32)


def test_bfloat16_and_big_endian_numbers(tmp_path):
    brain = (drawn(6).view(np.uint32) >> 16).astype("<u2")
    state = pickled({"a": tensor("0", brain, kind="BFloat16"), "b": tensor("1", drawn(3))})
    path = write_pth(tmp_path / "a.pth", {}, state, {"0": brain.tobytes(), "1": drawn(3).tobytes()})
    expected = {"a": (brain.astype(np.uint32) << 16).view(np.float32), "b": drawn(3)}
    same(read(path).arrays, expected)
    with zipfile.ZipFile(tmp_path / "b.pth", "w") as archive:
        archive.writestr("b/data.pkl", state)
        archive.writestr("b/byteorder", b"big")
        archive.writestr("b/data/0", brain.byteswap().tobytes())
        archive.writestr("b/data/1", drawn(3).byteswap().tobytes())
    same(read(tmp_path / "b.pth").arrays, expected)


def test_views(tmp_path):
    """Slices and transposed tensors of numbers that they share."""
    flat = drawn(12)
    state = pickled(
        {
            "slice": tensor("k", flat, 3, (2, 2), (2, 1)),
            "transposed": tensor("k", flat, 0, (4, 3), (1, 4)),
            "none": tensor("k", flat, 0, (0, 3), (3, 1)),
            "all": tensor("k", flat),
        }
    )
    arrays = read(write_pth(tmp_path / "a.pth", {}, state, {"k": flat.tobytes()})).arrays
    expected = {"slice": flat[3:7].reshape(2, 2), "transposed": flat.reshape(3, 4).T, "none": flat[:0].reshape(0, 3)}
    same(arrays, expected | {"all": flat})


@WRITERS
def test_checkpoints_that_hold_a_state_dict(tmp_path, write):
    key = "0" if write is write_pth else "94000"
    bias, tail = STATE["features.0.bias"], b"}(" + text("lr") + b"G" + struct.pack(">d", 0.1) + b"u"
    inner = ordered({"bias": tensor(key, bias), "epoch": integer(3)})
    entries = {"epoch": integer(3), "optimizer": tail, "state_dict": inner, "best": b"N"}
    same(read(write(tmp_path / "a.pth", {"x": bias}, pickled(entries))).arrays, {"bias": bias})
    # A module's parameters, and attributes of the dict.
    parameter = b"ctorch._utils\n_rebuild_parameter\n" + tensor(key, bias) + b"\x88ccollections\nOrderedDict\n)R\x87R"
    state = b"\x80\x02" + ordered({"bias": parameter}) + b"}" + text("_metadata") + b"}sb."
    same(read(write(tmp_path / "b.pth", {"x": bias}, state)).arrays, {"bias": bias})


class Hostile:
    """Unpickling this creates a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def hostile(trap):
    """Pickles that would do harm, each beside what is said of it."""
    sentence = f"a pickle of {os.mkdir.__module__}.mkdir, which could run any code"
    for protocol in range(6):
        data = pickle.dumps({"weight": Hostile(trap)}, protocol)
        pickle.loads(data)
        trap.rmdir()  # the trap works
        yield data, sentence
    yield b"\x80\x02cbuiltins\neval\n" + text("1") + b"\x85R.", r"a pickle of builtins\.eval"
    yield b"\x80\x02ctorch\nload\n.", r"a pickle of torch\.load"
    yield (
        b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93.",
        r"a pickle of collections\.OrderedDict\.fromkeys",
    )
    yield b"\x80\x02ctorch\nFloatStorage\n)R.", "is damaged"  # nothing that is called
    yield b"(iposix\nsystem\n.", "the instruction INST"
    yield b"\x80\x02\x82\x01.", "the instruction EXT1"
    yield b"\x80\x02ccollections\nOrderedDict\n)\x81.", "the instruction NEWOBJ"


@pytest.mark.ci
def test_a_hostile_pickle_is_never_run(tmp_path):
    trap, path = tmp_path / "sprung", tmp_path / "a.pth"
    for state, says in hostile(trap):
        for write in (write_pth, write_legacy):
            assert str(path) in refused(says, read, write(path, {"x": drawn(3)}, state))
            assert not trap.exists()
        path.write_bytes(state)  # alone
        refused("is not a file of weights", read, path)
        assert not trap.exists()


ONE = drawn(4)
BAD = {
    "more numbers than stored": (tensor("0", ONE, 0, (5,), (1,)), "'a' claims the shape"),
    "behind the end": (tensor("0", ONE, 2, (3,), (1,)), "'a' claims the shape"),
    "wide steps": (tensor("0", ONE, 0, (2,), (4,)), "'a' claims the shape"),
    "repeated": (tensor("0", ONE, 0, (1000, 1000), (0, 0)), "'a' claims the shape"),
    "negative": (tensor("0", ONE, 0, (2,), (-1,)), "'a' claims the shape"),
    "before the start": (tensor("0", ONE, -1, (2,), (1,)), "'a' claims the shape"),
    "as many steps as sizes": (tensor("0", ONE, 0, (2, 2), (1,)), "'a' claims the shape"),
    "other length": (tensor("0", drawn(5)), "claims the shape"),
    "other type": (tensor("0", ONE, kind="Double"), "claims the shape"),
    "missing": (tensor("7", ONE), "it lacks the numbers '7'"),
    "a view of torch 0.3": (tensor("0", ONE, view=integer(1)), "is damaged, or older than torch"),
    "unknown type": (tensor("0", ONE, kind="ComplexFloat"), r"a pickle of torch\.ComplexFloatStorage"),
    "a number": (integer(3), "holds no tensors by name"),
}


@pytest.mark.ci
@pytest.mark.parametrize(("entry", "says"), BAD.values(), ids=BAD)
def test_claims_are_checked_before_a_number_is_read(tmp_path, entry, says):
    path = write_pth(tmp_path / "a.pth", {}, pickled({"a": entry}), {"0": ONE.tobytes()})
    assert str(path) in refused(says, read, path)


def test_lengths_in_a_pickle_that_are_not_there(tmp_path):
    path = write_legacy(tmp_path / "a.pth", STATE, state=b"\x80\x02X\xff\xff\xff\xff")
    plainly("its list of tensors cannot be read", path, read, path)
    path = write_legacy(tmp_path / "b.pth", STATE, state=b"\x80\x02c" + b"\x7f" * 300 + b"\nx\n.")
    plainly("holds more than tensors", path, read, path)


def test_names_that_do_not_agree_are_not_repeated(tmp_path):
    """zipfile shows both, the second of which may be most of the file."""
    path = write_pth(tmp_path / "a.pth", STATE)
    content = bytearray(path.read_bytes())
    content[26:28] = b"\xff\x03"
    path.write_bytes(content)
    plainly("is truncated or damaged: File name in directory", path, read, path)
