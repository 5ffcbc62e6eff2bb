import io
import math
import sys

import numpy as np
import pytest
from PIL import Image
from study_rows import ACCURACY, ERROR, row, study

from jaxgen.core.types import Refused
from jaxgen.report.canvas import DENSITY
from jaxgen.report.page import FULL, HALF, TALL
from jaxgen.study import charts, panels, records, reporting

pytest.importorskip("matplotlib")
from matplotlib.colors import to_hex
from matplotlib.text import Text

RATES = [1e-3, 1e-2, 1e-1, 1.0, 10.0]
NAMES = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "nadam", "lion", "optax.contrib.muon"]


def panels_of(rows, tasks=(ACCURACY,), names=NAMES[:3]):
    asked = records.Study(rows, tasks, names, names[0])
    return reporting.by_task(asked, records.build_records(asked))


def text_of(figure):
    figure.draw_without_rendering()
    return {one.get_text() for one in figure.findobj(Text) if one.get_visible() and one.get_text()}


def on_the_page(figure):
    """Whether the legend and all that belongs to the plots lie on the page, of a figure that was drawn."""
    boxes = [figure.legends[0].get_window_extent(), *(plot.get_tightbbox() for plot in figure.axes)]
    low, high = np.array([box.min for box in boxes]), np.array([box.max for box in boxes])
    return (low >= -1).all() and (high <= figure.bbox.max + 1).all()


def colour_of(figure, name):
    """The colour and dashes of an optimiser in the legend."""
    legend = figure.legends[0]
    line = next(line for line, text in zip(legend.get_lines(), legend.get_texts()) if text.get_text() == name)
    return to_hex(line.get_color()), line.get_linestyle()


@pytest.fixture(scope="module")
def many():
    """Ten optimisers on three tasks."""
    tasks = [ACCURACY, ERROR, ERROR._replace(name="other", metric="negative_elbo")]
    return panels_of([r for task in tasks for r in study(task, NAMES, RATES, 3, 2)], tasks, NAMES)


@pytest.mark.ci
@pytest.mark.parametrize(
    "name", ["sensitivity", *(pytest.param(name, marks=pytest.mark.ci) for name in ("curves", "performance"))]
)
def test_many_optimisers_on_several_tasks_fit_the_page(name, many):
    figure = getattr(charts, name)(many)
    assert set(NAMES) <= text_of(figure)
    assert on_the_page(figure)
    width, height = figure.bbox.size / DENSITY
    assert width == (panels.SINGLE if name == "performance" else FULL)
    assert height <= TALL
    looks = [colour_of(figure, name) for name in NAMES]
    assert len(set(looks)) == len(NAMES)
    assert looks[8][0] == looks[0][0] == panels.COLOURS[0]


def test_curves_are_medians_with_the_middle_half():
    rows = [row([0.1, end, end], "sgd", seed=s, task="digits") for s, end in enumerate((0.2, 0.3, 0.4, 0.8, None))]
    plot = charts.curves(panels_of(rows)).axes[0]
    (line,) = [line for line in plot.get_lines() if len(line.get_xdata()) == 3]
    np.testing.assert_array_equal(line.get_xdata(), [0, 10, 20])
    np.testing.assert_allclose(line.get_ydata(), [0.1, 0.3, 0.3])  # the lost one counts as 0.1
    band = plot.collections[0].get_paths()[0].vertices
    assert {0.2, 0.4} <= {round(y, 9) for y in band[:, 1]}
    assert "diverged: sgd 1/5" in plot.get_xlabel()
    assert "target" in text_of(plot.figure)
    alone = charts.curves(panels_of(rows[:1])).axes[0]
    assert not alone.collections


def test_the_best_rate_is_a_dot_and_diverged_runs_are_filled_cells():
    rows = study(ACCURACY, NAMES[:2], RATES, 2, 2)
    (panel,) = panels_of(rows, names=NAMES[:2])
    figure = charts.sensitivity([panel])
    text_of(figure)
    plot, strip = figure.axes
    for n, record in enumerate(panel):
        curve, dot = plot.get_lines()[2 * n : 2 * n + 2]
        np.testing.assert_allclose(curve.get_xdata(), np.log10(RATES))
        assert dot.get_xdata()[0] == pytest.approx(math.log10(record.chosen.rate))
        assert dot.get_ydata()[0] == max(curve.get_ydata())
        cells = [bar for bar in strip.patches if bar.get_alpha() is not None and round(bar.get_y() + 0.36) == n]
        assert [bar.get_alpha() for bar in cells] == [score.diverged for score in record.grid]
        assert {0.0, 1.0} < {bar.get_alpha() for bar in cells}
    assert [label.get_text() for label in strip.get_yticklabels()] == NAMES[:2]
    assert [label.get_text() for label in strip.get_xticklabels()] == ["0.001", "0.01", "0.1", "1", "10"]
    calm = [r for r in rows if r["learning_rate"] <= 0.1 and not r["diverged"]]
    assert len(charts.sensitivity(panels_of(calm, names=NAMES[:2])).axes) == 1


def test_a_profile_rises_where_problems_are_solved():
    tasks = [ERROR, ERROR._replace(name="other")]
    rows = [row([1.0, 0.0, 0.0, 0.0], "sgd", task=task.name) for task in tasks]
    rows += [row([1.0, 0.9, 0.9, end], "momentum", task=task.name) for task, end in zip(tasks, (0.0, None))]
    figure = charts.performance(panels_of(rows, tasks, NAMES[:2]))
    sgd, momentum = (line.get_xydata() for line in figure.axes[0].get_lines())
    np.testing.assert_allclose(sgd[:, 1], 1.0)
    assert momentum[0, 0] == 0.0
    np.testing.assert_allclose(momentum[:, 1] - charts.APART, [0.0, 0.5, 0.5])
    np.testing.assert_allclose(momentum[1, 0], np.log2(3))  # of the steps
    assert "share of 2 tasks solved" in text_of(figure)


@pytest.mark.ci
def test_expenses_are_named():
    rows = [row([1.0, 0.5], "sgd", seed=s, seconds=1e-5 * (s + 1), bytes=0) for s in range(3)]
    rows += [row([1.0, 0.5], "momentum", seconds=1e-4, bytes=4096)]
    figure = charts.expenses(panels_of(rows, [ERROR])[0])
    found = text_of(figure)
    assert not any(plot.get_lines() for plot in figure.axes)  # runs side by side share one measurement: no spread
    assert {"sgd", "momentum", "nesterov", "2", "10", "0 B", "4 KiB", "–", "toy"} <= found


ODD = {
    "nothing": [],
    "all null": [row([None, None], task="digits", phase=phase) for phase in ("tuning", "final")],
    "all diverged": [
        row([0.1, None], "sgd", rate, s, phase, "digits", diverged=True)
        for phase in ("tuning", "final")
        for rate in RATES
        for s in (0, 1)
    ],
    "one run": [row([0.1, 0.9], "sgd", task="digits")],
    "one rate": [row([0.1, 0.9], "sgd", 0.1, s, "tuning", "digits") for s in (0, 1)],
    "huge": [row([0.1, 1e30, 1e38], "sgd", rate, s, "tuning", "digits") for rate in RATES for s in (0, 1)],
    "perfect": [row([0.1, 1.0], name, 0.1, s, task="digits") for name in NAMES[:2] for s in (0, 1)],
}


@pytest.mark.parametrize("case", [pytest.param(case, marks=[] if case == "huge" else pytest.mark.ci) for case in ODD])
def test_odd_rows_are_drawn(case):
    names = sorted({row["optimizer"] for row in ODD[case]}) or NAMES[:2]
    found = panels_of(ODD[case], names=names)
    said = [text_of(draw(found)) for draw in (charts.curves, charts.sensitivity, charts.performance)]
    charts.expenses(found[0]).draw_without_rendering()
    assert all(set(names) <= texts for texts in said)
    empty = ["no values" in texts for texts in said]
    assert empty[0] == (case in ("nothing", "all null", "one rate", "huge"))
    assert empty[1] == (case in ("nothing", "all null", "one run", "perfect"))
    assert empty[2] == (case not in ("one run", "perfect"))
    assert not list(charts.profile_figures(found))  # of one task


@pytest.mark.ci
def test_drawings_are_the_same_each_time():
    found = panels_of(study(ACCURACY, NAMES[:2], RATES, 2, 2), names=NAMES[:2])
    drawn = [list(charts.task_figures(found[0], n)) for n in (1, 1)]
    names = [figure.name + figure.suffix for figure in drawn[0]]
    assert names == [f"{name}_1.{kind}" for name in ("curves", "sensitivity", "expenses") for kind in ("png", "svg")]
    png, svg = (figure.render() for figure in drawn[0][-2:])
    assert [png, svg] == [figure.render() for figure in drawn[1][-2:]]
    assert b"<svg" in svg
    with Image.open(io.BytesIO(png)) as image:
        assert image.width == DENSITY * HALF


def test_what_cannot_be_drawn_is_refused(monkeypatch):
    (panel,) = panels_of([])
    for many in ([], [panel] * 4):
        with pytest.raises(ValueError, match="expected 1 to 3 panels"):
            charts.curves(many)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(Refused, match=r"jaxgen\[report\]"):
        next(charts.profile_figures([panel, panel])).render()
