"""Drawings of confusion matrices, from two classes to a thousand.

C    classes
"""

from collections.abc import Sequence

import numpy as np

from jaxgen.report.canvas import INK, LETTER, PAPER, RULE, canvas, styled
from jaxgen.report.page import HALF, TALL

RIGHT, WRONG = ("#edf0f6", "#9db4dc"), ("#fbe7d3", "#eda25f", "#c8631a", "#7d2f06")  # shades from pale to full


@styled
def matrix(counts, names: Sequence[str], title: str, axes: tuple[str, str] = ("predicted", "true")):
    """A confusion matrix `counts` [C, C] of the classes `names`: a row for each true, a column for each predicted one.

    Colours are shares of a row, so that rare classes are as visible as frequent ones: the diagonal in blue, errors in
    orange on a scale of their own, since they are few beside the correct ones. Up to 20 classes, cells have numbers and
    rows their share of correct ones; up to 50, classes have names.

    Raises:
        ValueError: counts have another shape, or are negative or not finite.
    """
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape != 2 * (len(names),) or not len(names):
        raise ValueError(f"expected counts [C, C] and C >= 1 names, found {counts.shape} and {len(names)}")
    if not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise ValueError("expected counts that are finite and not negative")
    total, own = counts.sum(1, keepdims=True), np.eye(len(counts), dtype=bool)
    share = counts / np.maximum(total, 1e-30)  # 0 where a class has no examples
    worst = share.max(where=~own, initial=0.0) or 1.0
    figure = canvas(HALF, TALL)
    plot = figure.add_subplot(title=title, xlabel=axes[0], ylabel=axes[1], facecolor=PAPER)
    scales = [LinearSegmentedColormap.from_list("", shades) for shades in (RIGHT, WRONG)]
    right = plot.imshow(np.ma.masked_where(~own | (total == 0), share), scales[0], vmin=0, vmax=1)
    wrong = plot.imshow(np.ma.masked_where(own | (counts == 0), share), scales[1], norm=PowerNorm(0.5, 0, worst))
    plot.spines[:].set_visible(False)
    if len(names) > 50:
        plot.tick_params(color=RULE)
    else:
        between = np.arange(1, len(names)) - 0.5
        plot.vlines(between, -0.5, len(names) - 0.5, color="white", lw=0.75)
        plot.hlines(between, -0.5, len(names) - 0.5, color="white", lw=0.75)
        for axis in (plot.xaxis, plot.yaxis):
            _name(axis, names, 350 / len(names))
    if len(names) <= 20:
        _number(plot, counts, share, worst)
    else:
        for image, label, low in ((right, "correct", 0.54), (wrong, "wrong", 0.06)):
            bar = figure.colorbar(
                image, cax=plot.inset_axes((1.03, low, 0.03, 0.4)), format=lambda x, _: f"{100 * x:.3g} %"
            )
            bar.set_label(label)
            bar.outline.set_visible(False)
    return figure


def _name(axis, names, pitch):
    """Ticks with class names, `pitch` apart: rotated where they are long, in two rows where they are short but many."""
    names = [name if len(name) <= 16 else name[:15] + "…" for name in names]
    longest = LETTER * max(map(len, names))  # in sizes of a letter
    apart = 2 if pitch < 12 and longest <= 2 * LETTER else 1
    size = 9.5 if apart == 2 else min(11, pitch)
    axis.set_ticks(range(0, len(names), apart), names[::apart])
    if apart == 2:
        axis.set_ticks(range(1, len(names), 2), names[1::2], minor=True)
        axis.set_tick_params(which="minor", length=size * longest + 5, width=0.5, pad=1, labelsize=size)
    else:
        if axis.axis_name == "x" and size * longest > pitch:
            for label in axis.get_ticklabels():
                if pitch < 1.5 * size:
                    label.set_rotation(90)
                else:
                    label.set(rotation=45, ha="right", rotation_mode="anchor")
    axis.set_tick_params(length=0, pad=3, labelsize=size)


def _number(plot, counts, share, worst):
    """Writes the counts into the cells, and beside each row its share of correct ones."""
    pitch = 340 / len(counts)
    size = min(13, pitch / (LETTER * max(len(f"{count:g}") for count in counts.flat) + 0.4))
    for row, column in np.argwhere(counts > 0):
        dark = row != column and share[row, column] > 0.45 * worst
        text = plot.text(column, row, f"{counts[row, column]:g}", size=size, color="white" if dark else INK)
        text.set(ha="center", va="center_baseline")
    beside = plot.secondary_yaxis("right")
    beside.set_ylabel("correct")
    accuracies = [f"{100 * own:.1f} %" if total else "–" for own, total in zip(share.diagonal(), counts.sum(1))]
    beside.set_yticks(range(len(counts)), accuracies)
    beside.tick_params(length=0, pad=3, labelsize=min(11, pitch))
    beside.spines[:].set_visible(False)
