"""What a study's figures share: optimisers' colours, panels side by side, their legends and axes."""

import math
from collections.abc import Sequence

import numpy as np

from jaxgen.report.canvas import canvas
from jaxgen.report.page import FULL
from jaxgen.report.plots import COLOURS
from jaxgen.study.records import Record
from jaxgen.study.scales import Scale

ABREAST = 3  # panels, at most
SINGLE = 700  # px of the page: the width of a figure of one
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.3)))

Panel = Sequence[Record]  # of one task, of all optimisers in the study's order


def look(index: int) -> dict:
    """Colour and dashes of the optimiser at that place of the study's list."""
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": DASHES[index // len(COLOURS) % len(DASHES)]}


def side_by_side(panels: Sequence[Panel], height: int, ratios: Sequence[float] = (1,)):
    """A figure with a column of plots for each panel, and the legend. Returns it and the plots by row and column."""
    if not 1 <= len(panels) <= ABREAST:
        raise ValueError(f"expected 1 to {ABREAST} panels, found {len(panels)}")
    figure = canvas(SINGLE if len(panels) == 1 else FULL, height)
    plots = figure.subplots(
        len(ratios), len(panels), squeeze=False, sharex="col", gridspec_kw={"height_ratios": ratios}
    )
    legend(figure, panels[0])
    return figure, plots


def legend(figure, panel: Panel):
    """All optimisers, at the right."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], lw=1.8, label=record.optimizer, **look(n)) for n, record in enumerate(panel)]
    figure.legend(handles=handles, loc="outside right upper", handlelength=1.8)


def dress(plot, panel: Panel, scale: Scale):
    """Title, label, limits and ticks of the objective's axis."""
    task = panel[0].task
    plot.set_title(task.name, size=12)
    plot.set_ylabel("validation " + task.metric.replace("_", " "))
    plot.grid(axis="y")
    if math.isnan(scale.low):
        nothing(plot)
        return
    plot.set_ylim(scale.low, scale.high)
    plot.set_yticks(*scale.ticks(plot.yaxis.get_major_locator()))


def nothing(plot):
    """Says that there is nothing to draw."""
    plot.set(xticks=[], yticks=[])
    plot.text(0.5, 0.5, "no values", transform=plot.transAxes, ha="center")


def decades(plot, rates: Sequence[float]):
    """Ticks of learning rates on an axis of their logarithms: powers of ten, or the rates where they span less."""
    if not rates:
        plot.set_xticks([])
        return
    low, high = math.log10(min(rates)), math.log10(max(rates))
    plot.set_xlim(low - 0.04 * (high - low) - 0.2, high + 0.04 * (high - low) + 0.2)
    powers = np.arange(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    places = powers[:: 1 + len(powers) // 7] if len(powers) > 1 else np.log10(sorted(set(rates)))
    plot.set_xticks(places, [f"{10.0**place:.4g}".replace("e-0", "e-") for place in places])


def few(names: Sequence[str]) -> str:
    """At most three of them."""
    return ", ".join(names[:3]) + ("" if len(names) <= 3 else f" and {len(names) - 3} more")
