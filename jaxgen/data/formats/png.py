"""Thousands of small PNG images decoded as one: Pillow takes 50 microseconds to open a file, whatever its size.

The rows of all images are put below each other in one tall PNG, with an empty row between them, because a row may be
coded as its difference from the one above (https://www.w3.org/TR/png-3/#9Filter-types).

n          images
H, W, C    height, width, channels of each
"""

import io
import zlib
from collections.abc import Sequence

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = {1: 0, 3: 2}  # C: PNG's number for grey, for red, green and blue
LARGEST = 64 * 64  # pixels of an image beyond which decoding takes longer than opening


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def _header(height: int, width: int, channels: int) -> bytes:
    """The beginning of a file: 8 bits for each channel, not interlaced."""
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return SIGNATURE + _chunk(b"IHDR", size + bytes([8, COLOURS[channels], 0, 0, 0]))


def _file(rows: bytes, height: int, width: int, channels: int, level: int = -1) -> bytes:
    return _header(height, width, channels) + _chunk(b"IDAT", zlib.compress(rows, level)) + _chunk(b"IEND", b"")


def encode(image: np.ndarray) -> bytes:
    """[H, W, 1 or 3] uint8 as a file, its rows not as differences: as small for drawings, and sooner done."""
    height, width, channels = image.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = image.reshape(height, -1)
    return _file(rows.tobytes(), height, width, channels)


def _rows(file: bytes, start: int) -> bytes:
    """The rows of a file as they are coded, each after one byte that says how. Raises ValueError on damage."""
    packed: list[bytes] = []
    at = start
    while True:
        end = at + 8 + int.from_bytes(file[at : at + 4], "big")
        if end + 4 > len(file) or zlib.crc32(file[at + 4 : end]) != int.from_bytes(file[end : end + 4], "big"):
            raise ValueError("a PNG image is cut short, or a checksum in it does not agree")
        kind = file[at + 4 : at + 8]
        if kind == b"IEND":
            return zlib.decompress(b"".join(packed))
        if kind == b"IDAT":
            packed.append(file[at + 8 : end])
        at = end + 4


def decode(files: Sequence[bytes], height: int, width: int, channels: int) -> np.ndarray | None:
    """[n, H * W * C] uint8; None where one of the files is not a plain PNG of this size, or they are large.

    Raises:
        ValueError, zlib.error, OSError: a file is damaged.
    """
    from PIL import Image

    if channels not in COLOURS or height * width > LARGEST:
        return None
    header, size = _header(height, width, channels), height * (1 + width * channels)
    if not files or not all(file.startswith(header) for file in files):
        return None
    rows = [_rows(file, len(header)) for file in files]
    if any(len(each) != size for each in rows):
        raise ValueError("a PNG image has too few or too many rows")
    apart = bytes(1 + width * channels)
    tall = _file(apart + apart.join(rows), len(files) * (height + 1), width, channels, level=0)
    with Image.open(io.BytesIO(tall), formats=("PNG",)) as image:
        pixels = np.asarray(image).reshape(len(files), height + 1, width * channels)
    return pixels[:, 1:].reshape(len(files), -1)
