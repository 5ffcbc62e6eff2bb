"""Drawings as arrays: strokes to offsets and back, simplification, one scale, padding.

stroke     the points that the pen draws without being lifted, absolute [m, 2], y downwards
offsets    a drawing as [n, 3]: rows (dx, dy, 1 where the pen is lifted after the point), as Ha and Eck (2017,
           https://arxiv.org/abs/1704.03477) store it; n points in all strokes
"""

from collections.abc import Sequence

import numpy as np

from jaxgen.core.types import Refused


def to_offsets(strokes: Sequence[np.ndarray]) -> np.ndarray:
    """Strokes [m, 2] to offsets [n, 3] float32. The first point is the origin: its row is (0, 0, pen).

    Strokes without points are left out; of a drawing without any, n is 0.
    """
    drawn = [np.asarray(stroke, np.float64) for stroke in strokes if len(stroke)]
    if not drawn:
        return np.zeros((0, 3), np.float32)
    points = np.concatenate(drawn)
    lifted = np.zeros(len(points))
    lifted[np.cumsum([len(stroke) for stroke in drawn]) - 1] = 1
    with np.errstate(all="ignore"):  # what is infinite stays so
        moved = np.diff(points, axis=0, prepend=points[:1])
        return np.column_stack([moved, lifted]).astype(np.float32)


def to_strokes(offsets: np.ndarray, start: tuple[float, float] = (0.0, 0.0)) -> list[np.ndarray]:
    """Offsets [n, 3] to strokes, float64 [m, 2], of a pen that begins at `start`.

    A stroke ends where the pen is lifted (its number is over 0.5), the last one also where the offsets end.
    """
    offsets = np.asarray(offsets, np.float64)
    points = np.cumsum(offsets[:, :2], axis=0) + start
    ends = np.flatnonzero(offsets[:, 2] > 0.5) + 1
    return [stroke for stroke in np.split(points, ends) if len(stroke)]


def simplified(stroke: np.ndarray, tolerance: float) -> np.ndarray:
    """The points [k, 2] that Ramer-Douglas-Peucker keeps of a stroke [m, 2]; first and last stay.

    A part is replaced by the line between its ends where none of its points is farther than `tolerance` from that
    segment; otherwise it is cut at the farthest, the first of several (Douglas and Peucker 1973,
    https://doi.org/10.3138/FM57-6770-U75U-7727). `tolerance` has the unit of the points; QuickDraw has 2 of 255.
    """
    stroke = np.asarray(stroke)
    kept = np.zeros(len(stroke), bool)
    kept[:1] = kept[-1:] = True
    parts = [(0, len(stroke) - 1)]
    while parts:
        first, last = parts.pop()
        if last - first < 2:
            continue
        away = distances(stroke[first + 1 : last], stroke[first], stroke[last])
        farthest = int(np.argmax(away))
        if away[farthest] > tolerance:
            at = first + 1 + farthest
            kept[at] = True
            parts += [(first, at), (at, last)]
    return stroke[kept]


def distances(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """How far each of points [m, 2] is from the segment between two points [2]: [m] float64."""
    points, start, line = np.asarray(points, np.float64), np.asarray(start, np.float64), np.subtract(end, start)
    length = float(np.dot(line, line))
    along = np.clip((points - start) @ line / length, 0, 1) if length else np.zeros(len(points))
    return np.linalg.norm(points - start - along[:, None] * line, axis=1)


def scale_of(sketches: Sequence[np.ndarray]) -> float:
    """The standard deviation of all numbers dx and dy of offsets [n, 3], together, around their common mean.

    Sketch-RNN divides offsets by this one number (Ha and Eck 2017). Raises Refused where nothing moves.
    """
    moved = np.concatenate([np.asarray(sketch, np.float64)[:, :2].reshape(-1) for sketch in sketches])
    scale = float(moved.std())
    if scale == 0:
        raise Refused("the offsets of all sketches are equal, and so have no scale to divide them by")
    return scale


def padded(sketches: Sequence[np.ndarray], length: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Offsets [n, 3] in one array [N, length, 3] float32, dx and dy divided by `scale`, zeros behind; n, [N] int32.

    Raises ValueError where a sketch has more than `length` points.
    """
    out = np.zeros((len(sketches), length, 3), np.float32)
    for row, sketch in zip(out, sketches):
        row[: len(sketch)] = sketch
    out[..., :2] /= np.float32(scale)
    return out, np.array([len(sketch) for sketch in sketches], np.int32)
