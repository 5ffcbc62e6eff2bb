"""Plots for a report: scatter plots and lines.

`report.canvas.drawing` makes figures of a report of them. All sizes, those of letters included, are pixels of the page.
All functions raise Refused where matplotlib is not installed.

N    points
C    classes
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from jaxgen.report.canvas import canvas, styled
from jaxgen.report.page import FULL, HALF, TALL

COLOURS = ("#2d66c3", "#c8631a", "#2b8a5b", "#9a4fc0", "#c2334d", "#16879c", "#8a7317", "#6b7280")


class Panel(NamedTuple):
    """One plot of `lines`."""

    title: str
    x_label: str
    y_label: str
    lines: Mapping[str, tuple[Any, Any]]  # name -> x and y, of equal length
    log_y: bool = False
    log_x: bool = False


@styled
def scatter(points, labels, classes: Sequence[str], title: str = "", axes: tuple[str, str] = ("", "")):
    """Points [N, 2] coloured by `labels` [N] (indices into `classes`), with each class's name at its mean.

    There is no legend, since 47 colours cannot be told apart in one. Points that are not finite are left out.

    Raises:
        ValueError: points or labels have another shape, or labels are no indices into classes.
    """
    from matplotlib import colormaps, patheffects

    points, labels = np.asarray(points, np.float64), np.asarray(labels)
    if points.ndim != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1]:
        raise ValueError(f"expected points [N, 2] and labels [N], found {points.shape} and {labels.shape}")
    if labels.size and not 0 <= labels.min() <= labels.max() < len(classes):
        raise ValueError(f"expected labels from 0 to {len(classes) - 1}, found {labels.min()} to {labels.max()}")
    finite = np.isfinite(points).all(1)
    points, labels = points[finite], labels[finite]
    palette = colormaps["tab10"] if len(classes) <= 10 else colormaps["turbo"].resampled(len(classes))
    figure = canvas(HALF, TALL)
    plot = figure.add_subplot(title=title, xlabel=axes[0], ylabel=axes[1])
    # One call for all points in their order: class by class, the last class would cover all others.
    area = max(1.0, min(14.0, 1.2e4 / max(len(labels), 1)))
    plot.scatter(points[:, 0], points[:, 1], c=palette(labels), s=area, alpha=0.6, lw=0)
    halo = [patheffects.withStroke(linewidth=3, foreground="white")]
    for index in np.unique(labels):
        x, y = points[labels == index].mean(0)
        colour = [0.6 * channel for channel in palette(int(index))[:3]]  # darker than the points
        text = plot.text(x, y, classes[index], color=colour, size=14, weight="bold")
        text.set(ha="center", va="center", path_effects=halo)
    return figure


@styled
def lines(panels: Sequence[Panel], title: str = "", colours: Literal["sequence", "category"] = "sequence"):
    """One to three panels side by side; lines of the same name have the same colour in all of them.

    A value that is not finite, or not positive on a logarithmic axis, interrupts its line.

    Args:
        panels: 1 to 3.
        title: of the whole figure.
        colours: "sequence" for lines that are in an order (layers, steps of a training), "category" for others. More
            than 8 lines of a sequence have a colour bar with the names of the first, the middle and the last; others
            have a legend, but for a single line without a name.

    Raises:
        ValueError: there are other numbers of panels or no lines, or x and y of a line are not [n] and [n].
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.lines import Line2D

    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    if not 1 <= len(panels) <= 3 or not names or colours not in ("sequence", "category"):
        raise ValueError(
            f'expected 1 to 3 panels, lines in them and "sequence" or "category", found {len(panels)}, {len(names)} '
            f'and "{colours}"'
        )
    scale = _scale(len(names), colours)
    colour = dict(zip(names, scale.colors))
    figure = canvas(FULL, 330)
    figure.suptitle(title, x=0.005, ha="left", size=14)
    plots = figure.subplots(1, len(panels), squeeze=False)[0]
    for plot, panel in zip(plots, panels):
        _plot(plot, panel, colour)
    if colours == "sequence" and len(names) > 8:
        between = Normalize(-0.5, len(names) - 0.5)
        bar = figure.colorbar(ScalarMappable(between, scale), ax=list(plots), aspect=40, pad=0.02)
        labelled = sorted({0, len(names) // 2, len(names) - 1})
        bar.set_ticks(labelled, labels=[names[n] for n in labelled])
    elif any(names):
        handles = [Line2D([], [], color=colour[name], label=name) for name in names]
        figure.legend(handles=handles, loc="outside right upper", ncols=-(-len(names) // 18))
    return figure


def _scale(count, colours):
    """A colour map of `count` colours."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    if colours == "category" and count <= len(COLOURS):
        return ListedColormap(COLOURS[:count])
    name, end = ("turbo", 1.0) if colours == "category" else ("viridis", 0.9)  # beyond is too pale for white paper
    return ListedColormap(colormaps[name](np.linspace(0.0, end, count)))


def _plot(plot, panel, colour):
    plot.set_title(panel.title, size=12)
    plot.set(xlabel=panel.x_label, ylabel=panel.y_label)
    plot.grid(axis="y")
    empty = True
    for name, xy in panel.lines.items():
        x, y = (np.asarray(values, np.float64) for values in xy)
        if x.ndim != 1 or x.shape != y.shape:
            raise ValueError(f'expected x [n] and y [n] of the line "{name}", found {x.shape} and {y.shape}')
        shown = np.isfinite(x) & np.isfinite(y) & ((x > 0) | (not panel.log_x)) & ((y > 0) | (not panel.log_y))
        empty &= not shown.any()
        padded = np.pad(shown, 1)
        isolated = np.flatnonzero(shown & ~padded[:-2] & ~padded[2:])  # no line would show them
        x, y = np.where(shown, (x, y), np.nan)
        plot.plot(x, y, color=colour[name], lw=1.4, marker="o", ms=3, markevery=isolated)
    if empty:  # a logarithmic axis would have no limits
        plot.set(xticks=[], yticks=[])
        plot.text(0.5, 0.5, "no values", transform=plot.transAxes, ha="center")
        return
    if all(np.issubdtype(np.asarray(x).dtype, np.integer) for x, _ in panel.lines.values()):
        plot.xaxis.get_major_locator().set_params(integer=True)  # there is no layer 1.5
    if panel.log_x:
        plot.set_xscale("log")
        _decades(plot.xaxis, *plot.get_xlim())
    if panel.log_y:
        plot.set_yscale("log")
        _decades(plot.yaxis, *plot.get_ylim())


def _decades(axis, low, high):
    """Ticks of a logarithmic axis from `low` to `high`: powers of ten, or further numbers where these are few."""
    from matplotlib import ticker

    close = ticker.LogLocator(subs=(1, 2, 5)) if high > 8 * low else ticker.MaxNLocator(4)
    axis.set_major_locator(ticker.LogLocator(numticks=7) if high > 200 * low else close)
    axis.set_minor_locator(ticker.NullLocator())
    axis.set_major_formatter(lambda x, _: f"{x:g}".replace("e-0", "e-").replace("e+", "e"))
