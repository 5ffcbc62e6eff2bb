"""Letters of fonts as strokes, and fonts."""

import collections

import numpy as np
import pytest
from refusals import refused

from jaxgen.data.images.glyphs import font_folder
from jaxgen.data.strokes import letters, outlines, shaping


@pytest.fixture(scope="module")
def sketches():
    return letters.sketches()


def signed_area(contour):
    (x, y), (next_x, next_y) = contour[:-1].T, contour[1:].T
    return np.sum(x * next_y - next_x * y) / 2


@pytest.mark.parametrize("name", ["DejaVuSans", "STIXGeneralItalic", "cmr10"])
def test_outlines_are_those_that_matplotlib_draws(name):
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    file = font_folder() / f"{name}.ttf"
    font = outlines.Font(file)
    for letter in "agix":
        ours = font.contours(letter)
        peers = TextPath((0, 0), letter, size=1000, prop=FontProperties(fname=str(file))).to_polygons(closed_only=True)
        assert len(ours) == len(peers)
        assert all(np.array_equal(each[0], each[-1]) for each in ours)
        area, peer = (sum(map(signed_area, each)) for each in (ours, peers))
        np.testing.assert_allclose(1e6 * area, peer, rtol=0.02)  # matplotlib's are rounded to pixels
        np.testing.assert_allclose(1000 * np.concatenate(ours).max(0), np.concatenate(peers).max(0), atol=10)


def test_a_contour_without_points_on_the_curve_passes_between_them():
    square = np.array([(0, 0), (2, 0), (2, 2), (0, 2)], float)
    ours = outlines.flattened(square, np.zeros(4, bool))
    assert {(0.0, 1.0), (1.0, 0.0), (2.0, 1.0), (1.0, 2.0)} <= set(map(tuple, ours))
    assert len(ours) == 4 * outlines.PIECES + 1
    np.testing.assert_array_equal(outlines.flattened(square, np.ones(4, bool)), [*square, square[0]])


def test_a_quadratic_curve():
    ends = outlines.quadratic(np.zeros(2), np.array([1.0, 2.0]), np.array([2.0, 0.0]), 2)
    np.testing.assert_allclose(ends, [(1, 1), (2, 0)])


def test_each_letter_of_each_design_is_in_one_split():
    places = collections.defaultdict(set)
    group = {font: number for number, fonts in enumerate(letters.designs()) for font in fonts}
    counted = collections.Counter()
    for split, letter, font in letters.splits():
        places[letter, group[font]].add(split)
        counted[letter, font] += 1
    assert all(len(each) == 1 for each in places.values())
    assert counted == {(letter, font): 1 for letter in letters.CLASSES for font in group}
    assert group["DejaVuSansMono-Oblique"] == group["DejaVuSansMono"] != group["DejaVuSansMono-Bold"]


def test_splits_have_all_letters_and_no_sketch_of_another(sketches):
    assert {name: len(part) for name, part in sketches.items()} == {"train": 3996, "valid": 540, "test": 612}
    seen = {name: {offsets.tobytes() for offsets, _ in part} for name, part in sketches.items()}
    assert not seen["train"] & seen["test"]
    assert not seen["train"] & seen["valid"]
    assert not seen["valid"] & seen["test"]
    for part in sketches.values():
        assert {label for _, label in part} == set(letters.CLASSES)
    assert max(len(each) for part in sketches.values() for each, _ in part) == 80


def test_letters_are_closed_outlines_the_largest_first(sketches):
    strokes = letters.drawn(outlines.Font(font_folder() / "DejaVuSans.ttf"), "i")
    assert len(strokes) == 2
    assert strokes[0][:, 1].mean() > strokes[1][:, 1].mean()  # the dot comes last, and is above: y is downwards
    for each in strokes:
        np.testing.assert_array_equal(each[0], each[-1])
        assert each[0, 1] == each[:, 1].min()
    for offsets, _ in sketches["test"][::50]:
        for stroke in shaping.to_strokes(offsets):
            np.testing.assert_allclose(stroke[0], stroke[-1], atol=1e-3)


def test_missing_and_damaged_fonts_are_refused(tmp_path):
    path = tmp_path / "a.ttf"
    refused("is missing", letters.opened, path)
    whole = (font_folder() / "cmr10.ttf").read_bytes()
    for content in (b"", whole[:3], whole[:100], whole[:2000], b"OTTO" + whole[4:]):
        path.write_bytes(content)
        refused("cannot be read", letters.opened, path)
    with pytest.raises(ValueError, match="has no 'ж'"):
        outlines.Font(font_folder() / "cmr10.ttf").contours("ж")
    with pytest.raises(ValueError, match="composed"):
        outlines.Font(font_folder() / "DejaVuSans.ttf").contours("é")
