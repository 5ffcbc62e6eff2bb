"""QuickDraw's .ndjson, and .json files of one's own."""

import json

import numpy as np
import pytest
from refusals import plainly, refused

from jaxgen.data.strokes import drawings

DRAWING = {"word": "cat", "countrycode": "US", "drawing": [[[1, 4, 4], [2, 2, 0]], [[0], [5]]]}
OFFSETS = [[0, 0, 0], [3, 0, 0], [0, -2, 1], [-4, 5, 1]]
OWN = {"classes": ["b", "a"], "sketches": [{"class": "a", "strokes": [[[1, 2], [4, 2], [4, 0]], [[0, 5]]]}]}


def test_lines_of_quickdraw(tmp_path):
    path = tmp_path / "a.ndjson"
    raw = {"word": "d\u2028og", "drawing": [[*stroke, [0] * len(stroke[0])] for stroke in DRAWING["drawing"]]}
    path.write_text(f"{json.dumps(DRAWING)}\n\n{json.dumps(raw, ensure_ascii=False)}\r\n", encoding="utf-8")
    (first, cat), (second, dog) = drawings.read_ndjson(path)
    assert (cat, dog) == ("cat", "d\u2028og")
    np.testing.assert_array_equal(first, OFFSETS)
    np.testing.assert_array_equal(second, OFFSETS)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 2 of .* is not JSON, or truncated"),
        ("[" * 100_000, "is not JSON"),
        ("3", "is no drawing"),
        ('{"word": "a"}', "is no drawing"),
        ('{"word": 3, "drawing": []}', "is no drawing"),
        ('{"word": "a", "drawing": [[[1, 2], [3]]]}', "is no drawing"),
        ('{"word": "a", "drawing": [[[1, 2]]]}', "is no drawing"),
        ('{"word": "a", "drawing": [[["x"], [3]]]}', "is no drawing"),
        ('{"word": "a", "drawing": [[[1%s], [3]]]}' % ("0" * 400), "is no drawing"),
    ],
)
def test_other_lines_are_refused(tmp_path, line, says):
    path = tmp_path / "a.ndjson"
    path.write_text(f"{json.dumps(DRAWING)}\n{line}\n")
    assert f"line 2 of {path}" in refused(says, drawings.read_ndjson, path)


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(OWN))
    ((offsets, label),), classes = drawings.read_json(path)
    assert (label, classes) == ("a", ("b", "a"))
    np.testing.assert_array_equal(offsets, OFFSETS)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe", "is not UTF-8"),
        (json.dumps(OWN).encode()[:-2], "is not JSON, or truncated"),
        (b'{"sketches": []}', "is not arranged as"),
        (b'{"classes": [1], "sketches": []}', "is not arranged as"),
        (b'{"classes": ["a", "a"], "sketches": []}', "names a class twice"),
        (b'{"classes": ["a"], "sketches": [{"class": "b", "strokes": []}]}', "sketch 0 of .* class 'b'"),
        (b'{"classes": ["a"], "sketches": [{"class": "a", "strokes": [[1, 2]]}]}', "sketch 0 of .* is not arranged"),
        (b'{"classes": ["a"], "sketches": [{"strokes": []}]}', "sketch 0 of .* is not arranged"),
    ],
)
def test_other_files_are_refused(tmp_path, content, says):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    assert str(path) in refused(says, drawings.read_json, path)


def test_a_long_class_is_not_repeated(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"classes": ["a"], "sketches": [{"class": "b" * 5000, "strokes": []}]}))
    plainly("is of class 'bbb", path, drawings.read_json, path)
