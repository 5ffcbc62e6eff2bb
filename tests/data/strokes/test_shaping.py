"""Strokes and offsets, simplification, scale and padding."""

import numpy as np
import pytest
from refusals import refused

from jaxgen.data.strokes import shaping


def strokes(seed=0, counts=(5, 1, 8)):
    rng = np.random.default_rng(seed)
    return [rng.integers(-50, 50, (count, 2)).astype(float) for count in counts]


def test_offsets_are_movements_with_the_pen_lifted_at_the_end_of_each_stroke():
    ours = shaping.to_offsets([[[3, 4], [5, 4]], [], [[5, 9]]])
    np.testing.assert_array_equal(ours, [[0, 0, 0], [2, 0, 1], [0, 5, 1]])
    assert ours.dtype == np.float32
    assert shaping.to_offsets([]).shape == (0, 3)


def test_strokes_return_from_their_offsets():
    drawn = strokes()
    again = shaping.to_strokes(shaping.to_offsets(drawn), start=tuple(drawn[0][0]))
    assert [len(each) for each in again] == [5, 1, 8]
    for one, other in zip(again, drawn):
        np.testing.assert_array_equal(one, other)
    moved = shaping.to_strokes(shaping.to_offsets(drawn))
    np.testing.assert_array_equal(moved[2], drawn[2] - drawn[0][0])


def test_the_last_stroke_ends_where_the_offsets_end():
    (one,) = shaping.to_strokes([[1, 1, 0], [2, 0, 0.4]])
    np.testing.assert_array_equal(one, [[1, 1], [3, 1]])


def recursive(points, tolerance):
    """Ramer-Douglas-Peucker as it is defined, a point at a time."""
    (first, *inner, last) = points
    if not inner:
        return [first, last]

    def distance(point):
        line = last - first
        along = min(1.0, max(0.0, float((point - first) @ line / (line @ line)))) if line.any() else 0.0
        return float(np.hypot(*(point - first - along * line)))

    far = [distance(point) for point in inner]
    if max(far) <= tolerance:
        return [first, last]
    at = far.index(max(far)) + 1
    return recursive(points[: at + 1], tolerance)[:-1] + recursive(points[at:], tolerance)


@pytest.mark.parametrize("tolerance", [0.0, 1.0, 4.0, 1000.0])
@pytest.mark.parametrize("closed", [False, True])
def test_simplification_is_the_recursive_definition(tolerance, closed):
    walk = np.cumsum(strokes(3, (60,))[0] / 10, axis=0)
    walk = np.concatenate([walk, walk[:1]]) if closed else walk
    ours = shaping.simplified(walk, tolerance)
    np.testing.assert_array_equal(ours, recursive(list(walk), tolerance))
    assert (len(ours) == 2) == (tolerance == 1000)
    assert tolerance != 4 or 2 < len(ours) < 50  # some points go and some stay


def test_simplification_of_what_is_short_or_straight():
    for count in (0, 1, 2):
        assert len(shaping.simplified(np.zeros((count, 2)), 1.0)) == count
    np.testing.assert_array_equal(shaping.simplified(np.array([[0, 0], [1, 0.4], [3, 0]]), 0.5), [[0, 0], [3, 0]])
    # Behind the end of the segment it is the distance from the end that counts, not from the line.
    assert len(shaping.simplified(np.array([[0, 0], [9, 0], [3, 0]]), 5.0)) == 3


def test_the_scale_is_one_standard_deviation_of_dx_and_dy_together():
    sketches = [np.array([[1, 2, 1]]), np.array([[-3, 8, 0], [0, 0, 1]])]
    np.testing.assert_allclose(shaping.scale_of(sketches), np.std([1, 2, -3, 8, 0, 0]))
    refused("no scale", shaping.scale_of, [np.array([[0, 0, 1]])])


def test_padding_divides_movements_and_leaves_the_pen():
    out, length = shaping.padded([np.array([[2, 4, 1]]), np.array([[1, 0, 0], [0, 6, 1]])], 3, scale=2.0)
    np.testing.assert_array_equal(out, [[[1, 2, 1], [0] * 3, [0] * 3], [[0.5, 0, 0], [0, 3, 1], [0] * 3]])
    np.testing.assert_array_equal(length, [1, 2])
    assert (out.dtype, length.dtype) == (np.float32, np.int32)
    with pytest.raises(ValueError, match="broadcast"):
        shaping.padded([np.ones((4, 3))], 3)
