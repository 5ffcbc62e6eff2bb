"""How fast everything is, on this machine, today: a table, and a JSON file with device, versions and date.

python -m benchmarks                 every technique's step, then the races against peers that are installed
python -m benchmarks --only=vae      only what has `vae` in its name; more names between commas; steps: all techniques
python -m benchmarks --only=guards   only ratios that have a bound: exit code 1 where one does not hold
python -m benchmarks --technique=my_module   the steps of the tiny cases of a module of your own
python -m benchmarks --quick         limits and every technique's step, shortly; no races without --peers
python -m benchmarks --out=FILE      where the JSON goes (runs/benchmarks.json)
python -m benchmarks --compare=FILE  what is faster or slower than in that file, beyond noise: exit code 1 where slower
pip install "jaxgen[peers]"          what there is to race against
"""

import contextlib
import dataclasses
import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import jax

from benchmarks import comparison, guards, limits, racing
from benchmarks.loops import devices, growth, samplers, start, steps, streaming
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
    several: Callable[[int, int], list[dict[str, Any]]] | None = None  # the same, of rounds and a number of devices


def _raced(name: str) -> Race:
    measure = functools.partial(racing.measure, name, LOOPS[name])
    return Race(LOOPS[name].about, measure, measure)


RACES = {
    "guards": Race(guards.__doc__ or "", guards.measure),
    **{name: _raced(name) for name in LOOPS},
    "devices": Race(devices.__doc__ or "", devices.measure, devices.measure),
    "samplers": Race(samplers.__doc__ or "", samplers.measure),
    "growth": Race(growth.__doc__ or "", growth.measure),
    "streaming": Race(streaming.__doc__ or "", streaming.measure),
    "text_start": Race(start.WRITING, start.measure_writing),
    "start": Race(start.__doc__ or "", start.measure),
}


@dataclasses.dataclass(frozen=True)
class Flags:
    """The benchmarks' own flags."""

    only: str = knob("", "parts of the names wanted, between commas; steps: every technique's step")
    technique: str = knob("", "a module with tiny(), whose steps alone are measured")
    out: str = knob("runs/benchmarks.json", "the file for the numbers")
    rounds: int = knob(3, "blocks of each contender in a race", lower=1)
    races: bool = knob(True, "run the races, which take minutes")
    quick: bool = knob(False, "each technique's step in a chunk alone, measured for a moment, and no races")
    peers: bool = knob(False, "with --quick: races as well, of two rounds")
    host_devices: int = knob(2, "devices of the CPU in rows that use several", lower=1)
    compare: str = knob("", "an earlier file of numbers; exit code 1 where one is worse now, beyond noise")


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


def with_shares(name: str, rows: list[dict[str, Any]], rate: float) -> list[dict[str, Any]]:
    """Rows of a race with the share that each reaches of `rate`, products in GFLOP/s, where operations are counted.

    Those of all contenders are counted as ours has them.
    """
    loop = LOOPS.get(name)
    if loop is None or loop.operations is None:
        return rows
    each = {case: loop.operations(sizes) for case, sizes in loop.cases.items()}
    of = lambda row: 1e-9 * row[loop.unit] * each[row.get(loop.column, "")] / rate
    return [{**row, "share": of(row)} for row in rows]


def chosen(flags: Flags) -> tuple[dict[str, Any], dict[str, Race]]:
    """The techniques' cases and the races that the flags name. Raises Refused where a part names none."""
    cases = dict(steps.cases(flags.technique) if flags.technique else techniques.small_cases())
    races = {} if flags.technique else RACES
    wanted, run = dict[str, Any](), dict[str, Race]()
    for part in flags.only.split(","):
        own = {name: case for name, case in cases.items() if part in name or part == "steps"}
        raced = {name: race for name, race in races.items() if part in name}
        if not own and not raced:
            raise Refused(f"nothing has {part!r} in its name; known: {', '.join(['steps', *cases, *races])}")
        wanted, run = wanted | own, run | raced
    return wanted, run if flags.races and (flags.peers or not flags.quick) else {}


def raced(flags: Flags, name: str, race: Race) -> tuple[list[dict[str, Any]], str]:
    """The rows of a race, and what a reader of them must be warned of."""
    rounds, loop = min(flags.rounds, 2) if flags.quick else flags.rounds, LOOPS.get(name)
    several = flags.host_devices if jax.default_backend() == "cpu" else 1
    rows = race.several(rounds, several) if race.several else race.measure(rounds)
    left = racing.absent(loop) if loop else []
    notes = [racing.refused(rows, loop) if loop else "", f"not installed, left out: {'; '.join(left)}" * bool(left)]
    return rows, "\n".join(filter(None, notes))


def main(argv: Sequence[str]) -> None:
    """Measures, prints, writes; leaves with exit code 1 where a guard does not hold or something became slower."""
    flags, _ = alone("benchmarks", Flags, argv)
    if Path(flags.out).is_dir():
        raise Refused(f"--out={flags.out} is a directory")
    before = comparison.read(flags.compare) if flags.compare else None
    cases, races = chosen(flags)
    date, rows = datetime.now(UTC).isoformat(timespec="seconds"), dict[str, list[dict[str, Any]]]()
    result: dict[str, Any] = {**environment(), "cores": cores(), "date": date, "commit": commit(), "rows": rows}
    print(f"{result['device']}, {result['cores']} cores, {result['versions']}, {result['date']}")
    if busy := others_busy():
        print(f"warning: {busy}")
    result["limits"] = limits.measure()
    print(f"\n{(limits.__doc__ or '').strip()}\n\n{table(result['limits'])}", flush=True)
    if cases:
        rate = result["limits"][0]["value"]
        first = cases if flags.technique else techniques.first_cases()
        whole = set[str]() if flags.quick else set(first)
        rows["steps"] = [{"technique": n, **steps.measure(each, rate, n not in whole)} for n, each in cases.items()]
        print(f"\n{(steps.__doc__ or '').strip()}\n\n{table(rows['steps'])}", flush=True)
    save = lambda: write_whole(Path(flags.out), json.dumps(result, indent=2).encode() + b"\n")
    save()
    ended = []
    for name, race in races.items():
        try:
            measured, note = raced(flags, name, race)
        except RuntimeError as error:  # a contender's process has ended
            ended.append(f"{name} has no rows, as {error}")
            continue
        rows[name] = with_shares(name, measured, result["limits"][0]["value"])
        print(f"\n{race.about.strip()}\n\n{table(rows[name])}\n{note}", flush=True)
        save()  # the rest may be stopped
    print(f"\nnumbers: {flags.out}")
    finish(result, before, ended)


def finish(result: Mapping[str, Any], before: Mapping[str, Any] | None, ended: Sequence[str] = ()) -> None:
    """Compares; leaves with exit code 1 where a guard is broken, races `ended`, or something is slower than before."""
    broken = "; ".join(filter(None, [guards.broken(result["rows"].get("guards", ())), *ended]))
    if broken:
        print(f"benchmarks: {broken}", file=sys.stderr)
    text, slower = comparison.compared(before, result) if before else ("", False)
    print(*[text] * bool(text))
    if broken or slower:
        raise SystemExit(1)


def commit() -> str:
    """The commit of this source, "" where git does not know it; with a + where files differ from it."""
    run = lambda *words: subprocess.run(
        ["git", "-C", str(Path(__file__).parent), *words], capture_output=True, text=True, check=False
    ).stdout.strip()
    with contextlib.suppress(OSError):
        return run("rev-parse", "HEAD") + "+" * bool(run("status", "--porcelain", "--untracked-files=no"))
    return ""


def others_busy() -> str:
    """A sentence where other processes keep the machine busy: numbers are lower then."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return f"the load is {load:.1f} before anything is measured; other processes slow this one" if load > 0.5 else ""


if __name__ == "__main__":
    sys.exit(cli.script("benchmarks", __doc__ or "", Flags, main))
