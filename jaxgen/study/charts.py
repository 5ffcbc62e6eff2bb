"""A study's figures: learning curves, sensitivity to the learning rate, performance profiles, costs.

`save_curves(path, ...)` writes as PNG what `curves(...)` draws, and so on. A *panel* is a task: the records of all its
optimisers, in the study's order, by which each has the same colour in all figures. All raise Refused where matplotlib
is missing.
"""

import math
from collections.abc import Sequence

import numpy as np

from jaxgen.report.canvas import GRID, SOFT, canvas, saved, styled
from jaxgen.report.page import HALF, TALL
from jaxgen.study.comparisons import profile
from jaxgen.study.panels import SINGLE, Panel, decades, dress, few, legend, look, nothing, side_by_side
from jaxgen.study.records import solved
from jaxgen.study.scales import fit
from jaxgen.study.statistics import Row, lost, numbers, untrained
from jaxgen.study.table import digits, memory

SHADE = 0.1
APART = 0.003  # lines of a profile, so that equal ones are all seen


@styled
def curves(panels: Sequence[Panel]):
    """The objective on the validation split over updates: the median of the final runs, and the middle half of them.

    What is not finite is drawn as it counts, as untrained.
    """
    figure, plots = side_by_side(panels, 340)
    for plot, panel in zip(plots[0], panels):
        runs = {n: record.finals for n, record in enumerate(panel) if record.finals}
        quarters = {n: np.quantile(objectives(some), [0.25, 0.5, 0.75], axis=0) for n, some in runs.items()}
        ends = [middle[-1] for _, middle, _ in quarters.values()]
        scale = fit(panel[0].task, [*quarters.values()], panel[0].untrained, ends)
        for n, (low, middle, high) in quarters.items():
            at = runs[n][0]["at"]
            plot.plot(at, scale.drawn(middle), lw=1.6, **look(n))
            if len(runs[n]) > 1:
                plot.fill_between(at, scale.drawn(low), scale.drawn(high), color=look(n)["color"], alpha=SHADE, lw=0)
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
def sensitivity(panels: Sequence[Panel]):
    """The score over the learning rates of the grid, its bootstrap 95 % interval shaded, the best rate a dot.

    Below, a row for each optimiser of which runs diverged, the darker the more of them, over the rates that were tried.
    """
    gone = [n for n, _ in enumerate(panels[0]) if any(score.diverged for panel in panels for score in panel[n].grid)]
    strip = 12 * len(gone) + 8
    height = min(TALL, 300 + strip * bool(gone))
    figure, plots = side_by_side(panels, height, [height - 70 - strip, strip] if gone else [1])
    for column, panel in enumerate(panels):
        plot, tried = plots[0][column], {n: (r.grid, r.chosen) for n, r in enumerate(panel) if r.chosen}
        every = [(score.mean, score.low, score.high) for grid, _ in tried.values() for score in grid]
        scale = fit(panel[0].task, every, panel[0].untrained, [chosen.mean for _, chosen in tried.values()])
        for n, (grid, chosen) in tried.items():
            rates = np.log10([score.rate for score in grid])
            means, low, high = (scale.drawn([getattr(s, end) for s in grid]) for end in ("mean", "low", "high"))
            plot.plot(rates, means, lw=1.4, marker="o", ms=2.6, **look(n))
            plot.fill_between(rates, low, high, color=look(n)["color"], alpha=SHADE, lw=0)
            plot.plot(
                math.log10(chosen.rate), scale.drawn(chosen.mean), marker="o", ms=7, mec="white", zorder=3, **look(n)
            )
        dress(plot, panel, scale)
        if gone:
            diverged(plots[1][column], panel, gone, named=column == 0)
            plot.tick_params(labelbottom=False)
        bottom = plots[-1][column]
        bottom.set_xlabel("learning rate")
        decades(bottom, [score.rate for grid, _ in tried.values() for score in grid])
    return figure


@styled
def performance(panels: Sequence[Panel]):
    """Performance profile: the share of problems (a task with a seed) solved within tau times the fewest steps.

    Lines are drawn a little above each other, so that equal ones are seen.
    Dolan & More 2002, https://doi.org/10.1007/s101070100263. Solved is what reaches the task's target.
    """
    found = solved(panels)
    figure = canvas(SINGLE, 340)
    plot = figure.add_subplot()
    finite = found[np.isfinite(found)]
    within = np.unique(np.append(finite, 1.0))
    far = max(2.0, 1.1 * within[-1])
    for n in range(found.shape[1] if finite.size else 0):
        share = profile(found, within)[:, n] + APART * n
        plot.step(np.log2([*within, far]), [*share, share[-1]], where="post", lw=1.6, **look(n))
    plot.grid(axis="y")
    plot.set(
        xlim=(0, math.log2(far)),
        ylim=(0, 1.02 + APART * found.shape[1]),
        ylabel=f"share of {len(found)} problems solved",
    )
    plot.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    powers = range(0, int(math.log2(far)) + 1, 1 + int(math.log2(far)) // 8)
    plot.set_xticks(powers, [f"{2**power}" for power in powers])
    plot.set_xlabel("within so many times the steps of the fastest")
    if not finite.size:
        nothing(plot)
    legend(figure, panels[0])
    return figure


@styled
def expenses(panel: Panel):
    """Training time of an update and bytes of state, as bars: no spread, as runs side by side share one measurement."""
    figure = canvas(HALF, 62 + 19 * len(panel))
    left, right = figure.subplots(1, 2, sharey=True)
    bars = {
        left: ("µs a step", [1e6 * r.step for r in panel], lambda value: digits(value, 3)),
        right: ("optimiser's state", [r.bytes for r in panel], memory),
    }
    for plot, (title, values, text) in bars.items():
        plot.set_title(title, size=11.5)
        room = 1.45 * max(filter(math.isfinite, values), default=1.0) or 1.0  # for the numbers behind the bars
        plot.set(xlim=(0, room), xticks=[])
        plot.spines["bottom"].set_visible(False)
        for n, value in enumerate(values):
            length = value if math.isfinite(value) else 0.0
            plot.barh(n, length, height=0.7, color=look(n)["color"], alpha=0.8)
            plot.annotate(text(value), (length, n), (4, 0), textcoords="offset points", va="center", size=10)
    left.set_yticks(range(len(panel)), [record.optimizer for record in panel])
    left.tick_params(axis="y", length=0)
    right.tick_params(axis="y", length=0)
    left.invert_yaxis()
    figure.suptitle(panel[0].task.name, x=0.005, ha="left", size=13)
    return figure


def objectives(runs: Sequence[Row]) -> np.ndarray:
    """The objective on the validation split, [runs, evaluations]; the untrained one where it is not finite."""
    values = np.array([numbers(row["valid"]) for row in runs])
    return np.where(np.isfinite(values), values, np.array([[untrained(row)] for row in runs]))


def diverged(plot, panel: Panel, shown: Sequence[int], named: bool):
    """A row for each of the optimisers, a cell for each learning rate, filled as far as its runs diverged."""
    for height, n in enumerate(shown):
        rates = np.log10([score.rate for score in panel[n].grid])
        width = 0.86 * np.diff(rates).min(initial=0.5)
        for place, score in zip(rates, panel[n].grid):
            at = {"left": place - width / 2, "height": 0.72}
            plot.barh(height, width, color=GRID, **at)
            plot.barh(height, width, color=look(n)["color"], alpha=score.diverged, **at)
    plot.set_ylim(len(shown) - 0.5, -0.5)
    plot.set_yticks(range(len(shown)), [panel[n].optimizer for n in shown] if named else [""] * len(shown), size=10)
    plot.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        plot.spines[side].set_visible(False)


save_curves, save_sensitivity = saved(curves), saved(sensitivity)
save_performance, save_expenses = saved(performance), saved(expenses)
