import itertools
import math
import re
import xml.etree.ElementTree as ElementTree

import pytest

from jaxgen.report import curves

NAN = math.nan


def paths(svg, group):
    """The coordinates of a line's path, one list per unbroken piece."""
    data = re.search(rf'class="line {group}" d="([^"]*)"', svg)[1]
    return [[tuple(map(float, p.split())) for p in piece.split("L")] for piece in data.split("M")[1:]]


def test_rows_become_curves_and_stages_stand_end_to_end():
    rows = [
        {"stage": 0, "step": 5, "train": {"b": 1.0, "a": 2.0}},
        {"stage": 0, "step": 10, "train": {"b": None, "a": 3.0}, "valid": {"b": 4.0}},
        {"stage": 1, "step": 5, "train": {"a": 5.0}},
        {"stage": 1, "step": 20, "train": {"a": 6.0}},
        {"stage": 2, "step": 30, "train": {"a": 7.0}},  # this one went on counting
    ]
    lines, stages = curves.collect(rows)
    assert list(lines) == ["b", "a"]  # validated ones first
    assert lines["a"]["train"] == [(5, 2.0), (10, 3.0), (15, 5.0), (30, 6.0), (40, 7.0)]
    assert stages == [10, 30]
    assert math.isnan(lines["b"]["train"][1][1])
    assert lines["b"]["valid"] == [(10, 4.0)]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0.13, 0.4, [0.15, 0.2, 0.25, 0.3, 0.35, 0.4]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round_numbers(low, high, expected):
    assert curves.ticks(low, high) == pytest.approx(expected)


def test_labels_have_the_decimals_they_need():
    found = [curves.tick_label(*pair) for pair in ((0.25, 0.05), (1500, 500), (20000, 5000), (1e-7, 1e-7), (0.0, 0.5))]
    assert found == ["0.25", "1,500", "20k", "1e-07", "0.0"]


def test_a_line_goes_where_its_values_are():
    (line,) = paths(curves.svg("a", {"train": [(0, 0.0), (5, 1.0), (10, 0.5)]}), "train")
    (x0, y0), (x1, y1), (x2, y2) = line
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.11)
    assert y0 > y2 > y1  # up is less, in SVG
    assert y0 - y2 == pytest.approx(y2 - y1, abs=0.11)


def test_nan_breaks_the_line_and_a_lone_point_is_a_dot():
    svg = curves.svg("a", {"train": [(0, 1.0), (1, 2.0), (2, NAN), (3, math.inf), (4, 3.0)]})
    assert [len(piece) for piece in paths(svg, "train")] == [2, 1]
    assert svg.count("h0") == 3
    assert "nan" not in svg
    assert "inf" not in svg


def test_nothing_finite_draws_nothing():
    assert curves.svg("a", {"train": [(0, NAN)], "valid": []}) == ""


@pytest.mark.parametrize(
    "values", [[0.0], [5.0, 5.0], [-3.0], [1e-45, 3e38], [-1e38, 1e38], [1e-45], [1.0, 1e2], [1e6, 1e6 + 1]]
)
def test_awkward_values_make_a_drawing(values):
    svg = curves.svg("<a & b>", {"train": list(enumerate(values))})
    root = ElementTree.fromstring(svg)  # well-formed, and the name is escaped
    assert root.get("aria-label") == "<a & b> over steps"
    texts = [text.text for text in root.iter("text")]
    assert len(texts) >= 5
    assert "nan" not in svg


def test_two_decades_make_the_axis_logarithmic():
    decay = [(n, 10.0**-n) for n in range(5)]
    (line,) = paths(curves.svg("a", {"train": decay}), "train")
    drops = [b[1] - a[1] for a, b in itertools.pairwise(line)]
    assert drops == pytest.approx([drops[0]] * 4, abs=0.11)
    assert "logarithmic" in curves.svg("a", {"train": decay})
    assert "logarithmic" not in curves.svg("a", {"train": [*decay, (5, 0.0)]})


def test_long_runs_stay_small_and_keep_their_spikes():
    points = [(n, 1.0 + (n == 61_234)) for n in range(100_000)]
    svg = curves.svg("a", {"train": points})
    (line,) = paths(svg, "train")
    assert len(line) <= 2 * curves.BINS + 2
    assert min(y for _, y in line) == pytest.approx(curves.TOP + 0.05 / 1.1 * (250 - 12 - 42), abs=0.2)
    assert [x for x, _ in line] == sorted(x for x, _ in line)
    assert len(svg) < 20_000
