"""What changed since other numbers of `python -m benchmarks` were written, beyond noise.

A row is the same where its table and all its names are. The noise of a number is half the spread of its blocks, of both
files together, and at least LEAST of it; where there are no blocks it is ALONE.
"""

import json
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.core.types import Refused

LEAST, ALONE = 0.05, 0.2  # shares of the number
FASTER = ("_per_second",)  # how columns end of which more is better
SLOWER = ("_us", "_ms", "_s", "seconds")  # ... and of which less is

Row = Mapping[str, Any]


class Change(NamedTuple):
    """A number that is there twice."""

    row: str  # its table and names
    column: str
    before: float
    after: float
    noise: float  # share of the number that means nothing
    better: bool  # whether it went the right way

    @property
    def ratio(self) -> float:
        """After, in units of before."""
        return self.after / self.before

    @property
    def beyond(self) -> bool:
        """Whether it is more than noise."""
        return abs(math.log(self.ratio)) > math.log1p(self.noise)


def read(path: str) -> dict[str, Any]:
    """The numbers of a file. Raises Refused where it is missing or is none that `python -m benchmarks` wrote."""
    try:
        numbers = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read: {error}") from None
    rows = numbers.get("rows") if isinstance(numbers, dict) else None
    whole = isinstance(rows, dict) and all(
        isinstance(table, list) and all(isinstance(row, dict) for row in table) for table in rows.values()
    )
    if not whole or not {"device", "limits", "cores", "versions", "date"} <= numbers.keys():
        raise Refused(f"{path} holds no numbers of python -m benchmarks")
    return numbers


def changes(before: Mapping[str, Sequence[Row]], after: Mapping[str, Sequence[Row]]) -> list[Change]:
    """One for each speed or time that both have, in the order of `after`."""
    known = {(table, names(row)): row for table, rows in before.items() for row in rows}
    pairs = [(table, known.get((table, names(row))), row) for table, rows in after.items() for row in rows]
    return [each for table, old, row in pairs if old is not None for each in of_row(table, old, row)]


def names(row: Row) -> tuple[str, ...]:
    """The texts of a row, which tell it from others."""
    return tuple(value for value in row.values() if isinstance(value, str))


def of_row(table: str, old: Row, new: Row) -> Iterator[Change]:
    """The changes of one row."""
    for column, after in new.items():
        before: Any = old.get(column)
        more = column.endswith(FASTER)
        if not more and not column.endswith(SLOWER):
            continue
        if positive(before) and positive(after):
            noise = max(LEAST, *(spread(row.get("blocks")) for row in (old, new)))
            yield Change(" ".join((table, *names(new))), column, before, after, noise, (after > before) == more)


def positive(value: Any) -> bool:
    """Whether it is a number that a ratio can be taken of."""
    return isinstance(value, int | float) and 0 < value < math.inf


def spread(blocks: Sequence[float] | None) -> float:
    """Half of what lies between the least and the largest block, as a share of the median."""
    if not blocks or not all(map(positive, blocks)):
        return ALONE
    return (max(blocks) - min(blocks)) / 2 / statistics.median(blocks)


def line(change: Change) -> str:
    """A line of text."""
    word = "better" if change.better else "worse"
    numbers = f"{change.before:.4g} to {change.after:.4g}, {change.ratio:.3g} times"
    return f"{word}: {change.row}, {change.column} {numbers}, noise {change.noise:.0%}"


def compared(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, bool]:
    """What to print of two files' numbers, and whether something is worse beyond noise."""
    every = changes(old["rows"], new["rows"])
    beyond = [each for each in every if each.beyond]
    lines = [f"{len(every)} numbers are in both, {len(beyond)} changed beyond noise", *map(line, beyond)]
    if old["device"] != new["device"]:
        lines.insert(0, f"another device: {old['device']}, now {new['device']}")
    return "\n".join(lines), any(not each.better for each in beyond)
