"""Drawings in SVG files as strokes (https://www.w3.org/TR/SVG11/). Files are not trusted.

Read are <path>, <polyline>, <polygon> and <line> with the transformations of their groups; other shapes, texts, styles
and what only stands in <defs> are passed over.
"""

import math
import re
from pathlib import Path
from xml.parsers import expat

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.places import reading, reason_of
from jaxgen.data.strokes import shaping
from jaxgen.data.strokes.svg_path import path_strokes

TOLERANCE = 2 / 255  # of simplification, in the longer side of a drawing, as QuickDraw has
FARTHEST = 1e30  # of the origin, where squares are still finite float64, and offsets finite float32
UNSEEN = ("defs", "clipPath", "marker", "mask", "pattern", "symbol")  # what they hold is not drawn where it stands
TRANSFORM = re.compile(r"\s*,?\s*(\w+)\s*\(([^)]*)\)")


class _Doctype(Exception):
    """The file has a DOCTYPE, in which entities can be defined."""


def read_svg(path: Path) -> list[np.ndarray]:
    """The strokes, float64 [m, 2] in the file's units, y downwards, of one drawing; curves as a few lines each.

    Points that change a stroke by less than TOLERANCE are left out.

    Raises:
        Refused: the file cannot be read, is no SVG file, has a DOCTYPE, draws an arc, draws nothing, or numbers in it
            are missing or not finite.
    """
    with reading(path):
        content = path.read_bytes()
    try:
        with np.errstate(all="ignore"):  # what overflows is reported below
            strokes = svg_strokes(content)
    except _Doctype:
        raise Refused(f"{path} has a DOCTYPE, which can define entities that never end; remove it") from None
    except (ValueError, LookupError, expat.ExpatError) as error:
        raise Refused(f"{path} is no SVG file that can be read: {reason_of(error)}") from error
    if not strokes:
        raise Refused(f"{path} draws nothing: it has no path, polyline, polygon or line")
    points = np.concatenate(strokes)
    if not (np.abs(points) < FARTHEST).all():  # also true for NaN
        raise Refused(f"{path} has points that are not finite, or farther away than {FARTHEST:g}")
    tolerance = TOLERANCE * float(np.ptp(points, axis=0).max())
    return [shaping.simplified(stroke, tolerance) for stroke in strokes]


def svg_strokes(content: bytes) -> list[np.ndarray]:
    """The strokes [m, 2] of a file's content, in the order of the file.

    Raises ValueError or ExpatError where it is no SVG, and an exception of its own where it has a DOCTYPE.
    """
    strokes: list[np.ndarray] = []
    matrices: list[np.ndarray | None] = []  # of the open elements; None inside of what is not drawn
    parser = expat.ParserCreate(namespace_separator=" ")

    def doctype(*_):
        raise _Doctype

    def start(full, attributes):
        name = full.rpartition(" ")[2]
        if not matrices and name != "svg":
            raise ValueError(f"its first element is {name}")
        outer = matrices[-1] if matrices else np.eye(3)
        seen = outer is not None and name not in UNSEEN
        matrix = outer @ transformation(attributes.get("transform", "")) if seen else None
        matrices.append(matrix)
        if matrix is not None:
            for stroke in _shape(name, attributes):
                strokes.append(stroke @ matrix[:2, :2].T + matrix[:2, 2])

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: matrices.pop()
    parser.Parse(content, True)
    return strokes


def _shape(name: str, attributes: dict[str, str]) -> list[np.ndarray]:
    """The strokes [m, 2] of an element."""
    if name == "path":
        return path_strokes(attributes.get("d", ""))
    if name == "line":
        ends = [float(attributes.get(key, "0")) for key in ("x1", "y1", "x2", "y2")]
        return [np.array(ends).reshape(2, 2)]
    if name in ("polyline", "polygon"):
        numbers = _numbers(attributes.get("points", ""))
        if len(numbers) % 2:
            raise ValueError(f"a {name} has {len(numbers)} numbers, which are no pairs")
        points = np.array(numbers).reshape(-1, 2)
        points = np.concatenate([points, points[:1]]) if name == "polygon" else points
        return [points] if len(points) else []
    return []


def _numbers(text: str) -> list[float]:
    return [float(number) for number in re.split(r"[\s,]+", text.strip(" \t\r\n,")) if number]


def transformation(text: str) -> np.ndarray:
    """The matrix [3, 3] of a transform attribute, for columns (x, y, 1). Raises ValueError for an unknown one."""
    matrix = np.eye(3)
    at, text = 0, text.strip()
    while at < len(text):
        match = TRANSFORM.match(text, at)
        if match is None:
            raise ValueError(f"{text[at : at + 20]!r} is no transformation")
        matrix = matrix @ _matrix(match[1], _numbers(match[2]))
        at = match.end()
    return matrix


def _matrix(name: str, numbers: list[float]) -> np.ndarray:
    """The matrix [3, 3] of one transformation."""
    match name, numbers:
        case "matrix", [a, b, c, d, e, f]:
            return np.array([[a, c, e], [b, d, f], [0, 0, 1]])
        case "translate", [x, *rest] if len(rest) < 2:
            return np.array([[1, 0, x], [0, 1, sum(rest)], [0, 0, 1]])
        case "scale", [x, *rest] if len(rest) < 2:
            return np.diag([x, rest[0] if rest else x, 1.0])
        case "rotate", [angle]:
            cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        case "rotate", [angle, x, y]:
            return _matrix("translate", [x, y]) @ _matrix("rotate", [angle]) @ _matrix("translate", [-x, -y])
        case "skewX" | "skewY", [angle]:
            skew = math.tan(math.radians(angle))
            return np.array([[1, skew if name == "skewX" else 0, 0], [skew if name == "skewY" else 0, 1, 0], [0, 0, 1]])
    raise ValueError(f"{name} with {len(numbers)} numbers is no transformation")
