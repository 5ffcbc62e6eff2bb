"""Tables that do not fit in memory: rows of numbers in a file, read by their index.

Files are read and not mapped, because the touched pages of a mapped file count as memory of the process, and a shuffled
epoch touches all of them. A set that has to be decoded (a folder of JPEGs) is decoded once into such a file, in the
cache folder: `JAXGEN_CACHE`, or jaxgen in XDG_CACHE_HOME (~/.cache).

N    rows
D    numbers in a row
"""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.core.files import write_whole, writing
from jaxgen.core.types import Refused
from jaxgen.data.places import cache_folder, reading

BLOCK = 2**24  # bytes read or decoded at once where a whole set is processed
PAUSE = 5.0  # seconds between two lines of progress
RESIDENT = 2**30  # bytes of images up to which a set is held in memory


class Rows(NamedTuple):
    """N rows of D numbers in a file, in any order."""

    path: Path
    offset: int  # bytes before row 0
    width: int  # D
    dtype: np.dtype
    order: np.ndarray  # [N] int64, indices of rows in the file
    sha256: str  # of all rows of the file, part of the data set's hash


def count(image: "np.ndarray | Rows") -> int:
    """N, of an array or of Rows."""
    return len(image.order) if isinstance(image, Rows) else len(image)


def size(image: "np.ndarray | Rows") -> int:
    """Bytes of an array or of Rows, in memory or in a file."""
    return image.order.size * image.width * image.dtype.itemsize if isinstance(image, Rows) else image.nbytes


def pick(image: "np.ndarray | Rows", which: np.ndarray | slice) -> "np.ndarray | Rows":
    """The rows with these indices; of Rows nothing is read yet."""
    return image._replace(order=image.order[which]) if isinstance(image, Rows) else image[which]


def read(image: "np.ndarray | Rows", which: np.ndarray | slice) -> np.ndarray:
    """The rows with these indices, in memory: [*which.shape, D].

    Raises:
        Refused: the file cannot be read, or has become shorter.
    """
    if not isinstance(image, Rows):
        return np.asarray(image[which])
    indices = image.order[which]
    flat = indices.reshape(-1)
    table = np.empty((flat.size, image.width), image.dtype)
    stride = image.width * image.dtype.itemsize
    with reading(image.path), open(image.path, "rb", buffering=0) as file:
        # In the file's order, since the disk reads adjacent rows at once.
        for n in np.argsort(flat, kind="stable"):
            row = memoryview(table[n]).cast("B")
            if os.preadv(file.fileno(), [row], image.offset + int(flat[n]) * stride) != stride:
                raise Refused(f"{image.path} is shorter than it was: row {flat[n]} is missing")
    return table.reshape(*indices.shape, image.width)


def gather(
    rows: int, width: int, blocks: Callable[[], Iterable[np.ndarray]], identity: object, resident: int = RESIDENT
) -> "np.ndarray | Rows":
    """Decoded images [rows, width] uint8: an array, or Rows of a file in the cache folder.

    Args:
        rows: N.
        width: D.
        blocks: () -> images [n, D] uint8 in order, N in all.
        identity: everything that the images depend on (files, their sizes and times, how they are resized), with an
            unambiguous `repr`: a cached file of the same identity is used instead of calling `blocks`.
        resident: bytes up to which they are held in memory.

    Raises:
        Refused: the cache cannot be written. Exceptions of `blocks` are passed on. Either leaves no file.
    """
    if rows * width <= resident:
        image = np.empty((rows, width), np.uint8)
        for first, block in _with_positions(blocks(), rows):
            image[first : first + len(block)] = block
        return image
    name = hashlib.sha256(repr((rows, width, identity)).encode()).hexdigest()[:24]
    path = cache_folder() / "rows" / f"{name}.u8"
    digest = _cached_digest(path, rows * width) or _write(path, blocks, rows, rows * width)
    return Rows(path, 0, width, np.dtype(np.uint8), np.arange(rows), digest)


def _cached_digest(path: Path, total: int) -> str:
    """The sha256 in the note beside a cached file of `total` bytes; "" where one of them is missing or damaged."""
    try:
        note = json.loads(path.with_suffix(".json").read_text())
        return note["sha256"] if (note["bytes"], path.stat().st_size) == (total, total) else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _write(path: Path, blocks: Callable[[], Iterable[np.ndarray]], count: int, total: int) -> str:
    """Writes the file and then the note with its sha256, which marks it as complete; returns the sha256."""
    part, digest = path.with_name(f".{path.name}.{os.getpid()}.part"), hashlib.sha256()
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free < total + 2**20:
            raise Refused(f"{path.parent} needs {total / 2**30:.1f} GiB for the decoded images (see JAXGEN_CACHE)")
        file = open(part, "wb")  # noqa: SIM115 - closed below, where errors of `blocks` are no errors of writing
    try:
        with file:
            for _, block in _with_positions(blocks(), count):
                data = np.ascontiguousarray(block).data
                digest.update(data)
                with writing(path):
                    file.write(data)
            with writing(path):
                file.flush()
                os.fsync(file.fileno())
        assert part.stat().st_size == total, "the blocks do not add up to what was announced"
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    write_whole(path.with_suffix(".json"), json.dumps({"sha256": digest.hexdigest(), "bytes": total}).encode())
    return digest.hexdigest()


def progress(total: int, done: str) -> Callable[[int], None]:
    """A function of the number of images `done` ("decoded", ...) that prints it to stderr every PAUSE seconds."""
    printed = time.monotonic()

    def advance(count):
        nonlocal printed
        if time.monotonic() - printed >= PAUSE:
            printed = time.monotonic()
            print(f"{done} {count:,} of {total:,} images", file=sys.stderr, flush=True)

    return advance


def _with_positions(blocks: Iterable[np.ndarray], total: int) -> Iterator[tuple[int, np.ndarray]]:
    """(index of the first image, block) of each block, with lines of progress."""
    first, advance = 0, progress(total, "decoded")
    for block in blocks:
        yield first, block
        first += len(block)
        advance(first)
