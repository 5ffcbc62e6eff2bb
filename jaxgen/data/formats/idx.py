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
from jaxgen.data.places import reason_of

UNSIGNED_BYTE = 0x08
LARGE = 2**30  # bytes; more are unpacked only if at most LIKELY_RATIO times the compressed size
LIKELY_RATIO = 100
HIGHEST_RATIO = 1032  # of unpacked to packed bytes, that gzip can reach
AnyPath = Path | zipfile.Path  # of a file on disk or in a zip archive


def read_idx(path: AnyPath, dimensions: int) -> np.ndarray:
    """The array [N], or [N, H, W], uint8, of a plain or gzipped file.

    Raises:
        Refused: the file cannot be read, is truncated or corrupt, is no IDX file of unsigned bytes with so many
            dimensions, or claims to unpack to far more than is likely.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            packed = raw.seek(0, os.SEEK_END)
            raw.seek(0)
            if not zipped:
                return parse_idx(raw, str(path), dimensions, size=packed)
            with gzip.open(raw) as file:
                return parse_idx(file, str(path), dimensions, packed)
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, RuntimeError) as error:  # the last: encrypted
        raise Refused(f"{path} is damaged: {reason_of(error)}; fetch it again") from error
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}") from error


def parse_idx(file: Any, name: str, dimensions: int, packed: int = 0, size: int = 0) -> np.ndarray:
    """The array in an open binary file of `size` bytes, or, of a gzipped file, of `packed` compressed bytes.

    Raises Refused, see `read_idx`; `name` is the file's in messages.
    """
    start = file.read(4)
    magic = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if start != magic:
        kind = {1: "labels", 3: "images"}.get(dimensions, f"{dimensions} dimensions")
        actual = start.hex() or "nothing"
        raise Refused(f"{name} is no IDX file of {kind}: expected the magic number {magic.hex()}, found {actual}")
    lengths = file.read(4 * dimensions)
    if len(lengths) < 4 * dimensions:
        raise Refused(f"{name} is truncated in its header")
    shape = struct.unpack(f">{dimensions}I", lengths)
    expected = math.prod(shape)
    if packed and expected > min(max(LARGE, LIKELY_RATIO * packed), HIGHEST_RATIO * packed):
        raise Refused(f"{name} claims to unpack from {packed:,} to {expected:,} bytes, which is not believable")
    present = size - 4 * (1 + dimensions)
    data = b"" if size and expected > present else file.read(expected)  # `read` fails for an absurdly large number
    if len(data) < expected:
        length = present if size else len(data)
        raise Refused(f"{name} is truncated: expected {expected:,} bytes after the header, found {length:,}")
    if file.read(1):
        raise Refused(f"{name} holds more than the {expected:,} bytes its header announces")
    return np.frombuffer(data, np.uint8).reshape(shape)
