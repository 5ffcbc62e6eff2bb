"""Contenders side by side: blocks of a few seconds in turn, so that a drifting machine slows all of them alike."""

import importlib.util
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks.contender import Contender, Loop


class Block(NamedTuple):
    """What a contender answers for one block."""

    speed: float  # in the loop's unit
    quality: float


def race(commands: Mapping[str, Sequence[str]], rounds: int = 7, seconds: float = 2.0) -> dict[str, list[Block]]:
    """label -> its blocks, from label -> arguments of Python that start its process, see `benchmarks.serving`.

    Raises RuntimeError where a process ends before its time.
    """
    env = plain_environment()
    processes = {
        label: subprocess.Popen(
            [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )
        for label, arguments in commands.items()
    }
    blocks: dict[str, list[Block]] = {label: [] for label in processes}
    try:
        for process in processes.values():
            _answer(process)
        for _ in range(rounds):
            for label, process in processes.items():
                print(seconds, file=process.stdin, flush=True)
                blocks[label].append(Block(*map(float, _answer(process).split())))
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()
    return blocks


def plain_environment() -> dict[str, str]:
    """This process's environment without XLA's flags: compiled as users' processes are."""
    return {name: value for name, value in os.environ.items() if not name.startswith("XLA_")}


def timed(command: Sequence[str]) -> tuple[float, str]:
    """Seconds that a process took, `python -m COMMAND`, and what it printed."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *command], check=True, stdout=subprocess.PIPE, text=True, env=plain_environment()
    )
    return time.perf_counter() - start, done.stdout


def _answer(process: subprocess.Popen) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{' '.join(map(str, process.args[1:]))} ended")  # type: ignore[index]
    return line


def measure(name: str, loop: Loop, rounds: int = 7) -> list[dict[str, Any]]:
    """A row for each case and contender: median speed, quality, and medians of the ratios within a round.

    `name` is the loop's in LOOPS. A ratio is None where its denominator does not race.
    """
    rows = []
    for case in loop.cases:
        labels = [each.label for each in racers(loop, case)]
        serving = {label: ["-m", "benchmarks.serving", name, label, case] for label in labels}
        blocks = race(serving, rounds, loop.seconds)
        speeds = {label: [block.speed for block in blocks[label]] for label in labels}
        for label in labels:
            row: dict[str, Any] = {loop.column: case} if loop.column else {}
            row |= {"contender": label, loop.unit: statistics.median(speeds[label])}
            row["quality"] = blocks[label][0].quality
            for column, other in loop.against.items():
                row[column] = ratio(speeds[label], speeds[other]) if other in speeds else None
            rows.append({**row, "blocks": speeds[label]})
    return rows


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median over rounds of the ratio within a round."""
    return statistics.median(a / b for a, b in zip(ours, theirs))


def unequal(loop: Loop, rows: Sequence[Mapping[str, Any]]) -> str:
    """The cases in which the contenders' qualities differ by more than the loop allows; "" where none does."""
    cases: dict[str, list[float]] = {}
    for row in rows:
        cases.setdefault(row.get(loop.column, "all"), []).append(row["quality"])
    named = [
        f"{case}: {min(values):.4g} to {max(values):.4g}"
        for case, values in cases.items()
        if not np.ptp(values) <= loop.within * max(map(abs, values))  # nor is NaN
    ]
    return f"qualities differ by more than {loop.within:.0%}: {'; '.join(named)}" if named else ""


def have(package: str) -> bool:
    """Whether a peer is installed."""
    return importlib.util.find_spec(package) is not None


def racers(loop: Loop, case: str) -> list[Contender]:
    """The contenders of a case whose packages are installed."""
    return [each for each in loop.contenders if case in (each.cases or loop.cases) and all(map(have, each.packages))]


def quietest(works: Mapping[str, Callable[[], Any]], rounds: int, block: float) -> dict[str, float]:
    """name -> seconds of its fastest call, of `rounds` blocks of so many seconds in turn: noise only ever adds.

    Fast calls are rarer among longer ones: the works that are compared should take about as long.
    """
    best = dict.fromkeys(works, math.inf)
    for work in works.values():
        jax.block_until_ready(work())  # compiled
    for name in list(works) * rounds:
        end = time.perf_counter() + block
        while (start := time.perf_counter()) < end:
            jax.block_until_ready(works[name]())
            best[name] = min(best[name], time.perf_counter() - start)
    return best
