"""IDX files, the format of MNIST and its successors: a magic number, dimensions, bytes; usually compressed by gzip.

LeCun, Cortes & Burges, http://yann.lecun.com/exdb/mnist/
"""

import gzip
import math
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core.types import Refused

UNSIGNED_BYTE = 0x08
LARGE = 2**30  # bytes that are only unpacked where the compressed file's own size makes them likely
LIKELY_RATIO = 100
Place = Path | zipfile.Path  # a file, also in an archive that is read where it is


def read(path: Place, dimensions: int) -> np.ndarray:
    """The array [N], or [N, H, W], uint8, of a plain or gzipped file.

    Raises:
        Refused: the file is truncated or corrupt, is no IDX file of unsigned bytes with so many dimensions, or
            unpacks to far more than its size makes likely.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            packed = raw.seek(0, os.SEEK_END)
            raw.seek(0)
            if not zipped:
                return parse(raw, str(path), dimensions, held=packed)
            with gzip.open(raw) as file:
                return parse(file, str(path), dimensions, packed)
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, RuntimeError) as error:  # the last: encrypted
        raise Refused(f"{path} is damaged: {error}; fetch it again") from error
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}") from error


def parse(file: Any, name: str, dimensions: int, packed: int = 0, held: int = 0) -> np.ndarray:
    """The array in an open binary file; its size is `held` where it is plain, and `packed` where it is compressed."""
    head = file.read(4)
    wanted = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if head != wanted:
        kind = {1: "labels", 3: "images"}.get(dimensions, f"{dimensions} dimensions")
        found = head.hex() or "nothing"
        raise Refused(f"{name} is no IDX file of {kind}: expected the magic number {wanted.hex()}, found {found}")
    lengths = file.read(4 * dimensions)
    if len(lengths) < 4 * dimensions:
        raise Refused(f"{name} is truncated in its header")
    shape = struct.unpack(f">{dimensions}I", lengths)
    size = math.prod(shape)
    if packed and size > max(LARGE, LIKELY_RATIO * packed):
        raise Refused(f"{name} claims to unpack from {packed:,} to {size:,} bytes, which is not believable")
    there = held - 4 * (1 + dimensions)
    data = b"" if held and size > there else file.read(size)  # a claim may be larger than what can be asked for
    if len(data) < size:
        found = there if held else len(data)
        raise Refused(f"{name} is truncated: expected {size:,} bytes after the header, found {found:,}")
    if file.read(1):
        raise Refused(f"{name} holds more than the {size:,} bytes its header announces")
    return np.frombuffer(data, np.uint8).reshape(shape)
