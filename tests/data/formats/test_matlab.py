"""MATLAB's files of version 5: what scipy writes is read, and damage on which scipy's reader crashes is a sentence."""

import struct
import zlib

import numpy as np
import pytest
import scipy.io
from refusals import changed, cut, outcomes, plainly, refused

from jaxgen.data.formats import matlab

NUMBERS = np.arange(12).reshape(3, 4)
CELLS = np.empty((1, 3), object)
CELLS[0] = [NUMBERS[:2].astype(np.uint8), NUMBERS / 7, np.zeros((0, 88))]


def element(kind, content, order="<"):
    return struct.pack(f"{order}II", kind, len(content)) + content + bytes(-len(content) % 8)


def variable(shape, flags, *elements, order="<"):
    """A matrix with these axes."""
    start = element(6, struct.pack(f"{order}II", flags, 0), order)
    start += element(5, struct.pack(f"{order}{len(shape)}i", *shape), order) + element(1, b"faces", order)
    return element(14, start + b"".join(elements), order)


def written(path, content, order=b"IM"):
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1" + order + content)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_what_scipy_writes(tmp_path, packed):
    path = tmp_path / "a.mat"
    kinds = {f"of_{np.dtype(kind).name}": NUMBERS.astype(kind) for kind in ("u1", "i2", "u4", "i8", "f4", "f8")}
    scipy.io.savemat(path, {**kinds, "cells": CELLS, "text": "not asked for"}, do_compression=packed)
    found = matlab.read(path, [*kinds, "cells"])
    for name, array in kinds.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    for ours, theirs in zip(found["cells"], CELLS[0], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    refused("has no other", matlab.read, path, ["other"])
    refused("no real numbers", matlab.read, path, ["text"])


def test_the_other_byte_order(tmp_path):
    numbers = element(9, np.arange(4.0).astype(">f8").tobytes(), ">")
    path = written(tmp_path / "a.mat", variable((2, 2), 6, numbers, order=">"), b"MI")
    np.testing.assert_array_equal(matlab.read(path, ["faces"])["faces"], [[0, 2], [1, 3]])


HOSTILE = {
    "claims 4,294,967,280 bytes": struct.pack("<II", 14, 2**32 - 16),
    "1 numbers in the shape": variable((2**31 - 1, 2**31 - 1), 6, element(9, bytes(8))),
    "0 cells in the shape": variable((2**31 - 1, 1), 1),
    "1 cells in the shape": variable((1, 1), 1, element(9, bytes(8))),  # scipy reads a number as a cell, and crashes
    "no real numbers": variable((1, 1), 1, variable((1, 1), 1, element(14, b""))),
    "does not begin with its flags": element(14, element(9, bytes(8))),
    "is no whole variable": element(15, zlib.compress(element(9, bytes(8)))),
    "Error -3 while decompressing": element(15, bytes(8)),
    "ends too early": element(15, zlib.compress(bytes(999))[:-9]),
    "unpack_from requires": b"\x0e\0\0\0",
    "axis|shape": variable((-1, -8), 6, element(9, bytes(64))),
    "not believable": element(15, zlib.compress(bytes(matlab.MOST + 9), 1)),
}


@pytest.mark.parametrize("says", HOSTILE)
def test_a_hostile_file_is_a_sentence(tmp_path, says):
    path = written(tmp_path / "a.mat", HOSTILE[says])
    plainly(says, path, matlab.read, path, ["faces"])


def test_a_changed_or_missing_byte(tmp_path):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"cells": CELLS})
    content = path.read_bytes()
    load = lambda: [roll.shape for roll in matlab.read(path, ["cells"])["cells"]]
    for found in outcomes(path, [*changed(content, 3), *cut(content, 7)], load):
        assert found is None or isinstance(found, list), found
