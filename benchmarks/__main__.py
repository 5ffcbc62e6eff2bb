"""How fast everything is, on this machine, today: a table, and a JSON file with device, versions and date.

python -m benchmarks                 every technique's step, then the races against peers that are installed
python -m benchmarks --only=vae      only what has `vae` in its name
python -m benchmarks --only=guards   only ratios that have a bound: exit code 1 where one does not hold
python -m benchmarks --technique=my_module   the steps of the tiny cases of a module of your own
python -m benchmarks --out=FILE      where the JSON goes (runs/benchmarks.json)
pip install "jaxgen[peers]"          what there is to race against
"""

import dataclasses
import functools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import guards, racing
from benchmarks.loops import start, steps, streaming
from benchmarks.serving import LOOPS
from jaxgen import techniques
from jaxgen.core.config import knob
from jaxgen.core.files import write_whole
from jaxgen.core.types import Refused
from jaxgen.run import cli
from jaxgen.run.machine import cores
from jaxgen.run.parsing import alone
from jaxgen.run.provenance import environment

Rows = Sequence[Mapping[str, Any]]


class Race(NamedTuple):
    """One table of the page."""

    about: str
    measure: Callable[[int], list[dict[str, Any]]]  # rounds -> rows, all with the same names
    note: Callable[[Rows], str] = lambda rows: ""  # what a reader of the table must be warned of


RACES = {
    "guards": Race(guards.__doc__ or "", guards.measure),
    **{
        name: Race(loop.about, functools.partial(racing.measure, name, loop), functools.partial(racing.unequal, loop))
        for name, loop in LOOPS.items()
    },
    "streaming": Race(streaming.__doc__ or "", streaming.measure),
    "text_start": Race(start.WRITING, start.measure_writing),
    "start": Race(start.__doc__ or "", start.measure),
}


@dataclasses.dataclass(frozen=True)
class Flags:
    """The benchmarks' own flags."""

    only: str = knob("", "a part of the names wanted")
    technique: str = knob("", "a module with tiny(), whose steps alone are measured")
    out: str = knob("runs/benchmarks.json", "the file for the numbers")
    rounds: int = knob(7, "blocks of each contender in a race", lower=1)
    races: bool = knob(True, "run the races, which take minutes")


def table(rows: Rows) -> str:
    """Rows of equal names as aligned columns; numbers with three significant digits, None as nothing."""
    names = [name for name in rows[0] if name != "blocks" and any(row[name] is not None for row in rows)]

    def text(value):
        if isinstance(value, float):
            return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
        return "" if value is None else str(value)

    cells = [names, *[[text(row[name]) for name in names] for row in rows]]
    widths = [max(len(line[n]) for line in cells) for n in range(len(names))]
    return "\n".join(
        "  ".join(cell.ljust(w) if n == 0 else cell.rjust(w) for n, (cell, w) in enumerate(zip(line, widths)))
        for line in cells
    )


def chosen(flags: Flags) -> tuple[dict[str, Any], dict[str, Race]]:
    """The techniques' cases and the races that the flags name. Raises Refused where there is none."""
    cases = dict(steps.cases(flags.technique) if flags.technique else techniques.small_cases())
    races = {} if flags.technique else RACES
    wanted = {name: case for name, case in cases.items() if flags.only in name}
    run = {name: race for name, race in races.items() if flags.only in name}
    if not wanted and not run:
        raise Refused(f"nothing has {flags.only!r} in its name; known: {', '.join([*cases, *races])}")
    return wanted, run if flags.races else {}


def main(argv: Sequence[str]) -> None:
    """Measures, prints, writes; leaves with exit code 1 where a guard does not hold."""
    flags, _ = alone("benchmarks", Flags, argv)
    if Path(flags.out).is_dir():
        raise Refused(f"--out={flags.out} is a directory")
    cases, races = chosen(flags)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    result: dict[str, Any] = {**environment(), "cores": cores(), "date": date, "steps": []}
    print(f"{result['device']}, {result['cores']} cores, {result['versions']}, {result['date']}")
    if cases:
        result["steps"] = [{"technique": name, **steps.measure(case)} for name, case in cases.items()]
        print(f"\n{(steps.__doc__ or '').strip()}\n\n{table(result['steps'])}", flush=True)
    for name, race in races.items():
        result[name] = race.measure(flags.rounds)
        print(f"\n{race.about.strip()}\n\n{table(result[name])}", flush=True)
        if note := race.note(result[name]):
            print(f"\n{note}", flush=True)
    write_whole(Path(flags.out), json.dumps(result, indent=2).encode() + b"\n")
    print(f"\nnumbers: {flags.out}")
    if broken := guards.broken(result.get("guards", ())):
        print(f"benchmarks: {broken}", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(cli.script("benchmarks", __doc__ or "", Flags, main))
