"""HDF5 files that are not trusted: links are not followed, and sizes are compared with the file before allocating."""

import contextlib
import math
import mmap
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.places import reason_of, shown
from jaxgen.data.weights.tensors import BFLOAT16, numbers

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAP = struct.Struct("<4sB3xQ")  # of a global heap, in which strings are: signature, version, bytes with this header
HEAP_START = b"GCOL\x01\0\0\0"
HEAP_ENTRY = struct.Struct("<H6xQ")  # number, 0 for what is free; bytes, for what is free with this header
FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}  # that h5py has itself; others come as plug-ins
OPAQUE = np.dtype("V2")  # as which h5py writes bfloat16
LIKELY_RATIO = 100  # of unpacked to packed bytes


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file, as h5py's. Within it, whatever h5py raises of a damaged file becomes Refused."""
    try:
        import h5py
    except ImportError as error:
        raise Refused(f'{path} is read with h5py: pip install "jaxgen[weights]"') from error
    try:
        with h5py.File(path, "r") as file:
            yield file
    except Refused:
        raise
    except Exception as error:  # h5py raises OSError, KeyError, RuntimeError, ValueError and others of damage
        if lengths := re.search(r"truncated file: eof = (\d+).*stored_eof = (\d+)", str(error)):
            present, expected = (int(number) for number in lengths.groups())
            raise Refused(f"{path} is truncated: expected {expected:,} bytes, found {present:,}") from error
        raise Refused(f"{path} is damaged: {reason_of(error)}") from error


def check_heaps(path: Path, file: Any) -> None:
    """Raises Refused where a global heap of the open file is damaged, on which the HDF5 library would run forever.

    Read are the parts of the file that belong to no array.
    """
    with path.open("rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for start, end in _gaps(file, len(data)):
            at = data.find(HEAP_START, start, end)
            while at >= 0:
                if not _is_heap(data, at):
                    raise Refused(f"{path} is damaged: the strings at byte {at:,} are cut")
                at = data.find(HEAP_START, at + 1, end)


def _gaps(file: Any, size: int) -> Iterator[tuple[int, int]]:
    """The parts of a file of `size` bytes that no array occupies, as first and last byte + 1."""
    import h5py

    extents: list[tuple[int, int]] = []

    def add(name: str, item: Any) -> None:
        offset = item.id.get_offset() if isinstance(item, h5py.Dataset) else None  # None also where it is in chunks
        if offset is not None:
            extents.append((offset, offset + item.id.get_storage_size()))

    file.visititems(add)
    start = 0
    for first, last in sorted(extents):
        if first > start:
            yield start, first
        start = max(start, last)
    yield start, size


def _is_heap(data: Any, at: int) -> bool:
    """Whether the entries of a global heap lie one after the other until its end."""
    if at + HEAP.size > len(data):
        return False
    end = at + HEAP.unpack_from(data, at)[2]
    at += HEAP.size
    while at + HEAP_ENTRY.size <= min(end, len(data)):
        number, length = HEAP_ENTRY.unpack_from(data, at)
        step = HEAP_ENTRY.size + -(-length // 8) * 8 if number else length
        if not step:
            return False
        at += step
    return at <= end <= len(data)


def child(path: Path, group: Any, name: str) -> Any:
    """The group or dataset `name`, with slashes, below a group.

    Raises Refused where there is none, or the way leads over a soft or external link, whose target another file may be.
    """
    import h5py

    for part in name.split("/"):
        link = group.get(part, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            raise Refused(f"{path} is damaged: it lists {shown(name, 60)!r}, which is not there")
        if not isinstance(link, h5py.HardLink):
            raise Refused(
                f"{path}: {shown(part, 60)!r} is a link to {shown(link.path, 60)!r}, and links are not followed"
            )
        group = group[part]
    return group


def texts(path: Path, group: Any, name: str) -> list[str]:
    """An attribute that lists strings; Keras writes long ones in parts, name0, name1, ... [] where there is none."""
    parts = [name] if name in group.attrs else [f"{name}{n}" for n in range(len(group.attrs))]
    lists = [_texts(path, group, part) for part in parts if part in group.attrs]
    return [text for part in lists for text in part]


def text(path: Path, group: Any, name: str) -> str:
    """An attribute that is a string; "" where there is none."""
    values = _texts(path, group, name) if name in group.attrs else []
    return values[0] if values else ""


def _texts(path: Path, group: Any, name: str) -> list[str]:
    import h5py

    identifier = group.attrs.get_id(name)
    if math.prod(identifier.shape) * max(identifier.dtype.itemsize, 1) > path.stat().st_size:
        raise Refused(f"{path} is damaged: {shown(name, 60)} claims to hold {math.prod(identifier.shape):,} strings")
    if h5py.check_string_dtype(identifier.dtype) is None:
        return []  # an empty list, which Keras writes as one of float64
    values = np.asarray(group.attrs[name], object).reshape(-1)
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def check_array(path: Path, dataset: Any) -> None:
    """Raises Refused where a dataset holds no numbers, lies elsewhere, or claims more than the file can hold."""
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise Refused(f"{path} is damaged: {shown(dataset.name, 60)!r} is no array")
    if dataset.external or dataset.is_virtual:
        raise Refused(f"{path}: the numbers of {shown(dataset.name, 60)!r} are in another file, which is not read")
    if dataset.dtype.kind not in "fiu" and dataset.dtype != OPAQUE:
        raise Refused(f"{path}: expected numbers in {shown(dataset.name, 60)!r}, found {shown(str(dataset.dtype), 60)}")
    creation = dataset.id.get_create_plist()
    filters = [creation.get_filter(n)[0] for n in range(creation.get_nfilters())]
    if unknown := [code for code in filters if code not in FILTERS]:
        raise Refused(
            f"{path}: {shown(dataset.name, 60)!r} is packed by filter {unknown[0]}; expected gzip, lzf or none"
        )
    claimed, stored = math.prod(dataset.shape) * dataset.dtype.itemsize, dataset.id.get_storage_size()
    if claimed > (LIKELY_RATIO if filters else 1) * min(stored, path.stat().st_size):
        raise Refused(
            f"{path} is damaged: {shown(dataset.name, 60)!r} claims {claimed:,} bytes, and {stored:,} are stored"
        )


def read_array(path: Path, name: str) -> np.ndarray:
    """The dataset `name`, which is opened anew. Raises Refused as the other functions here do."""
    with opened(path) as file:
        dataset = child(path, file, name)
        check_array(path, dataset)
        array = np.asarray(dataset[()])
    return numbers(array, BFLOAT16 if array.dtype == OPAQUE else array.dtype.str).reshape(array.shape)
