"""Measures of several kinds of runs, each with several seeds, as a table of means with their intervals."""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from jaxgen.report.items import Cell, Table
from jaxgen.study.intervals import KINDS, interval

Rows = Mapping[str, Sequence[Mapping[str, float]]]  # name of a row -> for each seed, measure -> value


def told(values: Sequence[float], percent: bool) -> str:
    """A mean with its ends; alone where all values are the same, a dash for no values or where one is not finite."""
    mean, low, high, _ = interval(values)
    if not math.isfinite(mean):
        return "–"
    digits = 2 if mean < 0.1 else 1  # of percentages
    text = (lambda x: f"{100 * x:.{digits}f}") if percent else (lambda x: f"{x:.4g}" if abs(x) >= 1 else f"{x:.3f}")
    ends = f" ({text(low)} to {text(high)})" if math.isfinite(low) and np.ptp(values) > 0 else ""
    return f"{text(mean)}{' %' if percent else ''}{ends}"


def table(
    caption: str, rows: Rows, columns: Sequence[str], percent: Collection[str], notes: Mapping[str, str]
) -> Table:
    """The table, with a column for each measure; a kind that lacks one has a dash there.

    Args:
        caption: of the table; what intervals are is added to it.
        rows: the measures of each kind.
        columns: measures, in order.
        percent: those of them that are shares, to be written as percentages.
        notes: measure -> its meaning.
    """
    most = max(rows.values(), key=len)
    ends = KINDS.get(interval([0.0] * len(most)).kind, "no interval")
    cells = [
        [Cell(name), *(Cell(told([seed[each] for seed in seeds if each in seed], each in percent)) for each in columns)]
        for name, seeds in rows.items()
    ]
    several = f"; means of {len(most)} seeds with {ends}" if len(most) > 1 else "; one seed"
    return Table(caption + several, ["", *columns], cells, notes=notes)


def lines(table: Table) -> list[str]:
    """The table as text, a line for each row."""
    return [
        f"{row[0].text}: " + "; ".join(f"{name} {cell.text}" for name, cell in zip(table.columns[1:], row[1:]))
        for row in table.rows
    ]
