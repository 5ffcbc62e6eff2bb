"""A study's records as a table: for a report and a terminal."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from jaxgen.report.items import Cell, Table
from jaxgen.report.page import duration, quantity
from jaxgen.study.intervals import KINDS, Interval
from jaxgen.study.records import Record, at_edge, median, tuning_runs
from jaxgen.study.statistics import Score, Task, lost, split_name

MINUS = "\N{MINUS SIGN}"
NONE = Cell("–")


class Column(NamedTuple):
    """A heading, and the cell of each record below it."""

    heading: str
    cell: Callable[[Record], Cell]


def percent(task: Task) -> bool:
    """Whether the objective is written in percent."""
    return task.better == "higher" and task.metric.endswith("accuracy")


def number_format(records: Sequence[Record]) -> Callable[[float], str]:
    """A function from values of a task's objective to text.

    Accuracies are in percent; others to two digits of their 95 % interval, or to four if they differ a thousandfold.
    """
    if records and percent(records[0].task):
        return lambda x: positive(f"{100 * x:.2f}") + " %" if math.isfinite(x) else "–"
    half = median([half for record in records if (half := (record.judged.high - record.judged.low) / 2) > 0])
    sizes = [abs(mean) for record in records if (mean := record.judged.mean) and math.isfinite(mean)]
    alike = math.isfinite(half) and max(sizes, default=math.inf) < 1000 * min(sizes, default=0.0)
    decimals = min(1 - math.floor(math.log10(half)), 5 - math.floor(math.log10(median(sizes)))) if alike else -1

    def text(x):
        return positive(f"{x:,.{decimals}f}") if 0 <= decimals <= 6 and abs(x) < 1e6 else quantity(x)

    return text


def positive(text: str) -> str:
    """A number's text with a sign of full width, and without one where all of its digits are 0."""
    return text.replace("-", MINUS if text.strip("-0.,") else "")


def signed(text: Callable[[float], str]) -> Callable[[float], str]:
    """A function from differences to text: with a sign, those of percentages in points."""
    return lambda x: ("+" if x > 0 and text(x).strip("0.% ") else "") + text(x).removesuffix(" %")


def between(ends: Interval | Score, text: Callable[[float], str]) -> str:
    """The ends of an interval as text, a range called one; "" where it has none."""
    low, high = (text(end).removesuffix(" %") for end in (ends.low, ends.high))
    return ("range " if ends.kind == "range" else "") + f"{low} to {high}" if math.isfinite(ends.low) else ""


def digits(value: float, count: int) -> str:
    """The number with so many significant digits, without trailing zeros; a dash if it is not finite."""
    return f"{float(f'{value:.{count}g}'):,g}" if math.isfinite(value) else "–"


def time_text(seconds: float) -> str:
    """A time: 0.4 ms, 35 ms, 2.1 s, 3 min 5 s."""
    return f"{digits(1000 * seconds, 2)} ms" if seconds < 1 else duration(seconds)


def bytes_text(size: float) -> str:
    """A number of bytes: 0 B, 512 B, 74.2 KiB, 1.5 MiB."""
    unit = 0
    while abs(size) >= 1024 and unit < 3:
        size, unit = size / 1024, unit + 1
    return f"{digits(size, 3)} {('B', 'KiB', 'MiB', 'GiB')[unit]}" if math.isfinite(size) else "–"


def columns(records: Sequence[Record], baseline: str) -> list[Column]:
    """The columns of the table of one task's records, at least one."""
    task, text = records[0].task, number_format(records)
    difference = signed(text)

    def best(measure, cell):
        """The cell, strong where the measure is the least of all records, unless all are equal."""
        measures = [measure(record) for record in records]
        least = min(filter(math.isfinite, measures), default=math.nan)
        return lambda record: cell(record)._replace(strong=measure(record) == least < max(measures))

    def against(cell):
        """The cell; a dash for the baseline itself, or where no runs can be paired."""
        return lambda record: cell(record.paired) if record.optimizer != baseline and record.paired.seeds else NONE

    interval = lambda mean, text: Cell(text(mean.mean), "median" if mean.kind == "median" else between(mean, text))
    # A median over runs of which some failed is no rival of means.
    value = lambda ends: task.sign * ends.mean if ends.kind != "median" else math.inf
    valid = Column("validation", best(lambda r: value(r.valid), lambda r: Cell(text(r.valid.mean))))
    steps = nearly_least(records, lambda r: r.steps, lambda r: r.resolution)
    seconds = nearly_least(records, lambda r: r.seconds, lambda r: r.resolution * r.step)
    return [
        Column("optimiser", lambda r: Cell(r.optimizer)),
        Column("best rate", lambda r: Cell(f"{r.chosen.rate:g}", "end of grid" * at_edge(r)) if r.chosen else NONE),
        Column(split_name(task), best(lambda r: value(r.judged), lambda r: interval(r.judged, text))),
        Column(f"against {baseline}", against(lambda pairs: interval(pairs.difference, difference))),
        Column("better in", against(lambda pairs: Cell(f"{pairs.better}/{pairs.seeds}"))),
        *([valid] if split_name(task) != valid.heading else []),
        Column("best", lambda r: Cell(text(r.best), f"at {digits(r.best_step, 6)}") if r.finals else NONE),
        Column("default rate", lambda r: default_cell(r.default, text) if r.default else NONE),
        Column("steps", lambda r: reached_cell(r)._replace(strong=r.optimizer in steps)),
        Column("time", lambda r: Cell(time_text(r.seconds), strong=r.optimizer in seconds)),
        Column("µs a step", lambda r: Cell(digits(1e6 * r.step, 3))),
        Column("state", lambda r: Cell(bytes_text(r.bytes))),
        Column("diverged", diverged_cell),
    ]


def nearly_least(records: Sequence[Record], cost: Callable, interval: Callable) -> list[str]:
    """The optimisers whose cost is the least, or cannot be told from it within an interval; [] where that are all."""
    least = min(records, key=lambda r: cost(r) if math.isfinite(cost(r)) else math.inf)
    nearly = [record.optimizer for record in records if cost(record) <= cost(least) + interval(least)]
    return nearly if math.isfinite(cost(least)) and len(nearly) < len(records) else []


def default_cell(score: Score, text: Callable[[float], str]) -> Cell:
    """The mean at the default rate, the rate, and the ends or the number of tuning seeds; a median where runs diverged.

    Of runs of which some diverged the mean says as much of how many did as of how good the others are.
    """
    if score.diverged:
        return Cell(text(score.median), f"{score.rate:g}; median, {100 * score.diverged:.0f} % diverged")
    return Cell(text(score.mean), f"{score.rate:g}; {between(score, text) or seeds_text(score.runs)}")


def seeds_text(fewest: int, most: int = 0) -> str:
    """1 seed, 3 seeds, 3 to 5 seeds."""
    return f"{fewest} to {most} seeds" if most > fewest else f"{fewest} {'seed' if fewest == 1 else 'seeds'}"


def reached_cell(record: Record) -> Cell:
    """The median of the steps to the target, and the share of runs that reached it."""
    return Cell(digits(record.steps, 6), f"{record.reached}/{len(record.finals)}") if record.finals else NONE


def diverged_cell(record: Record) -> Cell:
    """The share of final runs that diverged, and of tuning runs over the whole grid."""
    gone, runs = tuning_runs(record)
    final = f"{sum(map(lost, record.finals))}/{len(record.finals)}" if record.finals else "–"
    return Cell(final, f"tuning {gone}/{runs}" if runs else "")


def task_table(records: Sequence[Record], baseline: str) -> Table:
    """The table of one task's records, at least one."""
    task, shown = records[0].task, columns(records, baseline)
    runs = [len(record.finals) for record in records if record.finals] or [0]
    known = max((record.resolution for record in records if record.finals), default=0)
    target = number_format(records)(records[0].target) + (f", looked for every {known:g} updates" if known > 0 else "")
    caption = (
        f"{task.name}: {task.metric}, {task.better} is better ({task.definition}); means of "
        f"{seeds_text(min(runs), max(runs))}{ends_text(records)}; target {target}"
    )
    return Table(caption, [column.heading for column in shown], [[c.cell(record) for c in shown] for record in records])


def ends_text(records: Sequence[Record]) -> str:
    """What stands beside the records' means, and where medians stand instead."""
    kinds = {record.judged.kind for record in records}
    ends = " or ".join(KINDS[kind] for kind in KINDS if kind in kinds)
    medians = ", medians where runs failed" if "median" in kinds else ""
    return (f" with {ends}" if ends else "") + medians or " without an interval"


def cell_text(cell: Cell) -> str:
    """The cell as one line of text."""
    return f"{cell.text} ({cell.note})" if cell.note else cell.text


def as_text(table: Table) -> str:
    """The table as text for a terminal: the caption, then aligned columns."""
    lines = [list(table.columns), *([cell_text(cell) for cell in row] for row in table.rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(table.columns))]
    rows = []
    for first, *rest in lines:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:]))]
        rows.append("  ".join(cells).rstrip())
    return "\n".join([table.caption, *rows])
