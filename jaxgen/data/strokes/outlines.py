"""The outlines of characters in TrueType fonts, as closed lines.

Read are the tables that simple glyphs need (https://learn.microsoft.com/typography/opentype/spec/otff): head, cmap of
format 4, loca and glyf. Curves are quadratic, and become PIECES lines each.
"""

import struct
from pathlib import Path

import numpy as np

PIECES = 8  # lines of a curve
ON, SHORT_X, SHORT_Y, AGAIN, SAME_X, SAME_Y = 1, 2, 4, 8, 16, 32  # flags of a point


class Font:
    """A font in memory.

    Raises:
        ValueError: the file is no TrueType font with a cmap of format 4. Damage raises other types too.
    """

    def __init__(self, path: Path):
        data = path.read_bytes()
        if data[:4] not in (b"\x00\x01\x00\x00", b"true"):
            raise ValueError("it is no TrueType font")
        tables = {}
        for n in range(struct.unpack_from(">H", data, 4)[0]):
            tag, _, offset, length = struct.unpack_from(">4sLLL", data, 12 + 16 * n)
            if offset + length > len(data):
                raise ValueError("it is truncated")
            tables[tag.decode("latin-1")] = data[offset : offset + length]
        self._glyphs = tables["glyf"]
        self.em: int = struct.unpack_from(">H", tables["head"], 18)[0]  # units of the font's size
        wide = struct.unpack_from(">h", tables["head"], 50)[0]
        starts = np.frombuffer(tables["loca"], ">u4" if wide else ">u2").astype(np.int64)
        self._starts = starts if wide else 2 * starts
        self._cmap = _unicode(tables["cmap"])

    def contours(self, character: str) -> list[np.ndarray]:
        """The closed outlines of a character, its last point equal to the first: float64 [m, 2] in ems, y upwards.

        Raises ValueError where the font lacks the character, or composes it of others.
        """
        glyph = _glyph(self._cmap, ord(character))
        first, end = self._starts[glyph : glyph + 2]
        if not glyph or first == end:
            raise ValueError(f"it has no {character!r}")
        outlines = _simple(self._glyphs[first:end], character)
        # A single point is where a designer anchors accents.
        return [flattened(points / self.em, on) for points, on in outlines if len(points) > 2]


def _unicode(table: bytes) -> bytes:
    """The part of a cmap that has format 4."""
    for n in range(struct.unpack_from(">H", table, 2)[0]):
        (offset,) = struct.unpack_from(">L", table, 8 + 8 * n)
        if struct.unpack_from(">H", table, offset)[0] == 4:
            return table[offset:]
    raise ValueError("it has no cmap of format 4")


def _glyph(table: bytes, code: int) -> int:
    """The number of a character's glyph; 0 where there is none."""
    half = struct.unpack_from(">H", table, 6)[0]  # bytes of each of four arrays, with 2 bytes after the first
    for at in range(14, 14 + half, 2):
        (end,) = struct.unpack_from(">H", table, at)
        if code > end:
            continue
        (start,), (delta,) = (struct.unpack_from(">H", table, at + 2 + k * half) for k in (1, 2))
        where = at + 2 + 3 * half
        (offset,) = struct.unpack_from(">H", table, where)
        if code < start:
            return 0
        if not offset:
            return (code + delta) % 2**16
        (glyph,) = struct.unpack_from(">H", table, where + offset + 2 * (code - start))
        return (glyph + delta) % 2**16 if glyph else 0
    return 0


def _simple(data: bytes, character: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """(points [m, 2], whether each is on the curve [m]) of each contour of a glyph."""
    (contours,) = struct.unpack_from(">h", data, 0)
    if contours < 0:
        raise ValueError(f"its {character!r} is composed of other glyphs")
    ends = np.array(struct.unpack_from(f">{contours}H", data, 10)) + 1
    at = 10 + 2 * contours
    at += 2 + struct.unpack_from(">H", data, at)[0]  # past the instructions
    flags: list[int] = []
    while len(flags) < ends[-1]:
        flag, at = data[at], at + 1
        repeats = data[at] if flag & AGAIN else 0
        at += bool(flag & AGAIN)
        flags += [flag] * (repeats + 1)
    columns = []
    for short, same in ((SHORT_X, SAME_X), (SHORT_Y, SAME_Y)):
        moves = []
        for flag in flags:
            if flag & short:
                moves.append(data[at] if flag & same else -data[at])
                at += 1
            elif flag & same:
                moves.append(0)
            else:
                moves.append(struct.unpack_from(">h", data, at)[0])
                at += 2
        columns.append(np.cumsum(moves))
    points, on = np.stack(columns, 1).astype(np.float64), np.array([bool(flag & ON) for flag in flags])
    return list(zip(np.split(points, ends[:-1]), np.split(on, ends[:-1])))


def flattened(points: np.ndarray, on: np.ndarray) -> np.ndarray:
    """A closed contour of points [m, 2], of which some are `on` the curve [m] and others control it, as lines [k, 2].

    Between two control points the curve passes through their middle.
    """
    full: list[tuple[np.ndarray, bool]] = []
    for here, is_on, before, was_on in zip(points, on, np.roll(points, 1, axis=0), np.roll(on, 1)):
        if not is_on and not was_on:
            full.append(((here + before) / 2, True))
        full.append((here, bool(is_on)))
    begin = next(n for n, (_, is_on) in enumerate(full) if is_on)
    full = [*full[begin:], *full[: begin + 1]]
    out = [full[0][0]]
    for (before, _), (here, is_on), (after, _) in zip(full, full[1:], [*full[2:], full[0]]):
        if not is_on:
            out += quadratic(before, here, after)
        elif not np.array_equal(out[-1], here):
            out.append(here)
    return np.stack(out)


def quadratic(start: np.ndarray, control: np.ndarray, end: np.ndarray, pieces: int = PIECES) -> list[np.ndarray]:
    """The ends of the pieces, equal in time, of a quadratic Bezier curve; without its start."""
    times = [n / pieces for n in range(1, pieces + 1)]
    return [(1 - t) ** 2 * start + 2 * t * (1 - t) * control + t * t * end for t in times]
