"""Tables too large to hold in memory: rows of numbers in a file, read by number.

They are read and not mapped: pages of a mapped file that were touched count as memory of the process, and a shuffled
epoch touches all of them. A set that has to be decoded first (a folder of JPEGs) is decoded once into such a file, in
the cache folder: `JAXGEN_CACHE`, or jaxgen in XDG_CACHE_HOME (~/.cache).

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
from jaxgen.data.places import cache_folder

BLOCK = 2**24  # bytes read or decoded at once where a whole set goes by
PAUSE = 5.0  # seconds between two lines of progress
RESIDENT = 2**30  # bytes of images up to which a set is held in memory


class Rows(NamedTuple):
    """N rows of D numbers in a file, in an order of their own."""

    path: Path
    offset: int  # bytes before row 0
    width: int  # D
    dtype: np.dtype
    order: np.ndarray  # [N] int64, which rows of the file
    sha256: str  # of the file's rows, for the data set's own


def count(image: "np.ndarray | Rows") -> int:
    """N, of an array or of Rows."""
    return len(image.order) if isinstance(image, Rows) else len(image)


def size(image: "np.ndarray | Rows") -> int:
    """Bytes of an array or of Rows, wherever they are."""
    return image.order.size * image.width * image.dtype.itemsize if isinstance(image, Rows) else image.nbytes


def pick(image: "np.ndarray | Rows", which: np.ndarray | slice) -> "np.ndarray | Rows":
    """Some of the rows, by number or slice; of Rows nothing is read yet."""
    return image._replace(order=image.order[which]) if isinstance(image, Rows) else image[which]


def read(image: "np.ndarray | Rows", which: np.ndarray | slice) -> np.ndarray:
    """Those rows in memory: [*which.shape, D].

    Raises Refused where the file cannot be read, or has become shorter.
    """
    if not isinstance(image, Rows):
        return np.asarray(image[which])
    wanted = image.order[which]
    found = np.empty((wanted.size, image.width), image.dtype)
    stride = image.width * image.dtype.itemsize
    flat = wanted.reshape(-1)
    try:
        with open(image.path, "rb", buffering=0) as file:
            # In the file's order: what lies side by side is read at once by the disk, if not by us.
            for place in np.argsort(flat, kind="stable"):
                row = memoryview(found[place]).cast("B")
                if os.preadv(file.fileno(), [row], image.offset + int(flat[place]) * stride) != stride:
                    raise Refused(f"{image.path} is shorter than it was: row {flat[place]} is missing")
    except OSError as error:
        raise Refused(f"{image.path} cannot be read: {error.strerror or error}") from error
    return found.reshape(*wanted.shape, image.width)


def gather(
    rows: int, width: int, blocks: Callable[[], Iterable[np.ndarray]], identity: object, resident: int = RESIDENT
) -> "np.ndarray | Rows":
    """`blocks()`, decoded images [n, D] uint8 that add up to [rows, width]: in memory, or in the cache folder.

    identity: what the blocks depend on (files, their sizes and times, how they are resized), with a `repr` of its
    own: a cached file of the same identity is taken instead of calling `blocks`.
    resident: bytes up to which they are held in memory.

    Raises Refused where the cache cannot be written, and whatever `blocks` raises; then nothing is left there.
    """
    if rows * width <= resident:
        image = np.empty((rows, width), np.uint8)
        for first, block in _placed(blocks(), rows):
            image[first : first + len(block)] = block
        return image
    name = hashlib.sha256(repr((rows, width, identity)).encode()).hexdigest()[:24]
    path = cache_folder() / "rows" / f"{name}.u8"
    digest = _noted(path, rows * width) or _write(path, blocks, rows, rows * width)
    return Rows(path, 0, width, np.dtype(np.uint8), np.arange(rows), digest)


def _noted(path: Path, total: int) -> str:
    """The hash in the note of a cached file; "" where one of the two is missing, or not what it should be."""
    try:
        note = json.loads(path.with_suffix(".json").read_text())
        return note["sha256"] if (note["bytes"], path.stat().st_size) == (total, total) else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _write(path: Path, blocks: Callable[[], Iterable[np.ndarray]], count: int, total: int) -> str:
    """The file and, written last, the note that says it is whole; returns the rows' hash."""
    part, digest = path.with_name(f".{path.name}.{os.getpid()}.part"), hashlib.sha256()
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free < total + 2**20:
            raise Refused(f"{path.parent} needs {total / 2**30:.1f} GiB for the decoded images (see JAXGEN_CACHE)")
        file = open(part, "wb")  # noqa: SIM115 - closed below: reading `blocks` is no writing
    try:
        with file:
            for _, block in _placed(blocks(), count):
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
    """Tells on stderr how many of `total` are `done`, a line every PAUSE seconds: none where all takes less."""
    printed = time.monotonic()

    def advance(count):
        nonlocal printed
        if time.monotonic() - printed >= PAUSE:
            printed = time.monotonic()
            print(f"{done} {count:,} of {total:,} images", file=sys.stderr, flush=True)

    return advance


def _placed(blocks: Iterable[np.ndarray], total: int) -> Iterator[tuple[int, np.ndarray]]:
    first, advance = 0, progress(total, "decoded")
    for block in blocks:
        yield first, block
        first += len(block)
        advance(first)
