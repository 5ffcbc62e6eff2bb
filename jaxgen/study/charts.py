"""A study's figures: learning curves, sensitivity to the learning rate, performance profiles, costs.

A *panel* holds a task's records, one for each optimiser in the study's order, so that an optimiser has the same colour
in all figures. `curves`, `sensitivity`, `performance` and `expenses` return matplotlib's figures, and raise Refused
where it is missing.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from jaxgen.report.canvas import DENSITY, GRID, SOFT, canvas, drawing, styled, vector
from jaxgen.report.items import Figure
from jaxgen.report.page import HALF, TALL
from jaxgen.study.comparisons import profile
from jaxgen.study.panels import SINGLE, TaskPanel, decades, dress, few, legend, line_style, mark_empty, panel_figure
from jaxgen.study.records import solved
from jaxgen.study.scales import fit
from jaxgen.study.statistics import RunRow, as_floats, lost, untrained
from jaxgen.study.table import bytes_text, digits

SHADE = 0.1
APART = 0.003  # distance of a profile's lines, so that equal ones are all visible

CAPTIONS = {
    "curves": "Learning curves of the final runs: the median over seeds, the middle half of them shaded. Where the "
    "objective's good end is crowded, the axis is logarithmic in the distance to it.",
    "sensitivity": "Mean value over the tuning seeds at each learning rate of the grid, in which a run that failed "
    "counts as untrained; shaded its 95 % interval, or the range where there are fewer than 5 seeds or runs failed; "
    "the best rate a dot. Below, which runs diverged: the fuller the colour, the more.",
    "expenses": "What an update costs: training time (median of the final runs), and bytes of the optimiser's state.",
    "performance": "Performance profile: the share of tasks in which the target is reached, in the median over seeds, "
    "within so many times the fewest updates. Lines are drawn a little above each other, so that equal ones are seen.",
}


def task_figures(panel: TaskPanel, number: int) -> Iterator[Figure]:
    """The figures of the study's task of this number, from 1, which stands in their names: PNG and SVG of each."""
    yield from _figures("curves", f"_{number}", curves, [panel])
    yield from _figures("sensitivity", f"_{number}", sensitivity, [panel])
    yield from _figures("expenses", f"_{number}", expenses, panel)


def profile_figures(panels: Sequence[TaskPanel]) -> Iterator[Figure]:
    """The figures of all tasks, if there are several: of one task, a profile says no more than its table."""
    if len(panels) > 1:
        yield from _figures("performance", "", performance, panels)


def _figures(name, number, draw, *args) -> Iterator[Figure]:
    """The figure for the page, and the same as SVG for a paper."""
    yield drawing(name + number, CAPTIONS[name], draw, *args)._replace(density=DENSITY)
    yield Figure(name + number, CAPTIONS[name], lambda: vector(draw, *args), ".svg")


@styled
def curves(panels: Sequence[TaskPanel]):
    """The objective on the validation split over updates: the median of the final runs, and the middle half of them.

    Values that are not finite are drawn as they count: as untrained.
    """
    figure, plots = panel_figure(panels, 340)
    for plot, panel in zip(plots[0], panels):
        runs = {n: record.finals for n, record in enumerate(panel) if record.finals}
        quarters = {n: np.quantile(objectives(some), [0.25, 0.5, 0.75], axis=0) for n, some in runs.items()}
        ends = [middle[-1] for _, middle, _ in quarters.values()]
        scale = fit(panel[0].task, [*quarters.values()], panel[0].untrained, ends)
        for n, (low, middle, high) in quarters.items():
            at = runs[n][0]["at"]
            plot.plot(at, scale.drawn(middle), lw=1.6, **line_style(n))
            if len(runs[n]) > 1:
                band = {"color": line_style(n)["color"], "alpha": SHADE, "lw": 0}
                plot.fill_between(at, scale.drawn(low), scale.drawn(high), **band)
            plot.set_xlim(0, at[-1])
        aim = float(scale.drawn(panel[0].target))
        if math.isfinite(aim):
            plot.axhline(aim, color=SOFT, lw=0.8, ls=(0, (2, 3)), zorder=0)
            plot.annotate(
                "target", (1, aim), (3, 0), ("axes fraction", "data"), "offset points", va="center", color=SOFT
            )
        dress(plot, panel, scale)
        gone = [f"{r.optimizer} {sum(map(lost, r.finals))}/{len(r.finals)}" for r in panel if any(map(lost, r.finals))]
        plot.set_xlabel("updates" + ("\ndiverged: " + few(gone) if gone else ""))
    return figure


@styled
def sensitivity(panels: Sequence[TaskPanel]):
    """The score over the learning rates of the grid, its ends shaded, the best rate a dot.

    Below, a row for each optimiser that diverged anywhere: the fuller its cell at a rate, the more of its runs did.
    """
    gone = [n for n, _ in enumerate(panels[0]) if any(score.diverged for panel in panels for score in panel[n].grid)]
    strip = 12 * len(gone) + 8
    height = min(TALL, 300 + strip * bool(gone))
    figure, plots = panel_figure(panels, height, [height - 70 - strip, strip] if gone else [1])
    for column, panel in enumerate(panels):
        plot, tried = plots[0][column], {n: (r.grid, r.chosen) for n, r in enumerate(panel) if r.chosen}
        every = [(score.mean, score.low, score.high) for grid, _ in tried.values() for score in grid]
        scale = fit(panel[0].task, every, panel[0].untrained, [chosen.mean for _, chosen in tried.values()])
        for n, (grid, chosen) in tried.items():
            rates = np.log10([score.rate for score in grid])
            means, low, high = (scale.drawn(ends) for ends in zip(*[(s.mean, s.low, s.high) for s in grid]))
            plot.plot(rates, means, lw=1.4, marker="o", ms=2.6, **line_style(n))
            plot.fill_between(rates, low, high, color=line_style(n)["color"], alpha=SHADE, lw=0)
            dot = {"marker": "o", "ms": 7, "mec": "white", "zorder": 3}
            plot.plot(math.log10(chosen.rate), scale.drawn(chosen.mean), **dot, **line_style(n))
        dress(plot, panel, scale)
        if gone:
            draw_diverged(plots[1][column], panel, gone, named=column == 0)
            plot.tick_params(labelbottom=False)
        bottom = plots[-1][column]
        bottom.set_xlabel("learning rate")
        decades(bottom, [score.rate for grid, _ in tried.values() for score in grid])
    return figure


@styled
def performance(panels: Sequence[TaskPanel]):
    """Performance profile: the share of tasks solved within tau times the fewest steps, medians over seeds.

    Dolan & More 2002, https://doi.org/10.1007/s101070100263. A task is solved where half of the runs reach its target.
    Lines are drawn a little above each other, so that equal ones are all visible.
    """
    ratios = solved(panels)
    figure = canvas(SINGLE, 340)
    plot = figure.add_subplot()
    finite = ratios[np.isfinite(ratios)]
    within = np.unique(np.append(finite, 1.0))
    far = max(2.0, 1.1 * within[-1])
    for n in range(ratios.shape[1] if finite.size else 0):
        share = profile(ratios, within)[:, n] + APART * n
        plot.step(np.log2([*within, far]), [*share, share[-1]], where="post", lw=1.6, **line_style(n))
    plot.grid(axis="y")
    plot.set(
        xlim=(0, math.log2(far)),
        ylim=(0, 1.02 + APART * ratios.shape[1]),
        ylabel=f"share of {len(ratios)} tasks solved",
    )
    plot.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    powers = range(0, int(math.log2(far)) + 1, 1 + int(math.log2(far)) // 8)
    plot.set_xticks(powers, [f"{2**power}" for power in powers])
    plot.set_xlabel("within so many times the steps of the fastest")
    if not finite.size:
        mark_empty(plot)
    legend(figure, panels[0])
    return figure


@styled
def expenses(panel: TaskPanel):
    """Bars of an update's training time and of the state's bytes. Runs side by side share a measurement: no spread."""
    figure = canvas(HALF, 62 + 19 * len(panel))
    left, right = figure.subplots(1, 2, sharey=True)
    bars = {
        left: ("µs a step", [1e6 * r.step for r in panel], lambda value: digits(value, 3)),
        right: ("optimiser's state", [r.bytes for r in panel], bytes_text),
    }
    for plot, (title, values, text) in bars.items():
        plot.set_title(title, size=11.5)
        room = 1.45 * max(filter(math.isfinite, values), default=1.0) or 1.0  # for the numbers beside the bars
        plot.set(xlim=(0, room), xticks=[])
        plot.spines["bottom"].set_visible(False)
        for n, value in enumerate(values):
            length = value if math.isfinite(value) else 0.0
            plot.barh(n, length, height=0.7, color=line_style(n)["color"], alpha=0.8)
            plot.annotate(text(value), (length, n), (4, 0), textcoords="offset points", va="center", size=10)
    left.set_yticks(range(len(panel)), [record.optimizer for record in panel])
    left.tick_params(axis="y", length=0)
    right.tick_params(axis="y", length=0)
    left.invert_yaxis()
    figure.suptitle(panel[0].task.name, x=0.005, ha="left", size=13)
    return figure


def objectives(runs: Sequence[RunRow]) -> np.ndarray:
    """The objectives on the validation split, [runs, evaluations]; the untrained one's where they are not finite."""
    values = np.array([as_floats(row["valid"]) for row in runs])
    return np.where(np.isfinite(values), values, np.array([[untrained(row)] for row in runs]))


def draw_diverged(plot, panel: TaskPanel, shown: Sequence[int], named: bool):
    """A row for each optimiser of those numbers, a cell for each learning rate, the fuller the more runs diverged."""
    for height, n in enumerate(shown):
        rates = np.log10([score.rate for score in panel[n].grid])
        width = 0.86 * np.diff(rates).min(initial=0.5)
        for rate, score in zip(rates, panel[n].grid):
            cell = {"left": rate - width / 2, "height": 0.72}
            plot.barh(height, width, color=GRID, **cell)
            plot.barh(height, width, color=line_style(n)["color"], alpha=score.diverged, **cell)
    plot.set_ylim(len(shown) - 0.5, -0.5)
    plot.set_yticks(range(len(shown)), [panel[n].optimizer for n in shown] if named else [""] * len(shown), size=10)
    plot.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        plot.spines[side].set_visible(False)
