"""A study of one task: tune each optimiser's learning rate, then train with the best rate on fresh seeds.

Finished runs are lines of the folder's trials.jsonl and are never trained again. What is still to be done is a function
of the protocol and of them, so that a study that was killed goes on where it was. Runs are written part by part: a kill
loses the part that was being trained.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxgen.core.files import write_whole
from jaxgen.core.types import Refused
from jaxgen.run import machine
from jaxgen.study import grid, side_by_side, statistics, store, timing, training
from jaxgen.study.memory import bytes_per_run
from jaxgen.study.problems import Problem, Trial, split_arrays

EXECUTION = "execution.json"
COMPILING = 3.0  # seconds that the programs of one optimiser take to compile, about


class Protocol(NamedTuple):
    """Which runs each optimiser gets."""

    rates: tuple[float, ...]  # ascending
    tuning_seeds: int  # seeds 0, 1, ... choose the rate, by the validation split
    seeds: int  # the seeds after them judge it, on the test split
    extend: bool = False  # widen the grid while the best rate is at an end of it


class Group(NamedTuple):
    """The runs of one optimiser on one task."""

    folder: Path
    problem: Problem
    optimizer: str
    fresh: int  # number of final runs
    compiled: dict[int, training.Programs]  # number of runs side by side -> programs; filled on the way
    arrays: tuple[Any, Any, Any]  # of the three splits, on every device
    say: Callable[[str], None]
    advance: Callable[[int], None]


def run_study(
    folder: Path,
    problem: Problem,
    task: statistics.Task,
    optimizers: Sequence[str],
    protocol: Protocol,
    say: Callable[[str], None] = print,
    advance: Callable[[int], None] = lambda updates: None,
) -> None:
    """Trains what is missing of the study of one task, optimiser by optimiser.

    Args:
        folder: the study's directory.
        problem: what is trained.
        task: how it is judged.
        optimizers: by name.
        protocol: which runs each gets.
        say: called with a line of text for each result.
        advance: called with the updates made since the last call, over all runs.
    """
    arrays = side_by_side.replicated(split_arrays(problem))
    for optimizer in optimizers:
        group = Group(folder, problem, optimizer, protocol.seeds, {}, arrays, say, advance)
        best = tune(group, task, protocol)
        fresh = range(protocol.tuning_seeds, protocol.tuning_seeds + protocol.seeds)
        run_missing(group, "final", [Trial(best, seed) for seed in fresh])


def tune(group: Group, task: statistics.Task, protocol: Protocol) -> float:
    """The learning rate of the best mean on validation, over a grid that is widened where the protocol says so."""
    tried = {row["learning_rate"] for row in finished_rows(group) if row["phase"] == "tuning"}
    rates = sorted({*protocol.rates, *tried})
    while True:
        run_missing(group, "tuning", [Trial(rate, seed) for rate in rates for seed in range(protocol.tuning_seeds)])
        rows = finished_rows(group)
        best = statistics.winner(task, rows, group.optimizer)
        end = statistics.end_of_grid(statistics.scores(task, rows, group.optimizer), best)
        # Rates beyond the protocol's are counted, not rounds: a study that goes on does not begin to widen anew.
        widened = len(rates) - len(protocol.rates)
        if not end or not protocol.extend or widened >= grid.MOST:
            note = f", at the {end} end of the grid" if end else ""
            group.say(f"{task.name}  {group.optimizer}: best learning rate {best:g}{note}")
            return best
        rates = grid.wider(rates, end)


def finished_rows(group: Group) -> list[dict[str, Any]]:
    """The rows of the group's finished runs."""
    own = (group.problem.name, group.optimizer)
    return [row for row in store.read_rows(group.folder) if (row["task"], row["optimizer"]) == own]


def run_missing(group: Group, phase: str, trials: Sequence[Trial]) -> None:
    """Trains those of the trials that are not finished, in parts that fit in memory, and writes their rows."""
    problem = group.problem
    labels = {"task": problem.name, "optimizer": group.optimizer}
    done = {(row["phase"], row["learning_rate"], row["seed"]) for row in finished_rows(group)}
    left = [trial for trial in trials if (phase, trial.rate, trial.seed) not in done]
    if not left:
        return
    size = bytes_per_run(problem, problem.make(problem.factory(group.optimizer)))
    most = side_by_side.runs_at_once(len(left), size, machine.memory() // 2)
    width, programs = programs_for(group, left[:most], most)
    for part in [left[n : n + width] for n in range(0, len(left), width)]:
        filled = [*part, *[part[-1]] * (width - len(part))]  # the copies' rows are dropped
        count = lambda updates, part=part: group.advance(updates * len(part))
        began = time.perf_counter()
        rows = training.train_runs(problem, programs, filled, group.arrays, phase == "final", count)[: len(part)]
        store.append_rows(group.folder, [{**labels, "phase": phase, **row} for row in rows])
        add_seconds(group, time.perf_counter() - began)


def add_seconds(group: Group, seconds: float) -> None:
    """Adds to the time that the task has taken, over all processes that worked on it."""
    execution = read_execution(group.folder)
    execution[group.problem.name]["seconds"] = execution[group.problem.name].get("seconds", 0.0) + seconds
    write_execution(group.folder, execution)


def programs_for(group: Group, trials: Sequence[Trial], width: int) -> tuple[int, training.Programs]:
    """A number of runs side by side, at most `width`, and compiled programs for it.

    The fastest mode is timed once for a task, and recorded for all its optimisers. Where one run follows the other,
    parts are no wider than the number of final runs: that takes no longer, the same programs serve both, and a kill
    loses less. Otherwise compiled programs serve fewer runs too, where filling up costs less than compiling anew.
    """
    execution, name, optimizer = read_execution(group.folder), group.problem.name, group.optimizer
    narrow = min(width, side_by_side.runs_at_once(group.fresh, 1, group.fresh + jax.device_count()))
    if name not in execution:
        filled = [*trials, *[trials[-1]] * (width - len(trials))]
        mode, programs, times = timing.fastest_mode(group.problem, optimizer, filled, narrow, group.arrays[0])
        execution[name] = {"mode": mode, "width": width, "seconds_an_update": times}
        write_execution(group.folder, execution)
        listed = ", ".join(f"{m} {1e6 * s:,.0f}" for m, s in times.items())
        group.say(f"{name}  {mode}: the fastest for {width} runs (microseconds for an update of one: {listed})")
        group.compiled[width if mode == "vmap" else narrow] = programs
    mode = execution[name]["mode"]
    width = width if mode == "vmap" else narrow
    seconds_per_run = group.problem.steps * execution[name]["seconds_an_update"][mode]
    for ready, programs in group.compiled.items():
        if ready >= width and (ready - width) * seconds_per_run < COMPILING:
            return ready, programs
    group.compiled[width] = training.compiled_programs(group.problem, optimizer, mode)
    return width, group.compiled[width]


def write_execution(folder: Path, execution: dict[str, dict[str, Any]]) -> None:
    """Replaces what `read_execution` reads."""
    write_whole(folder / EXECUTION, json.dumps(execution, indent=2).encode() + b"\n")


def read_execution(folder: Path) -> dict[str, dict[str, Any]]:
    """Task -> how its runs were trained: `mode`; `width` and `seconds_an_update` by mode when these were timed;
    `seconds` in all, compilation and validations included. Raises Refused where the file is damaged.
    """
    try:
        execution = json.loads((folder / EXECUTION).read_text())
        if all(task["mode"] in side_by_side.MODES for task in execution.values()):
            return execution
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    raise Refused(f"{folder / EXECUTION} is damaged")
