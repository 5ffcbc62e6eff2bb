"""Where drawings are inked, and vector files that hold the same points."""

import re

import numpy as np

from jaxgen.figures import sketched

# Two strokes: a horizontal line of two points, then a single point below.
STROKES = np.array([[0, 0, 0], [10, 0, 1], [-5, 10, 1], [7, 7, 0]], np.float32)


def test_ink_is_on_the_lines():
    image = sketched.picture(STROKES, 3, 60)
    assert image.shape == (60, 60)
    assert image[4, 10:50].max() < 0.4  # the line, near the upper edge
    assert image[55, 30] < 0.7  # the dot
    assert image[20:50].min() > 0.95
    assert sketched.picture(STROKES, 0, 20).min() == 1.0
    whole = sketched.picture(STROKES, 2, 60, np.array([[0, 0], [10, 10]]))  # as long as the last dot is not there
    assert whole[4, 10:50].max() < 0.4
    assert whole[50:].min() > 0.95


def test_vector_files_hold_the_same_points():
    text = sketched.vector({"strokes": STROKES[None], "length": np.array([3])}).decode()
    lines = [np.array(re.findall(r"[-\d.]+", each), float) for each in re.findall(r'points="([^"]*)"', text)]
    np.testing.assert_allclose(lines[0].reshape(-1, 2), [[7, 7], [93, 7]], atol=0.1)
    np.testing.assert_allclose(lines[1].reshape(-1, 2), [[50, 93]], atol=0.1)
