import sys

import numpy as np
import pytest
from PIL import Image

from jaxgen.core.types import Refused
from jaxgen.report import confusions, galleries, plots
from jaxgen.report.canvas import drawing, rendered
from jaxgen.report.page import FULL, HALF, shown_width
from jaxgen.report.plots import Panel

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.text import Text

LETTERS = ["$", "_b"] + [chr(65 + n) for n in range(45)]  # a dollar sign is no mathematics here
X = np.arange(30)


DRAWN = {"scatter": plots.scatter, "matrix": confusions.matrix, "gallery": galleries.gallery, "lines": plots.lines}


def save(path, draw, *arguments):
    path.write_bytes(rendered(draw, *arguments))


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def text_of(figure):
    """All that is written in a figure, sorted, without what is empty."""
    figure.draw_without_rendering()
    return sorted(one.get_text() for one in set(figure.findobj(Text)) if one.get_visible() and one.get_text())


def cloud(classes=47, count=2000):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, count)
    return generator.normal(size=(classes, 2))[labels] * 8 + generator.normal(size=(count, 2)), labels


def counted(classes):
    generator = np.random.default_rng(classes)
    counts = np.diag(generator.integers(50, 1000, classes)) + generator.poisson(2.0, (classes, classes))
    counts[classes // 2] = 0  # a class without examples
    return counts


def layers(count, low=1e-30):
    """`count` lines over 30 steps from 1 to `low`."""
    return {f"layer {n}": (X, np.full(30, low ** (n / max(count - 1, 1)))) for n in range(count)}


CASES = {
    "scatter": ((*cloud(), LETTERS, "$^$ per _x", ("first", "second")), HALF),
    "matrix_20": ((counted(20), ["ankle boot"] * 20, "$^$ per _x"), HALF),
    "matrix_300": ((counted(300), ["お"] * 300, "$^$ per _x"), HALF),
    "gallery_colour": ((np.zeros((38, 32, 32, 3), np.uint8), ["お"] * 38, 10, "$^$ per _x"), 825),
    "lines_50": (([Panel("$", "_x", "$y", layers(50), log_y=True)] * 3, "$^$ per _x"), FULL),
    "lines_3": (([Panel("$", "_x", "$y", layers(3, 0.7), True, True)], "$^$ per _x", "category"), FULL),
}


@pytest.mark.ci
@pytest.mark.parametrize("name", CASES)
def test_files_suit_the_page(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would fail
    arguments, width = CASES[name]
    save(tmp_path / "a.png", DRAWN[name.split("_")[0]], *arguments)
    height, across = pixels(tmp_path / "a.png").shape[:2]
    assert shown_width(across, height) == width
    assert 1.7 < across / width <= 2  # letters have the sizes they were given


@pytest.mark.ci
def test_the_look_is_not_the_users(tmp_path):
    arguments = ([Panel("p", "x", "y", layers(3, 0.1))], "t")
    save(tmp_path / "a.png", plots.lines, *arguments)
    with matplotlib.rc_context({"font.size": 20, "savefig.dpi": 30, "axes.facecolor": "red"}):
        save(tmp_path / "b.png", plots.lines, *arguments)
        assert matplotlib.rcParams["font.size"] == 20
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_figure_is_drawn_when_it_is_rendered(monkeypatch):
    arguments = ([Panel("p", "x", "y", layers(3, 0.1))], "t")
    figure = drawing("lines", "three lines", plots.lines, *arguments, colours="category")
    assert (figure.name, figure.caption, figure.suffix) == ("lines", "three lines", ".png")
    assert figure.render() == rendered(plots.lines, *arguments, "category")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(Refused, match=r"jaxgen\[report\]"):
        figure.render()


def test_scatter_leaves_out_what_is_not_finite(tmp_path):
    points, labels = cloud(3, 60)
    points[labels == 1] = np.nan
    written = text_of(plots.scatter(points, labels, ["a", "b", "c"], "title", ("first", "second")))
    assert {"a", "c", "title", "first", "second"} <= set(written)
    assert "b" not in written


def curves(figure, panel=0):
    return figure.axes[panel].get_lines()


def test_lines_break_where_there_is_no_value():
    y = [0.1, np.nan, 1e-30, 0.0, -1.0, 3.0, 4.0, np.inf]
    panels = [Panel("p", "x", "y", {"a": (range(8), y)}, log_y=log) for log in (False, True)]
    panels.append(Panel("p", "x", "y", {"a": (range(8), np.ones(8))}, log_x=True))
    figure = plots.lines(panels)
    text_of(figure)
    linear, log, across = (curves(figure, panel)[0] for panel in range(3))
    np.testing.assert_array_equal(linear.get_ydata(), [0.1, np.nan, 1e-30, 0.0, -1.0, 3.0, 4.0, np.nan])
    np.testing.assert_array_equal(log.get_ydata(), [0.1, np.nan, 1e-30, np.nan, np.nan, 3.0, 4.0, np.nan])
    np.testing.assert_array_equal(across.get_xdata(), [np.nan, *range(1, 8)])
    assert list(linear.get_markevery()) == [0]  # points without neighbours are dots
    assert list(log.get_markevery()) == [0, 2]
    assert [plot.get_yscale() for plot in figure.axes] == ["linear", "log", "linear"]
    assert all(n % 1 == 0 for n in plots.lines([Panel("", "", "", {"a": ([1, 2], [3, 4])})]).axes[0].get_xticks())


def test_lines_without_any_value_say_so():
    nothing = Panel("p", "x", "y", {"a": (X, np.zeros(30)), "b": ([], [])}, log_y=True, log_x=True)
    assert "no values" in text_of(plots.lines([nothing, Panel("q", "x", "y", layers(2))]))


@pytest.mark.parametrize(
    ("low", "ticks"), [(1e-30, ["1e-30", "1e-20", "1"]), (0.05, ["0.05", "0.1", "1"]), (0.9, ["0.9"])]
)
def test_logarithmic_axes_have_numbers_at_any_range(low, ticks):
    figure = plots.lines([Panel("p", "x", "y", layers(3, low), log_y=True)])
    text_of(figure)
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert set(ticks) <= set(shown)
    assert 3 <= len(shown) <= 9


@pytest.mark.ci
def test_a_sequence_goes_from_dark_to_light_and_names_its_ends():
    figure = plots.lines([Panel("p", "x", "y", layers(50), log_y=True)] * 2, "t")
    written = text_of(figure)
    assert [name for name in written if "layer" in name] == ["layer 0", "layer 25", "layer 49"]
    colours = np.array([curve.get_color()[:3] for curve in curves(figure)])
    assert (np.diff(colours @ [0.2, 0.7, 0.1]) > 0).all()
    np.testing.assert_array_equal(colours, [curve.get_color()[:3] for curve in curves(figure, 1)])


@pytest.mark.ci
@pytest.mark.parametrize(("count", "colours"), [(7, "sequence"), (8, "category"), (40, "category")])
def test_other_lines_have_a_legend(count, colours):
    one, other = Panel("p", "x", "y", layers(count)), Panel("q", "x", "y", {"layer 0": (X, X), "_last": (X, X)})
    figure = plots.lines([one, other], "t", colours)
    written = text_of(figure)
    assert [name for name in written if "la" in name] == sorted([*layers(count), "_last"])
    box, page = figure.legends[0].get_window_extent(), figure.bbox
    assert page.x0 <= box.x0 < box.x1 <= page.x1
    assert page.y0 <= box.y0 < box.y1 <= page.y1
    assert len({str(curve.get_color()) for curve in curves(figure)}) == count
    assert str(curves(figure, 1)[0].get_color()) == str(curves(figure)[0].get_color())


def test_what_cannot_be_drawn_as_lines_is_named():
    panel = Panel("p", "x", "y", layers(2))
    for panels in [[], [panel] * 4, [panel._replace(lines={})]]:
        with pytest.raises(ValueError, match="expected 1 to 3 panels"):
            plots.lines(panels, "t")
    with pytest.raises(ValueError, match='and "rainbow"'):
        plots.lines([panel], "t", "rainbow")
    for x, y in [(X, X[:-1]), (X[None], X[None]), (0.0, 1.0)]:
        with pytest.raises(ValueError, match=r'expected x \[n\] and y \[n\] of the line "b"'):
            plots.lines([panel._replace(lines={"a": (X, X), "b": (x, y)})])


def test_scatter_needs_matching_shapes_and_labels(tmp_path):
    for points, labels in [(np.zeros((3, 3)), np.zeros(3, int)), (np.zeros((3, 2)), np.zeros(2, int))]:
        with pytest.raises(ValueError, match=r"expected points \[N, 2\]"):
            save(tmp_path / "a.png", plots.scatter, points, labels, ["a"])
    with pytest.raises(ValueError, match="expected labels from 0 to 1, found 0 to 2"):
        save(tmp_path / "a.png", plots.scatter, np.zeros((3, 2)), np.arange(3), ["a", "b"])
