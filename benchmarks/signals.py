"""Faults that come from outside a run's process: signals, and a second process in its directory."""

import contextlib
import json
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import starts
from benchmarks.starts import Found
from jaxgen.run import checkpoint, manifest

KILLED, STOPPED, SECOND = "kill -9", "SIGTERM", "second process"


@contextlib.contextmanager
def started(module: ModuleType, workdir: Path, rows: int) -> Iterator[int]:
    """The id of a process that trains in `workdir` and has logged so many rows, or has ended."""
    process = starts.forked(lambda: starts.finish(module, workdir), workdir.with_suffix(".said"))
    deadline = time.monotonic() + 300
    while starts.rows_of(workdir) < rows and time.monotonic() < deadline:
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
        time.sleep(0.002)
    yield process


def against(workdir: Path, end: Mapping[str, Any], code: int) -> list[str]:
    """What differs at the end of a run, whose last process ended with `code`, from the one that was left alone."""
    if code:
        return [f"it ended with {code}: {workdir.with_suffix('.said').read_text()[-500:]}"]
    other = json.loads(workdir.with_suffix(".json").read_text())
    return [f"{name} of the end differ" for name in end if other[name] != end[name]]


def signalled(module: ModuleType, workdir: Path, end: Mapping[str, Any], chance: random.Random) -> dict[str, Found]:
    """One run: SIGKILL, SIGKILL, a second process beside it while it is held, SIGTERM; then it is let go on."""
    fell, beside, said, hit = list[str](), list[str](), workdir.with_name("second.said"), 0
    for _ in range(2):
        with started(module, workdir, starts.rows_of(workdir) + 1) as process:
            time.sleep(chance.uniform(0, 0.15))  # within a chunk, an evaluation or a checkpoint
            os.kill(process, signal.SIGKILL)
            hit += starts.ended(process) == -signal.SIGKILL
    with started(module, workdir, starts.rows_of(workdir) + 1) as process:
        os.kill(process, signal.SIGSTOP)
        os.waitpid(process, os.WUNTRACED)
        before = starts.everything(workdir)
        code = starts.ended(starts.forked(lambda: starts.finish(module, workdir), said))
        told = said.read_text()
        if code != 2 or len(told.splitlines()) != 1 or "another process is training in" not in told:
            beside.append(f"the second one ended with {code} and said {told[-500:]!r}")
        if starts.everything(workdir) != before:
            beside.append("the second one changed files")
        os.kill(process, signal.SIGTERM)
        os.kill(process, signal.SIGCONT)
        code = starts.ended(process)
    newest = next(iter(checkpoint.candidates(workdir / "checkpoints")), None)
    if code != 128 + signal.SIGTERM:
        fell.append(f"it ended with {code}")
    if newest is None or manifest.damage(newest):
        fell.append("it left no intact checkpoint")
    elif int(newest.name.split("-")[1]) != starts.EVERY * starts.rows_of(workdir):
        fell.append(f"it left {newest.name} after {starts.rows_of(workdir)} rows")
    with started(module, workdir, 1000) as process:
        last = against(workdir, end, starts.ended(process))
    return {KILLED: Found(2, hit, last), STOPPED: Found(2, 1, fell + last), SECOND: Found(1, 1, beside + last)}
