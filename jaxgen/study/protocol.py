"""A study of one task: tune each optimiser's learning rate, then run the best rate on fresh seeds.

Finished runs stand in the folder's trials.jsonl and are never run again; what is still to be done is a function of
the protocol and of them, so that a study that was killed goes on where it was. Runs are written down part by part:
what a kill loses is the part that was being trained.
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
from jaxgen.study.memory import bytes_each
from jaxgen.study.problems import Problem, Trial

EXECUTION = "execution.json"
COMPILING = 3.0  # seconds that the programs of one optimiser take to compile, about


class Protocol(NamedTuple):
    """What is run for each optimiser."""

    rates: tuple[float, ...]  # ascending
    tuning_seeds: int  # seeds 0, 1, ... choose the rate, by the validation split
    seeds: int  # the seeds after them judge it, on the test split
    extend: bool = False  # widen the grid while the best rate is at an end of it


class Group(NamedTuple):
    """Where runs of one optimiser on one task are trained and written down."""

    folder: Path
    problem: Problem
    optimizer: str
    fresh: int  # final runs at a time
    compiled: dict[int, training.Bench]  # widths that programs were compiled for; written to
    arrays: tuple[Any, Any, Any]  # of the three splits, on every device
    say: Callable[[str], None]
    advance: Callable[[int], None]  # told the updates made, over all runs of a part


def conduct(
    folder: Path,
    problem: Problem,
    task: statistics.Task,
    optimizers: Sequence[str],
    protocol: Protocol,
    say: Callable[[str], None] = print,
    advance: Callable[[int], None] = lambda updates: None,
) -> None:
    """Runs what is missing of the study of one task, optimiser by optimiser.

    `say` is told in words what was found, `advance` how many updates more were made.
    """
    arrays = side_by_side.shared((problem.train.arrays, problem.valid.arrays, problem.test.arrays))
    for optimizer in optimizers:
        group = Group(folder, problem, optimizer, protocol.seeds, {}, arrays, say, advance)
        best = tuned(group, task, protocol)
        fresh = range(protocol.tuning_seeds, protocol.tuning_seeds + protocol.seeds)
        missing(group, "final", [Trial(best, seed) for seed in fresh])


def tuned(group: Group, task: statistics.Task, protocol: Protocol) -> float:
    """The learning rate of the best mean on validation, over a grid that is widened where the protocol says so."""
    said = {row["learning_rate"] for row in known(group) if row["phase"] == "tuning"}
    rates = sorted({*protocol.rates, *said})
    while True:
        missing(group, "tuning", [Trial(rate, seed) for rate in rates for seed in range(protocol.tuning_seeds)])
        best = statistics.winner(task, known(group), group.optimizer)
        where = statistics.end(statistics.scores(task, known(group), group.optimizer), best)
        # Rates beyond the protocol's are counted, not rounds: a study that goes on does not begin to widen anew.
        widened = len(rates) - len(protocol.rates)
        if not where or not protocol.extend or widened >= grid.MOST:
            note = f", at the {where} end of the grid" if where else ""
            group.say(f"{task.name}  {group.optimizer}: best learning rate {best:g}{note}")
            return best
        rates = grid.wider(rates, where)


def known(group: Group) -> list[dict[str, Any]]:
    """The rows of this task's and optimiser's finished runs."""
    mine = (group.problem.name, group.optimizer)
    return [row for row in store.read(group.folder) if (row["task"], row["optimizer"]) == mine]


def missing(group: Group, phase: str, trials: Sequence[Trial]) -> None:
    """Trains those of the trials that are not written down yet, in parts that fit in memory, and writes them down."""
    problem = group.problem
    labels = {"task": problem.name, "optimizer": group.optimizer}
    done = {(row["phase"], row["learning_rate"], row["seed"]) for row in known(group)}
    left = [trial for trial in trials if (phase, trial.rate, trial.seed) not in done]
    if not left:
        return
    each = bytes_each(problem, problem.make(problem.factory(group.optimizer)))
    most = side_by_side.width(len(left), each, machine.memory() // 2)
    width, functions = bench_for(group, left[:most], most)
    for part in [left[n : n + width] for n in range(0, len(left), width)]:
        filled = [*part, *[part[-1]] * (width - len(part))]  # what fills up is trained and forgotten
        count = lambda updates, part=part: group.advance(updates * len(part))
        began = time.perf_counter()
        rows = training.trained(problem, functions, filled, group.arrays, phase == "final", count)[: len(part)]
        store.append(group.folder, [{**labels, "phase": phase, **row} for row in rows])
        spend(group, time.perf_counter() - began)


def spend(group: Group, seconds: float) -> None:
    """Adds to the time that the task has taken, over all processes that worked on it."""
    found = execution(group.folder)
    found[group.problem.name]["seconds"] = found[group.problem.name].get("seconds", 0.0) + seconds
    write_execution(group.folder, found)


def bench_for(group: Group, trials: Sequence[Trial], width: int) -> tuple[int, training.Bench]:
    """Programs for so many runs, at most `width`, and how many.

    How a task's runs are trained side by side is timed once, and written down for all its optimisers. Where one follows
    the other, parts are no wider than the final runs are many: they take no longer, fit these too, and a kill loses
    less. Otherwise programs that are there serve fewer runs too, where filling up costs less than compiling anew.
    """
    found, name, optimizer = execution(group.folder), group.problem.name, group.optimizer
    narrow = min(width, side_by_side.width(group.fresh, 1, group.fresh + jax.device_count()))
    if name not in found:
        filled = [*trials, *[trials[-1]] * (width - len(trials))]
        mode, functions, took = timing.fastest(group.problem, optimizer, filled, narrow, group.arrays[0])
        found[name] = {"mode": mode, "width": width, "seconds_an_update": took}
        write_execution(group.folder, found)
        times = ", ".join(f"{m} {1e6 * s:,.0f}" for m, s in took.items())
        group.say(f"{name}  {mode}: the fastest for {width} runs (microseconds for an update of one: {times})")
        group.compiled[width if mode == "vmap" else narrow] = functions
    mode = found[name]["mode"]
    width = width if mode == "vmap" else narrow
    a_run = group.problem.steps * found[name]["seconds_an_update"][mode]
    for ready, functions in group.compiled.items():
        if ready >= width and (ready - width) * a_run < COMPILING:
            return ready, functions
    group.compiled[width] = training.bench(group.problem, optimizer, mode)
    return width, group.compiled[width]


def write_execution(folder: Path, found: dict[str, dict[str, Any]]) -> None:
    """Replaces what `execution` reads."""
    write_whole(folder / EXECUTION, json.dumps(found, indent=2).encode() + b"\n")


def execution(folder: Path) -> dict[str, dict[str, Any]]:
    """Task -> how its runs were trained: `mode`; `width` and `seconds_an_update` by mode when these were timed;
    `seconds` in all, compilation and validations included. Raises Refused if damaged.
    """
    try:
        found = json.loads((folder / EXECUTION).read_text())
        if all(task["mode"] in side_by_side.MODES for task in found.values()):
            return found
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    raise Refused(f"{folder / EXECUTION} is damaged")
