"""Decoding of thousands of small PNG images at once; Pillow takes 50 microseconds to open a file of any size.

The rows of all images are joined to one tall PNG, with an empty row between images, because a row may be coded as its
difference from the row above (https://www.w3.org/TR/png-3/#9Filter-types).

n          images
H, W, C    height, width, channels of each
"""

import io
import zlib
from collections.abc import Sequence

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = {1: 0, 3: 2}  # C -> PNG's colour type: grey, or red, green and blue
LARGEST = 64 * 64  # pixels of an image beyond which decoding takes longer than opening


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def _header(height: int, width: int, channels: int) -> bytes:
    """The signature and header of a file with 8 bits for each channel, not interlaced."""
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return SIGNATURE + _chunk(b"IHDR", size + bytes([8, COLOURS[channels], 0, 0, 0]))


def _file(rows: bytes, height: int, width: int, channels: int, level: int = -1) -> bytes:
    return _header(height, width, channels) + _chunk(b"IDAT", zlib.compress(rows, level)) + _chunk(b"IEND", b"")


def encode_png(image: np.ndarray) -> bytes:
    """The file of an image [H, W, 1 or 3] uint8, its rows not coded as differences, which is faster."""
    height, width, channels = image.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = image.reshape(height, -1)
    return _file(rows.tobytes(), height, width, channels)


def _rows(file: bytes, start: int) -> bytes:
    """The coded rows of a file with chunks from `start` on, each after its filter byte. Raises ValueError on damage."""
    packed: list[bytes] = []
    position = start
    while True:
        end = position + 8 + int.from_bytes(file[position : position + 4], "big")
        if end + 4 > len(file) or zlib.crc32(file[position + 4 : end]) != int.from_bytes(file[end : end + 4], "big"):
            raise ValueError("a PNG image is cut short, or a checksum in it does not agree")
        kind = file[position + 4 : position + 8]
        if kind == b"IEND":
            return zlib.decompress(b"".join(packed))
        if kind == b"IDAT":
            packed.append(file[position + 8 : end])
        position = end + 4


def decode_pngs(files: Sequence[bytes], height: int, width: int, channels: int) -> np.ndarray | None:
    """The images [n, H * W * C] uint8; None where a file is not a plain PNG of this size, or images are large.

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
    empty = bytes(1 + width * channels)
    tall = _file(empty + empty.join(rows), len(files) * (height + 1), width, channels, level=0)
    with Image.open(io.BytesIO(tall), formats=("PNG",)) as image:
        pixels = np.asarray(image).reshape(len(files), height + 1, width * channels)
    return pixels[:, 1:].reshape(len(files), -1)
