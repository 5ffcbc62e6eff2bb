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


def measure(name: str, loop: Loop, rounds: int = 7, devices: int = 2) -> list[dict[str, Any]]:
    """A row for each case and contender: median speed, quality, and medians of the ratios within a round.

    `equal` is whether the quality is that of the first contender, which is ours, within what the loop allows; a
    contender that computes something else is refused: ratios to it and of it are None, as they are where their
    denominator does not race.

    Args:
        name: the loop's in LOOPS.
        loop: what is raced.
        rounds: blocks of each contender.
        devices: host devices of the contenders that have more than one.
    """
    rows = []
    for case in loop.cases:
        labels = [label for each in racers(loop, case) if (label := each.named(devices))]
        serving = {label: ["-m", "benchmarks.serving", name, label, case, str(devices)] for label in labels}
        blocks = race(serving, rounds, loop.seconds)
        speeds = {label: [block.speed for block in blocks[label]] for label in labels}
        qualities = {label: blocks[label][0].quality for label in labels}
        equal = {label: alike(loop, qualities[labels[0]], quality) for label, quality in qualities.items()}
        for label in labels:
            row: dict[str, Any] = {loop.column: case} if loop.column else {}
            row |= {"contender": label, loop.unit: statistics.median(speeds[label])}
            row |= {"quality": qualities[label], "equal": equal[label]}
            for column, other in loop.against.items():
                compared = equal[label] and equal.get(other, False)
                row[column] = ratio(speeds[label], speeds[other]) if compared else None
            rows.append({**row, "blocks": speeds[label]})
    return rows


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median over rounds of the ratio within a round."""
    return statistics.median(a / b for a, b in zip(ours, theirs))


def alike(loop: Loop, ours: float, other: float) -> bool:
    """Whether two qualities differ by no more than the loop allows; NaN is like nothing, unless it allows all."""
    return loop.within == math.inf or abs(ours - other) <= loop.within * max(abs(ours), abs(other))


def refused(rows: Sequence[Mapping[str, Any]], loop: Loop) -> str:
    """The contenders whose quality is not that of ours, in a sentence; "" where there is none."""
    named = [
        f"{row.get(loop.column, '')} {row['contender']}: {row['quality']:.4g}".strip()
        for row in rows
        if not row["equal"]
    ]
    return f"refused, as qualities differ from ours by more than {loop.within:.0%}: {'; '.join(named)}" * bool(named)


def absent(loop: Loop) -> list[str]:
    """The contenders that cannot race, each with the packages that are not installed."""
    lacking = {each.label: [package for package in each.packages if not have(package)] for each in loop.contenders}
    return [f"{label} ({', '.join(packages)})" for label, packages in lacking.items() if packages]


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
