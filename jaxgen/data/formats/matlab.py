"""Arrays in MATLAB's files of version 5. Files are not trusted: scipy's reader ends the process on some damaged ones.

https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
"""

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.places import reading, reason_of

START = 128  # bytes of text, version and byte order
TYPES = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}  # of stored numbers
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
MATRIX, PACKED, CELLS, COMPLEX = 14, 15, 1, 0x800
MOST = 2**28  # bytes of a believable file, unpacked

Value = np.ndarray | list[np.ndarray]


def read(path: Path, names: Sequence[str]) -> dict[str, Value]:
    """The variables of these names: arrays of real numbers, and cells as lists of such arrays, column by column.

    Raises Refused where the file cannot be read, is damaged, lacks a name, or claims to unpack to more than MOST.
    """
    with reading(path):
        size = path.stat().st_size
        content = path.read_bytes() if size <= MOST else b""
    order = {b"IM": "<", b"MI": ">"}.get(content[START - 2 : START])
    if order is None:
        raise Refused(f"{path} cannot be read: it is no MATLAB file of version 5, or too large: {size:,} bytes")
    found: dict[str, Value] = {}
    try:
        for kind, data in _elements(memoryview(content)[START:], order):
            if kind == MATRIX and (name := _name(data, order)) in names:
                found[name] = _value(data, order)
    except (ValueError, struct.error, zlib.error) as error:
        raise Refused(f"{path} is damaged: {reason_of(error)}") from error
    if lacking := [name for name in names if name not in found]:
        raise Refused(f"{path} has no {lacking[0]}")
    return found


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and content of the elements that lie one after the other; what is packed is unpacked."""
    at, left = 0, MOST
    while at < len(data):
        (kind,) = struct.unpack_from(f"{order}I", data, at)
        if kind >> 16:  # a short element: length and type in one word
            length, start, step = kind >> 16, at + 4, 8
        else:
            (length,) = struct.unpack_from(f"{order}I", data, at + 4)
            start, step = at + 8, 8 + (length if kind == PACKED else -(-length // 8) * 8)
        if start + length > len(data):
            raise ValueError(f"an element claims {length:,} bytes, and {max(0, len(data) - start):,} are there")
        content = data[start : start + length]
        if kind == PACKED:
            unpacked = _unpacked(content, left)
            left -= len(unpacked)
            yield from _elements_of_one(unpacked, order)
        else:
            yield kind & 0xFFFF, content
        at += step


def _elements_of_one(data: bytes, order: str) -> Iterator[tuple[int, memoryview]]:
    """The one element that was packed, which is a matrix."""
    kind, length = struct.unpack_from(f"{order}II", data)
    if kind != MATRIX or 8 + length > len(data):
        raise ValueError("what is packed is no whole variable")
    yield kind, memoryview(data)[8 : 8 + length]


def _unpacked(content: memoryview, most: int) -> bytes:
    unpacking = zlib.decompressobj()
    data = unpacking.decompress(content, most + 1)
    if len(data) > most:
        raise ValueError(f"it unpacks to more than {MOST:,} bytes, which is not believable")
    if not unpacking.eof:
        raise ValueError("a variable ends too early")
    return data


def _parts(data: memoryview, order: str) -> tuple[int, list[int], str, list[tuple[int, memoryview]]]:
    """Flags, lengths of the axes, name, and the elements that follow, of a matrix."""
    elements = list(_elements(data, order))
    if len(elements) < 3 or [kind for kind, _ in elements[:3]] != [6, 5, 1] or len(elements[0][1]) != 8:
        raise ValueError("a variable does not begin with its flags, shape and name")
    (flags, _), (_, shape), (_, name) = struct.unpack(f"{order}II", elements[0][1]), *elements[1:3]
    return flags, np.frombuffer(shape, f"{order}i4").tolist(), bytes(name).decode("latin-1"), elements[3:]


def _name(data: memoryview, order: str) -> str:
    return _parts(data, order)[2]


def _value(data: memoryview, order: str, inside: bool = False) -> Any:
    flags, shape, _, elements = _parts(data, order)
    count = math.prod(shape) if min(shape, default=-1) >= 0 else -1
    if flags & 0xFF == CELLS and not inside:
        if len(elements) != count or any(kind != MATRIX for kind, _ in elements):
            raise ValueError(f"{len(elements):,} cells in the shape {shape[:4]}")
        return [_value(cell, order, True) if len(cell) else np.zeros((0, 0)) for _, cell in elements]
    if flags & 0xFF not in CLASSES or flags & COMPLEX or len(elements) != 1 or elements[0][0] not in TYPES:
        raise ValueError("a variable has no real numbers")
    numbers = np.frombuffer(elements[0][1], f"{order}{TYPES[elements[0][0]]}")
    if len(numbers) != count:
        raise ValueError(f"{len(numbers):,} numbers in the shape {shape[:4]}")
    with np.errstate(invalid="ignore"):  # of numbers that the class cannot have
        return numbers.astype(CLASSES[flags & 0xFF]).reshape(shape, order="F")
