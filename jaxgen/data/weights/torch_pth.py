"""State dicts that torch.save writes: a zip archive, or, before torch 1.6, pickles with the numbers behind them.

https://pytorch.org/docs/stable/notes/serialization.html. torchvision's VGG files, of 2017, are of the older kind.
Nothing is unpickled, see `torch_pickle`; no number is read before its tensor is asked for.
"""

import io
import math
import mmap
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.formats import zipped
from jaxgen.data.formats.npy import LOCAL
from jaxgen.data.places import shown
from jaxgen.data.weights.tensors import Lazy, Tensors, bytes_of, numbers, read_at
from jaxgen.data.weights.torch_pickle import RESAVE, Stored, load

MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the older kind
VERSION = 1001  # the second
START = b"\x80\x02\x8a\x0a" + MAGIC.to_bytes(10, "little")  # that pickle, but for its end
PICKLE = "data.pkl"
WRAPPED = ("state_dict", "model_state_dict", "model", "params")  # of checkpoints that hold more than a state dict
Block = Callable[[], bytes]  # reads the numbers of a storage


def is_torch_zip(archive: zipfile.ZipFile) -> bool:
    """Whether a zip archive is one of torch."""
    return any(name.rpartition("/")[2] == PICKLE for name in archive.namelist())


def read_zip(path: Path, archive: zipfile.ZipFile) -> Tensors:
    """The tensors of a zip archive. Raises Refused where it is damaged, or has anything else but tensors by name."""
    members = zipped.files(path, archive)
    root = next(name for name in members if name.rpartition("/")[2] == PICKLE).removesuffix(PICKLE)
    if f"{root}constants.pkl" in members:
        raise Refused(f"{path} is a TorchScript program, whose code is not run; {RESAVE}")
    for name, info in members.items():
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise Refused(f"{path} is not as torch.save writes it: {shown(name, 60)!r} is compressed; {RESAVE}")
    order = archive.read(f"{root}byteorder") if f"{root}byteorder" in members else b"little"
    state = load(path, io.BytesIO(archive.read(members[root + PICKLE])))

    def block(stored: Stored) -> tuple[int, Block]:
        info = members.get(f"{root}data/{stored.key}")
        if info is None:
            raise Refused(f"{path} is damaged: it lacks the numbers {shown(stored.key, 60)!r}")
        return info.file_size, partial(_member, path, info)

    return Tensors("torch", _lazy(path, state, block, ">" if order == b"big" else "<"))


def _member(path: Path, info: zipfile.ZipInfo) -> bytes:
    """A member of the archive. Raises Refused where its checksum does not agree."""
    # Not by zipfile, which would read the whole directory again for each tensor.
    name, extra = LOCAL.unpack(read_at(path, info.header_offset, LOCAL.size))
    data = read_at(path, info.header_offset + LOCAL.size + name + extra, info.file_size)
    if zlib.crc32(data) != info.CRC:
        raise Refused(f"{path} is damaged: the checksum of {shown(info.filename, 60)!r} does not agree")
    return data


def read_legacy(path: Path) -> Tensors:
    """The tensors of a file of the older kind. Raises Refused as `read_zip` does."""
    size = path.stat().st_size
    blocks: dict[str, tuple[int, Block]] = {}
    # Mapped, since a file that is read allocates as many bytes as a length in it claims.
    with path.open("rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as file:
        magic, version, machine, state, keys = (load(path, file) for _ in range(5))
        known = magic == MAGIC and version == VERSION and isinstance(machine, dict) and isinstance(keys, list)
        if not known or not all(isinstance(key, str) for key in keys):
            raise Refused(f"{path} is not as torch.save writes it; {RESAVE}")
        start = file.tell()
    widths = {stored.key: bytes_of(stored.dtype) for stored in _tensors(path, state).values()}
    order = "<" if machine.get("little_endian", True) else ">"
    for key in keys:
        length = int.from_bytes(read_at(path, start, 8), "little") * widths.get(key, 1)
        start += 8
        if key not in widths or start + length > size:
            raise Refused(f"{path} is truncated or damaged at the numbers {key[:40]!r}")
        blocks[key] = (length, partial(read_at, path, start, length))
        start += length

    def block(stored: Stored) -> tuple[int, Block]:
        if stored.key not in blocks:
            raise Refused(f"{path} is damaged: it lacks the numbers {shown(stored.key, 60)!r}")
        return blocks[stored.key]

    return Tensors("torch", _lazy(path, state, block, order))


def _tensors(path: Path, state: Any) -> Mapping[str, Stored]:
    """The tensors by name of a state dict, or of the one in a checkpoint; what else stands beside them is left out."""
    for part in (state, *(state.get(name) for name in WRAPPED if isinstance(state, dict))):
        if isinstance(part, dict):
            tensors = {name: value for name, value in part.items() if isinstance(value, Stored)}
            if tensors and all(isinstance(name, str) for name in tensors):
                return tensors
    raise Refused(f"{path} holds no tensors by name; {RESAVE}")


def _lazy(path: Path, state: Any, block: Callable[[Stored], tuple[int, Block]], order: str) -> Lazy:
    """The tensors, checked against the bytes that are there."""
    readers = {}
    for name, stored in _tensors(path, state).items():
        length, read = block(stored)
        dtype = stored.dtype if bytes_of(stored.dtype) == 1 else order + stored.dtype
        if not _fits(stored, length):
            raise Refused(
                f"{path} is damaged: {shown(name, 60)!r} claims the shape {str(stored.shape)[:60]} of {length:,} bytes"
            )
        readers[name] = partial(_array, read, stored, dtype)
    return Lazy(readers)


def _fits(stored: Stored, length: int) -> bool:
    """Whether a tensor is a view of so many bytes, and no larger than they are."""
    sizes = (stored.length, stored.offset, *stored.shape, *stored.stride)
    if not all(type(size) is int and size >= 0 for size in sizes) or len(stored.shape) != len(stored.stride):
        return False
    if stored.length * bytes_of(stored.dtype) != length:
        return False
    last = stored.offset + sum((size - 1) * step for size, step in zip(stored.shape, stored.stride))
    return math.prod(stored.shape) <= stored.length and (0 in stored.shape or last < stored.length)


def _array(read: Block, stored: Stored, dtype: str) -> np.ndarray:
    flat = numbers(read(), dtype)[stored.offset :]
    strides = [step * flat.itemsize for step in stored.stride]
    return np.lib.stride_tricks.as_strided(flat, stored.shape, strides).copy()
