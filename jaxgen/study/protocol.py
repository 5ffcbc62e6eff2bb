"""A study of one task: tune each optimiser's learning rate, then train with the best rate on fresh seeds.

Finished runs are lines of the folder's trials.jsonl and are never trained again. What is still to be done is a function
of the protocol and of them, so that a study that was killed goes on where it was. Runs are written part by part: a kill
loses the part that was being trained.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxgen.study import execution, grid, side_by_side, statistics, store, timing, training
from jaxgen.study.memory import bytes_per_run
from jaxgen.study.problems import Problem, Trial, split_arrays


class Protocol(NamedTuple):
    """Which runs each optimiser gets."""

    tuning_seeds: int  # seeds 0, 1, ... choose the rate, by the validation split
    seeds: int  # the seeds after them judge it, on the test split
    extend: bool = False  # widen the grid while the best rate is at an end of it
    max_seconds: float = 0.0  # of training in a run, its share of what runs beside it; 0: any


class Entrant(NamedTuple):
    """An optimiser that takes part."""

    label: str  # its name, for the problem's factory and in rows
    rates: tuple[float, ...]  # ascending
    code: str = ""  # hash of the files that it is made of


class Group(NamedTuple):
    """The runs of one optimiser on one task."""

    folder: Path
    problem: Problem
    optimizer: str
    rates: tuple[float, ...]
    code: str
    protocol: Protocol
    mode: str  # one of side_by_side.MODES, or auto
    compiled: list[training.Programs]  # of this optimiser; empty until the first run
    arrays: tuple[Any, Any, Any]  # of the three splits, on every device
    say: Callable[[str], None]
    advance: Callable[[int], None]
    process: int  # of those that divide the study


def run_study(
    folder: Path,
    problem: Problem,
    task: statistics.Task,
    entrants: Sequence[Entrant],
    protocol: Protocol,
    mode: str = execution.AUTO,
    say: Callable[[str], None] = print,
    advance: Callable[[int], None] = lambda updates: None,
    process: int = 0,
) -> None:
    """Trains what is missing of the study of one task, optimiser by optimiser.

    Args:
        folder: the study's directory.
        problem: what is trained.
        task: how it is judged.
        entrants: the optimisers.
        protocol: which runs each gets.
        mode: how runs are trained side by side, one of `side_by_side.MODES`; "auto" times them and takes the fastest.
        say: called with a line of text for each result.
        advance: called with the updates made since the last call, over all runs.
        process: which of those that divide the study this is: whose files are written.
    """
    arrays = side_by_side.replicated(split_arrays(problem))
    for entrant in entrants:
        group = Group(folder, problem, *entrant, protocol, mode, [], arrays, say, advance, process)
        best = tune(group, task)
        fresh = range(protocol.tuning_seeds, protocol.tuning_seeds + protocol.seeds)
        run_missing(group, "final", [Trial(best, seed) for seed in fresh])


def settle(folder: Path, problem: Problem, entrant: Entrant, protocol: Protocol, mode: str) -> None:
    """Chooses how the runs of a task are trained side by side, and writes it down; arguments as in `run_study`."""
    arrays = side_by_side.replicated(split_arrays(problem))
    group = Group(folder, problem, *entrant, protocol, mode, [], arrays, print, lambda updates: None, 0)
    prepared(group, [Trial(rate, seed) for rate in entrant.rates for seed in range(protocol.tuning_seeds)])


def tune(group: Group, task: statistics.Task) -> float:
    """The learning rate of the best mean on validation, over a grid that is widened where the protocol says so."""
    protocol = group.protocol
    tried = {row["learning_rate"] for row in finished_rows(group) if row["phase"] == "tuning"}
    rates = sorted({*group.rates, *tried})
    while True:
        run_missing(group, "tuning", [Trial(rate, seed) for rate in rates for seed in range(protocol.tuning_seeds)])
        rows = finished_rows(group)
        best = statistics.winner(task, rows, group.optimizer)
        end = statistics.end_of_grid(statistics.scores(task, rows, group.optimizer), best)
        # Rates beyond the protocol's are counted, not rounds: a study that goes on does not begin to widen anew.
        widened = len(rates) - len(group.rates)
        if not end or not protocol.extend or widened >= grid.MOST:
            note = f", at the {end} end of the grid" if end else ""
            group.say(f"{task.name}  {group.optimizer}: best learning rate {best:g}{note}")
            return best
        rates = grid.wider(rates, end)


def finished_rows(group: Group) -> list[dict[str, Any]]:
    """The rows of the group's finished runs."""
    own = (group.problem.name, group.optimizer)
    return [row for row in store.read_rows(group.folder, group.process) if (row["task"], row["optimizer"]) == own]


def run_missing(group: Group, phase: str, trials: Sequence[Trial]) -> None:
    """Trains those of the trials that are not finished, in parts that fit in memory, and writes their rows.

    A part of which nothing is finished has its full width, as if nothing else had been; one that further seeds or rates
    were added to, the width of what is left.
    """
    done = {(row["phase"], row["learning_rate"], row["seed"]) for row in finished_rows(group)}
    missing = lambda part: [trial for trial in part if (phase, trial.rate, trial.seed) not in done]
    if not missing(trials):
        return
    entry, full = prepared(group, missing(trials))
    width = full.final if phase == "final" else full.tuning
    if group.protocol.max_seconds:
        steps = updates_within(group, entry["mode"], [*trials, *[trials[-1]] * width][:width])
        group = group._replace(problem=group.problem._replace(steps=steps))
    for part in [trials[n : n + width] for n in range(0, len(trials), width)]:
        if left := missing(part):
            fewer = min(width, side_by_side.runs_at_once(len(left), 1, len(left) + jax.local_device_count()))
            train_part(group, phase, entry["mode"], left, width if len(left) == len(part) else fewer)


def train_part(group: Group, phase: str, mode: str, trials: Sequence[Trial], width: int) -> None:
    """Trains these trials beside copies that fill them up to `width`, and writes their rows."""
    filled = [*trials, *[trials[-1]] * (width - len(trials))]  # the copies' rows are dropped
    labels = {
        "task": group.problem.name,
        "optimizer": group.optimizer,
        "code": group.code,
        "mode": mode,
        "phase": phase,
    }
    count = lambda updates: group.advance(updates * len(trials))
    began = time.perf_counter()
    rows = training.train_runs(group.problem, programs(group, mode), filled, group.arrays, phase == "final", count)
    store.append_rows(group.folder, [{**labels, **row} for row in rows[: len(trials)]], group.process)
    execution.add_seconds(group.folder, group.problem.name, time.perf_counter() - began, group.process)


def programs(group: Group, mode: str) -> training.Programs:
    """The programs of the group's optimiser, made when they are first needed."""
    if not group.compiled:
        group.compiled.append(training.compiled_programs(group.problem, group.optimizer, mode))
    return group.compiled[0]


def updates_within(group: Group, mode: str, trials: Sequence[Trial]) -> int:
    """The updates of a run that take --max_seconds, whole intervals and at least one.

    They are measured before an optimiser's first run and are those of all of its runs, so that seeds can be averaged.
    """
    if rows := finished_rows(group):
        return rows[0]["steps"]
    problem, ready = group.problem, programs(group, mode)
    runs = training.start_runs(ready, trials)
    seconds, _ = timing.seconds_of_training(problem.every, ready, runs, group.arrays)
    intervals = int(group.protocol.max_seconds * len(trials) / seconds / problem.every)
    steps = min(max(intervals, 1) * problem.every, problem.steps)
    group.say(f"{problem.name}  {group.optimizer}: {steps:,} updates in --max_seconds")
    return steps


def prepared(group: Group, trials: Sequence[Trial]) -> tuple[dict[str, Any], execution.Widths]:
    """The task's entry of execution.json, and the group's widths. With --mode=auto the first trials are timed."""
    problem, name = group.problem, group.problem.name
    size = bytes_per_run(problem, problem.make(problem.factory(group.optimizer)))
    every = len(group.rates) * group.protocol.tuning_seeds
    sized = lambda mode, budget: execution.widths(mode, every, group.protocol.seeds, size, problem.steps, budget)
    entry = execution.recorded(group.folder, name, group.mode, store.read_rows(group.folder, group.process))
    if entry is None:
        budget = execution.memory_budget()
        wide, narrow = (sized(mode, budget).tuning for mode in ("vmap", "map"))
        filled = [*trials, *[trials[-1]] * wide][:wide]
        mode, fastest, times = timing.fastest_mode(problem, group.optimizer, filled, narrow, group.arrays)
        entry = {"mode": mode, "budget": budget, "seconds_an_update": times}
        group.compiled.append(fastest)
        listed = ", ".join(f"{m} {1e6 * s:,.0f}" for m, s in times.items())
        group.say(f"{name}  {mode}: the fastest for {wide} runs (microseconds for an update of one: {listed})")
    if not group.process:
        execution.record(group.folder, name, entry)
    return entry, sized(entry["mode"], entry["budget"])
