"""Contenders side by side: blocks of a few seconds in turn, so that a drifting machine slows all of them alike."""

import importlib.util
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence


def race(contenders: Mapping[str, Sequence[str]], rounds: int = 7, seconds: float = 2.0) -> dict[str, list[float]]:
    """name -> what each block gave (work a second), from name -> arguments of `python -m benchmarks.contenders...`."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("XLA_")}
    running = {
        name: subprocess.Popen(
            [sys.executable, "-m", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )
        for name, command in contenders.items()
    }
    found: dict[str, list[float]] = {name: [] for name in running}
    try:
        for process in running.values():
            _answer(process)
        for _ in range(rounds):
            for name, process in running.items():
                print(seconds, file=process.stdin, flush=True)
                found[name].append(float(_answer(process)))
    finally:
        for process in running.values():
            process.kill()
            process.communicate()
    return found


def _answer(process: subprocess.Popen) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{' '.join(map(str, process.args[1:]))} ended")  # type: ignore[index]
    return line


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median over rounds of the ratio within a round."""
    return statistics.median(a / b for a, b in zip(ours, theirs))


def have(package: str) -> bool:
    """Whether a peer is installed."""
    return importlib.util.find_spec(package) is not None
