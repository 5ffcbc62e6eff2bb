"""How fast everything is, on this machine, today: a table, and a JSON file with device, versions and date.

python -m benchmarks                 every technique's step, then the races against peers that are installed
python -m benchmarks --only=vae      only what has `vae` in its name
python -m benchmarks --only=guards   only ratios that have a bound: exit code 1 where one does not hold
python -m benchmarks --out=FILE      where the JSON goes (runs/benchmarks.json)
pip install "jaxgen[peers]"          what there is to race against
"""

import dataclasses
import inspect
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import classifier, grid, guards, optimizers, start, steps, streaming, text, vae
from jaxgen import techniques
from jaxgen.core.config import knob
from jaxgen.core.files import write_whole
from jaxgen.core.types import Refused
from jaxgen.run import cli, flags
from jaxgen.run.machine import cores
from jaxgen.run.provenance import environment

RACES: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "guards": guards.measure,
    "vae": vae.measure,
    "classifier": classifier.measure,
    "streaming": streaming.measure,
    "grid": grid.measure,
    "optimizers": optimizers.measure,
    **text.RACES,
}


@dataclasses.dataclass(frozen=True)
class Flags:
    """The benchmarks' own flags."""

    only: str = knob("", "a part of the names wanted")
    out: str = knob("runs/benchmarks.json", "the file for the numbers")
    rounds: int = knob(7, "blocks of each contender in a race", lower=1)
    races: bool = knob(True, "run the races and the start-up, which take minutes")


def heading(measure: Callable) -> str:
    """What a race is: what its module says, or the function where a module has several."""
    alone = measure.__name__ == "measure"
    return (inspect.getdoc(sys.modules[measure.__module__] if alone else measure) or "").strip()


def table(rows: list[dict[str, Any]]) -> str:
    """Rows of equal keys as aligned columns; numbers with three significant digits, None as nothing."""
    names = [name for name in rows[0] if name != "blocks"]

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


def main(argv: list[str]) -> None:
    """Measures, prints, writes; leaves with exit code 1 where a guard does not hold."""
    (ours,) = flags.build([Flags], flags.explicit("benchmarks", [Flags], argv))
    if Path(ours.out).is_dir():
        raise Refused(f"--out={ours.out} is a directory")
    cases = {name: case for name, case in techniques.found().items() if ours.only in name}
    races = {name: measure for name, measure in RACES.items() if ours.only in name}
    if not cases and not races:
        known = ", ".join([*techniques.found(), *RACES])
        raise Refused(f"no technique and no race has {ours.only!r} in its name; known: {known}")
    result: dict[str, Any] = {
        **environment(),
        "cores": cores(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    result["steps"] = [{"technique": name, **steps.measure(case)} for name, case in cases.items()]
    print(f"{result['device']}, {result['cores']} cores, {result['versions']}, {result['date']}\n")
    if cases:
        print("A step of the tiny test case: seconds to compile a chunk, microseconds a step\n")
        print(table(result["steps"]), flush=True)
    for name, measure in races.items() if ours.races else ():
        result[name] = measure(ours.rounds)
        print(f"\n{heading(measure)}\n\n{table(result[name])}", flush=True)
    if cases and ours.races:
        result["start"] = start.measure()
        print(f"\n{(start.__doc__ or '').strip()}\n\n{table([result['start']])}")
    write_whole(Path(ours.out), json.dumps(result, indent=2).encode() + b"\n")
    print(f"\nnumbers: {ours.out}")
    if broken := guards.broken(result.get("guards", ())):
        print(f"benchmarks: {broken}", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    if {"--help", "-h"} & set(sys.argv):
        print(__doc__)
    else:
        sys.exit(cli.guarded("benchmarks", lambda: main(sys.argv[1:])))
