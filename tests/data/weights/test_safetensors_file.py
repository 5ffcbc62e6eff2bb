"""Files of safetensors: as they were stored, and no byte is read that the file does not have."""

import struct

import numpy as np
import pytest
from refusals import refused
from weight_files import drawn, safe_header, write_safetensors

from jaxgen.data.weights.read import read

STATE = {
    **{
        "features.0.weight": drawn(4, 3, 2, 2),
        "half": drawn(3).astype(np.float16),
        "wide": drawn(3).astype(np.float64),
    },
    **{"steps": np.array(7, np.int64), "flags": np.array([True, False]), "none": drawn(0, 3)},
}


def test_tensors_are_as_they_were_stored(tmp_path):
    tensors = read(write_safetensors(tmp_path / "a.safetensors", STATE))
    assert (tensors.layout, list(tensors.arrays)) == ("torch", list(STATE))
    for name, array in STATE.items():
        expected = array.astype(np.float32) if array.dtype.kind == "f" else array
        assert tensors.arrays[name].dtype == expected.dtype
        np.testing.assert_array_equal(tensors.arrays[name], expected)


def test_bfloat16(tmp_path):
    brain = (drawn(6).view(np.uint32) >> 16).astype("<u2")
    path = tmp_path / "a.safetensors"
    path.write_bytes(safe_header({"a": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}) + brain.tobytes())
    expected = (brain.astype(np.uint32) << 16).view(np.float32).reshape(2, 3)
    np.testing.assert_array_equal(read(path).arrays["a"], expected)


def test_one_tensor_of_a_huge_file_is_read_alone(tmp_path):
    huge, path = 2**40, tmp_path / "a.safetensors"
    entries = {
        "huge": {"dtype": "U8", "shape": [huge], "data_offsets": [0, huge]},
        "last": {"dtype": "F32", "shape": [3], "data_offsets": [huge, huge + 12]},
    }
    with path.open("wb") as file:
        start = file.write(safe_header(entries))
        try:
            file.truncate(start + huge)  # a hole, which takes no room
        except OSError:
            pytest.skip("the file system has no holes")
        file.seek(0, 2)
        file.write(drawn(3).tobytes())
    np.testing.assert_array_equal(read(path).arrays["last"], drawn(3))


def entry(dtype="F32", shape=(3,), offsets=(0, 12), **more):
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}}


BAD = {
    "behind the end": (entry(shape=[4], offsets=[0, 16]), "is truncated: 'a' ends at"),
    "other length": (entry(shape=[2]), "the bytes 0 to 12 of 'a' are not F32"),
    "backwards": (entry(shape=[0], offsets=[12, 0]), "the bytes 12 to 0"),
    "negative": (entry(offsets=[-12, 0]), "the bytes -12 to 0"),
    "negative shape": (entry(shape=[-1, -3]), "are not F32"),
    "huge": (entry(shape=[2**40, 2**40]), "are not F32"),
    "fractions": (entry(shape=[3.0]), "are not F32"),
    "truth": (entry(shape=[True, 3]), "are not F32"),
    "unknown type": (entry(dtype="F8_E4M3"), "found F8_E4M3 in 'a'"),
    "no type": ({"a": {}}, "expected dtype, shape and two data_offsets of 'a'"),
    "a number": ({"a": 3}, "expected dtype, shape"),
    "three": (entry(offsets=[0, 1, 2]), "two data_offsets"),
    "nothing": ({"__metadata__": {}}, "holds no tensors"),
}


@pytest.mark.ci
@pytest.mark.parametrize(("entries", "says"), BAD.values(), ids=BAD)
def test_claims_are_checked_before_a_number_is_read(tmp_path, entries, says):
    path = tmp_path / "a.safetensors"
    path.write_bytes(safe_header(entries) + drawn(3).tobytes())
    assert str(path) in refused(says, read, path)


@pytest.mark.ci
def test_headers_that_claim_more_than_the_file_has(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", 90_000_000) + b'{"a": {}}')
    refused("is truncated: its header claims 90,000,000 bytes, and 9 are there", read, path)
    for text in (b'{"a": 1,}', b'{"a": ' + b"[" * 50_000, b'{"\xff": 1}'):
        path.write_bytes(struct.pack("<Q", len(text)) + text)
        refused("its header is no object of JSON", read, path)
    path.write_bytes(struct.pack("<Q", 2**62) + b'{"a": {}}')
    refused("is not a file of weights", read, path)
