"""Drawings in SVG files, against points by hand."""

import numpy as np
import pytest
from refusals import plainly, refused

from jaxgen.data.strokes import svg, svg_path

HEAD = '<svg xmlns="http://www.w3.org/2000/svg">'
LINES = [  # data, strokes
    ("M 1 2 L 3 4 5 6", [[(1, 2), (3, 4), (5, 6)]]),
    ("m1,2l3-4.5.5.5", [[(1, 2), (4, -2.5), (4.5, -2)]]),
    ("M1 2 3 4 m1 1 1e1 0", [[(1, 2), (3, 4)], [(4, 5), (14, 5)]]),
    ("M1 2H5h-1V0v3", [[(1, 2), (5, 2), (4, 2), (4, 0), (4, 3)]]),
    ("M1 1h2v2z", [[(1, 1), (3, 1), (3, 3), (1, 1)]]),
    ("M1 1h2V1H1Z", [[(1, 1), (3, 1), (3, 1), (1, 1)]]),  # closed already
    ("M1 1h2z l0 5", [[(1, 1), (3, 1), (1, 1)], [(1, 1), (1, 6)]]),
    ("M1 1h2z m0 5h1", [[(1, 1), (3, 1), (1, 1)], [(1, 6), (2, 6)]]),
    ("M9 9 M1 1 L2 2", [[(1, 1), (2, 2)]]),
    ("", []),
]


@pytest.mark.parametrize(("data", "expected"), LINES)
def test_lines(data, expected):
    ours = svg_path.path_strokes(data)
    assert len(ours) == len(expected)
    for one, other in zip(ours, expected):
        np.testing.assert_allclose(one, other, atol=1e-12)


def cubic(t, a, b, c, d):
    a, b, c, d, t = *(np.array(p, float) for p in (a, b, c, d)), np.asarray(t)[:, None]
    return (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d


def test_curves_are_cut_at_equal_times():
    times = np.arange(1, svg_path.PIECES + 1) / svg_path.PIECES
    (ours,) = svg_path.path_strokes("M0 0 C 0 4 6 4 6 0 s 6-4 6 0")
    first, second = cubic(times, (0, 0), (0, 4), (6, 4), (6, 0)), cubic(times, (6, 0), (6, -4), (12, -4), (12, 0))
    np.testing.assert_allclose(ours, [(0, 0), *first, *second], atol=1e-12)
    # A quadratic curve is the cubic one whose control points lie at two thirds of the way to its own.
    (ours,) = svg_path.path_strokes("M0 0 q 3 6 6 0 T 12 0 t 6 0")
    parts = [
        cubic(times, *points)
        for points in (
            [(0, 0), (2, 4), (4, 4), (6, 0)],
            [(6, 0), (8, -4), (10, -4), (12, 0)],
            [(12, 0), (14, 4), (16, 4), (18, 0)],
        )
    ]
    np.testing.assert_allclose(ours, [(0, 0), *np.concatenate(parts)], atol=1e-12)
    # After a curve of the other degree nothing is reflected.
    (ours,) = svg_path.path_strokes("M0 0 Q 3 6 6 0 S 9 3 12 0")
    np.testing.assert_allclose(ours[-svg_path.PIECES :], cubic(times, (6, 0), (6, 0), (9, 3), (12, 0)), atol=1e-12)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("M0 0 A 1 1 0 0 1 2 2", "has the command A; .*convert arcs"),
        ("L0 0", "does not begin with a move"),
        ("0 0 M1 1", "does not begin with a move"),
        ("M0 0 L1", "1 numbers after the command L"),
        ("M0 0 C", "0 numbers after the command C"),
        ("M0 0 Z 3", "1 numbers after the command Z"),
        ("M0 0 L 1 #", "' #' in a path"),
    ],
)
def test_bad_paths(data, says):
    with pytest.raises(ValueError, match=says):
        svg_path.path_strokes(data)


def test_elements_and_transformations():
    content = f"""<?xml version="1.0"?>{HEAD}
    <defs><path d="M0 0 L9 9"/></defs><text>none</text>
    <g transform="translate(10, 20) scale(2)"><line x1="1" y2="3"/><g transform="rotate(90)">
    <polyline points="1,0 2,0"/></g></g><polygon points="0 0 4 0 4 4"/><path d="M1 1h1"/>
    <line x2="1" transform="matrix(1 2 3 4 5 6) skewX(45)"/>
    <line y2="1" transform="rotate(180 1 1) translate(2)"/></svg>"""
    expected = [
        [(12, 20), (10, 26)],
        [(10, 22), (10, 24)],
        [(0, 0), (4, 0), (4, 4), (0, 0)],
        [(1, 1), (2, 1)],
        [(5, 6), (6, 8)],
        [(0, 2), (0, 1)],
    ]
    ours = svg.svg_strokes(content.encode())
    assert len(ours) == len(expected)
    for one, other in zip(ours, expected):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_drawings_are_simplified_in_proportion(tmp_path):
    for size in (1, 1000):
        path = tmp_path / "a.svg"
        near, far = 0.5 * svg.TOLERANCE * size, 2 * svg.TOLERANCE * size
        path.write_text(
            f'{HEAD}<polyline points="0 0 {size / 4} {near} {size / 2} 0 {0.7 * size} {far} {size} 0"/></svg>'
        )
        (stroke,) = svg.read_svg(path)
        np.testing.assert_allclose(stroke, np.array([(0, 0), (0.5, 0), (0.7, 2 * svg.TOLERANCE), (1, 0)]) * size)


BOMB = '<!DOCTYPE svg [<!ENTITY a "M0 0 L1 1"><!ENTITY b "&a;&a;&a;&a;">]>' + HEAD + '<path d="&b;"/></svg>'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (BOMB, "has a DOCTYPE"),
        ("", "is no SVG file"),
        (HEAD, "is no SVG file"),
        ("<html/>", "its first element is html"),
        (f"{HEAD}</svg>", "draws nothing"),
        (f'{HEAD}<path d="M0 0"/></svg>', "draws nothing"),
        (f'{HEAD}<polyline points="1 2 3"/></svg>', "3 numbers"),
        (f'{HEAD}<polyline points="1 x"/></svg>', "is no SVG file"),
        (f'{HEAD}<line x1="1e999"/></svg>', "not finite"),
        (f'{HEAD}<line x2="1e300" transform="scale(1e300)"/></svg>', "not finite"),
        (f'{HEAD}<line transform="turn(3)"/></svg>', "turn with 1 numbers"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, content, says):
    path = tmp_path / "a.svg"
    path.write_text(content)
    assert str(path) in refused(says, svg.read_svg, path)


def test_a_missing_file_is_refused(tmp_path):
    refused("cannot be read: No such file", svg.read_svg, tmp_path / "none.svg")


@pytest.mark.filterwarnings("error")
def test_hostile_numbers_and_names(tmp_path):
    path = tmp_path / "a.svg"
    for says, drawing in {
        "could not convert": f'<polyline points="{"(" * 100_000}"/>',
        "is no SVG file that can be read: x": f'<g transform="{"x" * 9999}(1)"/>',
        "farther away than 1e\\+30": '<polyline points="0,0 1e200,3 5,1e170 7,8"/>',
    }.items():
        path.write_text(f"{HEAD}{drawing}</svg>")
        plainly(says, path, svg.read_svg, path)
    path.write_text(f"<{'a' * 9999}/>")
    plainly("its first element is a", path, svg.read_svg, path)
