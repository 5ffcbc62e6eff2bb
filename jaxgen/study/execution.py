"""How a study trains its runs side by side: chosen once for each task, written to execution.json, and kept.

Runs of one mode and width are the same bytes whatever trains beside them. So widths are a function of the protocol and
of what execution.json holds, not of what is left to be trained: a study that was killed ends in the same bytes.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.core.files import write_whole
from jaxgen.core.types import Refused
from jaxgen.run import machine
from jaxgen.study import side_by_side

NAME = "execution.json"
PART = "execution.process"  # of the names of further processes' files
AUTO = "auto"  # the mode that stands for the fastest
# Of a run, times its updates: what small networks compute with while a program compiles, about 3 s.
COMPILING = 1.5e10


class Widths(NamedTuple):
    """How many runs to train side by side."""

    tuning: int
    final: int


def widths(mode: str, tuning: int, final: int, bytes_each: int, steps: int, budget: int) -> Widths:
    """The widths of `tuning` runs and of `final` runs.

    Where one run follows the other, parts are no wider than the number of final runs: that takes no longer, the same
    programs serve both, and a kill loses less. With vmap, copies of a run fill the final runs up to the width of tuning
    where that takes less time than to compile anew.

    Args:
        mode: one of `side_by_side.MODES`.
        tuning: number of runs.
        final: number of runs.
        bytes_each: `memory.bytes_per_run`.
        steps: updates of a run.
        budget: bytes that all runs side by side may take.
    """
    wide, narrow = (side_by_side.runs_at_once(count, bytes_each, budget) for count in (tuning, final))
    if mode != "vmap":
        return Widths(min(wide, narrow), narrow)
    return Widths(wide, wide if 0 <= (wide - narrow) * steps * bytes_each < COMPILING else narrow)


def memory_budget() -> int:
    """Half of the memory, rounded down to a power of two: the same for two studies on one machine, more or less."""
    return 2 ** (max(machine.memory() // 2, 1).bit_length() - 1)


def recorded(folder: Path, name: str, mode: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """How the task trains: by execution.json, its finished runs where that is lost, or the flag; None for auto."""
    if (known := read_execution(folder).get(name)) is not None:
        return known
    trained = {row["mode"] for row in rows if row["task"] == name}
    mode = trained.pop() if trained else mode
    return None if mode == AUTO else {"mode": mode, "budget": memory_budget()}


def record(folder: Path, name: str, entry: dict[str, Any]) -> None:
    """Replaces the task's entry of execution.json."""
    execution = {**read_execution(folder), name: entry}
    write_whole(folder / NAME, json.dumps(execution, indent=2).encode() + b"\n")


def add_seconds(folder: Path, name: str, seconds: float, process: int = 0) -> None:
    """Adds to the time that the task has taken, over all processes that worked on it; `process` adds it."""
    if process:
        path = folder / f"{PART}{process}.json"
        spent = json.loads(path.read_text()) if path.exists() else {}
        write_whole(path, json.dumps({**spent, name: spent.get(name, 0.0) + seconds}).encode())
        return
    entry = read_execution(folder)[name]
    record(folder, name, {**entry, "seconds": entry.get("seconds", 0.0) + seconds})


def merge(folder: Path) -> None:
    """Adds the time that other processes have written down."""
    for path in sorted(folder.glob(f"{PART}*.json")):
        spent = json.loads(path.read_text())
        path.unlink()
        for name, seconds in spent.items():
            add_seconds(folder, name, seconds)


def read_execution(folder: Path) -> dict[str, dict[str, Any]]:
    """Task -> how its runs were trained. Raises Refused where the file is damaged.

    `mode`; `budget`, bytes of memory; `seconds` in all, compilation and validations included; where the mode was timed,
    `seconds_an_update` by mode.
    """
    try:
        execution = json.loads((folder / NAME).read_text())
        if all(task["mode"] in side_by_side.MODES and task["budget"] > 0 for task in execution.values()):
            return execution
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    raise Refused(f"{folder / NAME} is damaged")
