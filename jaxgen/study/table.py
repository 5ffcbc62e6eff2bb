"""A study's records as a table for the eye: in a report, in a terminal, in Markdown."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from jaxgen.report.items import Cell, Table
from jaxgen.report.page import duration, quantity
from jaxgen.study.records import Record, edge, median, tuned
from jaxgen.study.statistics import Interval, Score, Task, lost

MINUS = "\N{MINUS SIGN}"
NONE = Cell("–")
ASIDE = ("validation", "time", "state")  # columns that a narrow place can do without


class Column(NamedTuple):
    """A heading, and what stands below it."""

    heading: str
    cell: Callable[[Record], Cell]


def percent(task: Task) -> bool:
    """Whether the objective is a share that people say in percent."""
    return task.better == "higher" and task.metric.endswith("accuracy")


def numbers(found: Sequence[Record]) -> Callable[[float], str]:
    """How a task's objective is written.

    Accuracies in percent; others to two digits of their 95 % interval, or to four where they differ a thousandfold.
    """
    if found and percent(found[0].task):
        return lambda x: positive(f"{100 * x:.2f}") + " %" if math.isfinite(x) else "–"
    half = median([half for record in found if (half := (record.test.high - record.test.low) / 2) > 0])
    sizes = [abs(record.test.mean) for record in found if record.test.mean and math.isfinite(record.test.mean)]
    alike = math.isfinite(half) and max(sizes, default=math.inf) < 1000 * min(sizes, default=0.0)
    decimals = min(1 - math.floor(math.log10(half)), 5 - math.floor(math.log10(median(sizes)))) if alike else -1

    def text(x):
        return positive(f"{x:,.{decimals}f}") if 0 <= decimals <= 6 and abs(x) < 1e6 else quantity(x)

    return text


def positive(text: str) -> str:
    """A number's text with a sign of full width, and without one where all of its digits are 0."""
    return text.replace("-", MINUS if text.strip("-0.,") else "")


def signed(text: Callable[[float], str]) -> Callable[[float], str]:
    """How differences are written: with a sign, those of percentages in points."""
    return lambda x: ("+" if x > 0 and text(x).strip("0.% ") else "") + text(x).removesuffix(" %")


def between(interval: Interval | Score, text: Callable[[float], str]) -> str:
    """The ends of an interval; "" where it has none."""
    ends = [text(end).removesuffix(" %") for end in (interval.low, interval.high)]
    return " to ".join(ends) if math.isfinite(interval.low) else ""


def digits(value: float, count: int) -> str:
    """That many digits, no zeros behind them."""
    return f"{float(f'{value:.{count}g}'):,g}" if math.isfinite(value) else "–"


def brief(seconds: float) -> str:
    """A time, also of less than a second: 0.4 ms, 35 ms, 2.1 s, 3 min 5 s."""
    return f"{digits(1000 * seconds, 2)} ms" if seconds < 1 else duration(seconds)


def memory(size: float) -> str:
    """Bytes as people say them: 0 B, 512 B, 74.2 KiB, 1.5 MiB."""
    unit = 0
    while abs(size) >= 1024 and unit < 3:
        size, unit = size / 1024, unit + 1
    return f"{digits(size, 3)} {('B', 'KiB', 'MiB', 'GiB')[unit]}" if math.isfinite(size) else "–"


def columns(found: Sequence[Record], baseline: str) -> list[Column]:
    """Of the table of one task's records, at least one."""
    task, text = found[0].task, numbers(found)
    difference = signed(text)

    def best(measure, cell):
        """The cell, strong where the measure is the least of all records'; nowhere where all are equal."""
        measures = [measure(record) for record in found]
        least = min(filter(math.isfinite, measures), default=math.nan)
        return lambda record: cell(record)._replace(strong=measure(record) == least < max(measures))

    def against(cell):
        """The cell; a dash where the record is the baseline's own, or there is no pair of runs."""
        return lambda record: cell(record.paired) if record.optimizer != baseline and record.paired.seeds else NONE

    interval = lambda mean, text: Cell(text(mean.mean), between(mean, text))
    return [
        Column("optimiser", lambda r: Cell(r.optimizer)),
        Column("best rate", lambda r: Cell(f"{r.chosen.rate:g}", "end of grid" * edge(r)) if r.chosen else NONE),
        Column("test", best(lambda r: task.sign * r.test.mean, lambda r: interval(r.test, text))),
        Column(f"against {baseline}", against(lambda pairs: interval(pairs.difference, difference))),
        Column("better in", against(lambda pairs: Cell(f"{pairs.better}/{pairs.seeds}"))),
        Column("validation", best(lambda r: task.sign * r.valid.mean, lambda r: Cell(text(r.valid.mean)))),
        Column("default rate", lambda r: by_default(r.default, text) if r.default else NONE),
        Column("steps", best(lambda r: r.steps, reached)),
        Column("time", best(lambda r: r.seconds, lambda r: Cell(brief(r.seconds)))),
        Column("µs a step", lambda r: Cell(digits(1e6 * r.step, 3))),
        Column("state", lambda r: Cell(memory(r.bytes))),
        Column("diverged", diverged),
    ]


def by_default(score: Score, text: Callable[[float], str]) -> Cell:
    """The mean at the default rate, the rate, and how sure that is: the interval, or of how few tuning seeds."""
    sure = between(score, text) if score.runs > 2 else seeds(score.runs)
    return Cell(text(score.mean), "; ".join(filter(None, (f"{score.rate:g}", sure))))


def seeds(fewest: int, most: int = 0) -> str:
    """1 seed, 3 seeds, 3 to 5 seeds."""
    return f"{fewest} to {most} seeds" if most > fewest else f"{fewest} {'seed' if fewest == 1 else 'seeds'}"


def reached(record: Record) -> Cell:
    """The median of the steps to the target, and in how many runs it was reached."""
    return Cell(digits(record.steps, 6), f"{record.reached}/{len(record.finals)}") if record.finals else NONE


def diverged(record: Record) -> Cell:
    """How many final runs did, and how many over the grid."""
    gone, runs = tuned(record)
    final = f"{sum(map(lost, record.finals))}/{len(record.finals)}" if record.finals else "–"
    return Cell(final, f"tuning {gone}/{runs}" if runs else "")


def of_task(found: Sequence[Record], baseline: str) -> Table:
    """The table of one task's records, at least one."""
    task, made = found[0].task, columns(found, baseline)
    runs = [len(record.finals) for record in found if record.finals] or [0]
    caption = (
        f"{task.name}: {task.metric}, {task.better} is better ({task.definition}); means of "
        f"{seeds(min(runs), max(runs))} with bootstrap 95 % intervals; target {numbers(found)(found[0].target)}"
    )
    return Table(caption, [column.heading for column in made], [[c.cell(record) for c in made] for record in found])


def without(table: Table, headings: Sequence[str] = ASIDE) -> Table:
    """The table without some of its columns."""
    kept = [n for n, heading in enumerate(table.columns) if heading not in headings]
    return table._replace(columns=[table.columns[n] for n in kept], rows=[[row[n] for n in kept] for row in table.rows])


def joined(cell: Cell) -> str:
    """A cell in one line."""
    return f"{cell.text} ({cell.note})" if cell.note else cell.text


def as_text(table: Table) -> str:
    """For a terminal: the caption, then columns that are as wide as they need."""
    lines = [list(table.columns), *([joined(cell) for cell in row] for row in table.rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(table.columns))]
    rows = []
    for first, *rest in lines:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:]))]
        rows.append("  ".join(cells).rstrip())
    return "\n".join([table.caption, *rows])


def as_markdown(table: Table) -> str:
    """For a README: the strong cells bold, notes in brackets."""
    bold = lambda cell: joined(cell._replace(text=f"**{cell.text}**") if cell.strong else cell)
    lines = [list(table.columns), ["---", *["---:"] * (len(table.columns) - 1)]]
    lines += [list(map(bold, row)) for row in table.rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
