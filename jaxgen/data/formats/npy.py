"""Large arrays in NumPy's format, in an .npy file or a member of an archive, read a block at a time.

Numbers that the file has in the form that is needed (not compressed, in C order, uint8 or little-endian float32) are
read from there. Others are unpacked once into the cache folder.

N    images
D    numbers in an image
"""

import contextlib
import hashlib
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data import rows
from jaxgen.data.rows import Rows

MAGIC = np.lib.format.MAGIC_PREFIX
LOCAL = struct.Struct("<26xHH")  # before a member of a zip file: ends with the lengths of its name and extra field
BYTES, FLOATS = np.dtype("u1"), np.dtype("<f4")


class Large(NamedTuple):
    """An array [N, ...] that is not in memory."""

    path: Path
    member: str  # name in the archive; of an .npy file, its own name
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool  # in Fortran order and not C order
    start: int  # bytes from MAGIC to the first number
    length: int  # bytes from MAGIC to the end
    open: Callable[[], AbstractContextManager[IO[bytes]]]  # at MAGIC
    offset: int | None  # of MAGIC in the file; None where it is compressed
    crc: int | None  # of all bytes from MAGIC on; None where there is no checksum

    @property
    def name(self) -> str:
        """The array's name in an archive."""
        return self.member.removesuffix(".npy")

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers, without the header."""
        return math.prod(self.shape) * self.dtype.itemsize


def in_file(path: Path) -> Large:
    """The array in an .npy file. Raises OSError, or ValueError where its header is damaged or has pickled objects."""
    with path.open("rb") as file:
        header = _header(file)
    return Large(path, path.name, *header, path.stat().st_size, lambda: path.open("rb"), 0, None)


def in_archive(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Large:
    """The array in a member. Raises some five types where header or archive are damaged, or there are objects."""
    with archive.open(info) as file:
        header = _header(file)
    offset = None
    if info.compress_type == zipfile.ZIP_STORED:
        with path.open("rb") as file:
            file.seek(info.header_offset)
            offset = info.header_offset + LOCAL.size + sum(LOCAL.unpack(file.read(LOCAL.size)))

    @contextlib.contextmanager
    def opened():
        with zipfile.ZipFile(path) as again, again.open(info) as file:
            yield file

    return Large(path, info.filename, *header, info.file_size, opened, offset, info.CRC)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype, bool, int]:
    """Shape, dtype, whether in Fortran order, and the length of the header."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(file)
    if version not in readers:  # 3.0 is for arrays of records
        raise ValueError(f"a header of version {version}")
    shape, fortran, dtype = readers[version](file)
    if dtype.hasobject or min(shape, default=0) < 0:
        raise ValueError("pickled objects, or a negative length")
    return shape, dtype, fortran, file.tell()


def to_rows(large: Large) -> Rows:
    """The images as Rows [N, D], uint8 or float32, after reading all of them once to verify them.

    Raises:
        Refused: the array is in Fortran order, the file is damaged, or floats are outside [0, 1].
    """
    if large.fortran and len(large.shape) > 1:
        raise Refused(
            f"{large.path}: expected {large.name!r} in C order, since it is too large to hold in memory; "
            "found Fortran's (store numpy.ascontiguousarray of it)"
        )
    count, width = large.shape[0], math.prod(large.shape[1:])
    dtype = BYTES if large.dtype == BYTES else FLOATS
    if large.offset is not None and large.dtype == dtype:
        digest = hashlib.sha256()
        for block in _blocks(large):
            digest.update(block.data)
        return Rows(large.path, large.offset + large.start, width, dtype, np.arange(count), digest.hexdigest())

    def blocks():
        for block in _blocks(large):
            yield block.astype(dtype).view(np.uint8)

    status = large.path.stat()
    identity = ("npy", str(large.path.resolve()), status.st_size, status.st_mtime_ns, *large[1:7], large.crc)
    image = rows.gather(count, width * dtype.itemsize, blocks, identity, resident=0)
    assert isinstance(image, Rows), "at a limit of 0 bytes"
    return image._replace(width=width, dtype=dtype)


def _blocks(large: Large) -> Iterator[np.ndarray]:
    """All images in order, [n, D] at a time. Raises Refused on damage, after the last block for a wrong checksum."""
    width = math.prod(large.shape[1:])
    stride = width * large.dtype.itemsize
    after = large.length - large.start - large.nbytes  # bytes of the checksum that numpy does not read
    sizes = [large.start, *_sizes(large.nbytes, max(1, rows.BLOCK // stride) * stride), *_sizes(after, rows.BLOCK)]
    crc, position, whole = 0, 0, True
    try:
        with large.open() as file:
            for size in sizes:
                data = file.read(size)
                if len(data) < size:
                    end = position + len(data)
                    raise Refused(f"{large.path} is damaged: {large.member!r} ends after {end:,} bytes")
                crc = zlib.crc32(data, crc)
                if large.start <= position < large.start + large.nbytes:
                    block = np.frombuffer(data, large.dtype).reshape(-1, width)
                    _check_range(large, block)
                    yield block
                position += size
    except zipfile.BadZipFile:
        whole = False
    except (OSError, EOFError, zlib.error) as error:  # or it would be reported as an error of writing the cache
        raise Refused(f"{large.path} cannot be read: {error}") from error
    if not whole or large.crc not in (crc, None):
        raise Refused(f"{large.path} is damaged: the checksum of {large.member!r} does not agree")


def _sizes(total: int, most: int) -> Iterator[int]:
    """The sizes of blocks of at most `most` bytes, `total` bytes in all."""
    for first in range(0, total, most):
        yield min(most, total - first)


def _check_range(large: Large, block: np.ndarray) -> None:
    if block.dtype != BYTES:
        low, high = block.min(), block.max()
        if not (low >= 0 and high <= 1):  # also true for NaN
            raise Refused(f"{large.path}: expected floats in [0, 1] in {large.name!r}, found {low:g} to {high:g}")
