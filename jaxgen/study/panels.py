"""What a study's figures share: colours of optimisers, columns of plots, legends and axes."""

import math
from collections.abc import Sequence

import numpy as np

from jaxgen.report.canvas import canvas
from jaxgen.report.page import FULL
from jaxgen.report.plots import COLOURS
from jaxgen.study.records import Record
from jaxgen.study.scales import Scale

ABREAST = 3  # panels side by side, at most
SINGLE = 700  # px of the page: the width of a figure with one panel
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.3)))

TaskPanel = Sequence[Record]  # of one task, of all optimisers in the study's order


def line_style(index: int) -> dict:
    """Colour and dashes of the study's optimiser with this index."""
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": DASHES[index // len(COLOURS) % len(DASHES)]}


def panel_figure(panels: Sequence[TaskPanel], height: int, ratios: Sequence[float] = (1,)):
    """A figure with a legend and a column of plots for each panel; returns it and the plots by row and column."""
    if not 1 <= len(panels) <= ABREAST:
        raise ValueError(f"expected 1 to {ABREAST} panels, not {len(panels)}")
    figure = canvas(SINGLE if len(panels) == 1 else FULL, height)
    plots = figure.subplots(
        len(ratios), len(panels), squeeze=False, sharex="col", gridspec_kw={"height_ratios": ratios}
    )
    legend(figure, panels[0])
    return figure, plots


def legend(figure, panel: TaskPanel):
    """Adds a legend of all optimisers at the right."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], lw=1.8, label=record.optimizer, **line_style(n)) for n, record in enumerate(panel)]
    figure.legend(handles=handles, loc="outside right upper", handlelength=1.8)


def dress(plot, panel: TaskPanel, scale: Scale):
    """Sets title, label, limits and ticks of the objective's axis."""
    task = panel[0].task
    plot.set_title(task.name, size=12)
    plot.set_ylabel("validation " + task.metric.replace("_", " "))
    plot.grid(axis="y")
    if math.isnan(scale.low):
        mark_empty(plot)
        return
    plot.set_ylim(scale.low, scale.high)
    plot.set_yticks(*scale.ticks(plot.yaxis.get_major_locator()))


def mark_empty(plot):
    """Writes into a plot that it has no values."""
    plot.set(xticks=[], yticks=[])
    plot.text(0.5, 0.5, "no values", transform=plot.transAxes, ha="center")


def decades(plot, rates: Sequence[float]):
    """Sets the ticks of an axis of log10 learning rates: powers of ten, or the rates if there are fewer than two."""
    if not rates:
        plot.set_xticks([])
        return
    low, high = math.log10(min(rates)), math.log10(max(rates))
    plot.set_xlim(low - 0.04 * (high - low) - 0.2, high + 0.04 * (high - low) + 0.2)
    powers = np.arange(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    ticks = powers[:: 1 + len(powers) // 7] if len(powers) > 1 else np.log10(sorted(set(rates)))
    plot.set_xticks(ticks, [f"{10.0**tick:.4g}".replace("e-0", "e-") for tick in ticks])


def few(names: Sequence[str]) -> str:
    """The first three names, and the number of the others."""
    return ", ".join(names[:3]) + ("" if len(names) <= 3 else f" and {len(names) - 3} more")
