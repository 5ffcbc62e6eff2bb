"""A study's results as numbers: one record for each task and optimiser, also as a CSV."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgen.study.comparisons import (
    Paired,
    compare_paired,
    finite_mean,
    ratios,
    resolution_of,
    seconds_per_step,
    seconds_to,
    steps_to,
    target_value,
)
from jaxgen.study.intervals import Interval
from jaxgen.study.statistics import (
    RunRow,
    Score,
    Task,
    as_floats,
    best_score,
    end_of_grid,
    ended_value,
    final_rows,
    judged_value,
    lost,
    score_at,
    scores,
    standing,
    summary,
    untrained,
)


class Study(NamedTuple):
    """The finished runs, and what of them to compare."""

    rows: Sequence[RunRow]
    tasks: Sequence[Task]
    optimizers: Sequence[str]  # in the order of tables and colours
    baseline: str  # the optimiser that the others are compared with
    share: float = 0.95  # of the way from untrained to the best optimiser that counts as solved
    defaults: Mapping[str, float] = {}  # optimiser -> its default learning rate
    seeds: Collection[int] = ()  # of the final runs that count; empty: all
    targets: Mapping[str, float] = {}  # task -> the objective that counts as solved, instead of a share of the way


class Record(NamedTuple):
    """The results of an optimiser on a task. NaN and None where there are no runs for them."""

    task: Task
    optimizer: str
    untrained: float  # mean objective of the task's untrained networks
    grid: list[Score]  # the scores of tuning, by rising learning rate
    chosen: Score | None  # the best of them
    default: Score | None  # the one at the default rate, where that is on the grid
    finals: list[RunRow]  # the final runs at the best rate
    judged: Interval  # of the objective on the split that judges, see `statistics.split_name`
    valid: Interval
    standing: float  # what optimisers are ranked by, on the validation split
    best: float  # mean of the best validation of each run, the first one of the untrained network included
    best_step: float  # median of the updates it was seen at
    target: float
    reached: int  # final runs that reach the target
    steps: float  # to the target, median of the final runs; inf where half of them do not reach it
    resolution: float  # updates between two evaluations, to which the steps are known
    seconds: float  # likewise
    step: float  # seconds of an update, median
    bytes: float  # of the optimiser's state
    paired: Paired  # with the baseline, of itself too


def rows_that_count(study: Study) -> list[RunRow]:
    """The rows of the study's tasks and optimisers; of final runs, those with its seeds."""
    names = {task.name for task in study.tasks}
    mine = [row for row in study.rows if row["task"] in names and row["optimizer"] in study.optimizers]
    return [row for row in mine if row["phase"] != "final" or not study.seeds or row["seed"] in study.seeds]


def build_records(study: Study) -> list[Record]:
    """A record for each task and optimiser, in the study's order."""
    rows = rows_that_count(study)
    return [
        record
        for task in study.tasks
        for record in task_records(study, task, [row for row in rows if row["task"] == task.name])
    ]


def task_records(study: Study, task: Task, rows: Sequence[RunRow]) -> list[Record]:
    """A record for each optimiser, of the task's rows that count."""
    runs = {optimizer: final_rows(task, rows, optimizer) for optimizer in study.optimizers}
    start = finite_mean([untrained(row) for row in rows])
    aim = target_value(task, list(runs.values()), study.share, study.targets.get(task.name, math.nan))
    records = []
    for optimizer, mine in runs.items():
        grid = scores(task, rows, optimizer)
        steps = [steps_to(task, row, aim) for row in mine]
        seconds = [seconds_to(task, row, aim) for row in mine]
        record = Record(
            task,
            optimizer,
            start,
            grid,
            chosen=best_score(task, grid),
            default=score_at(grid, study.defaults.get(optimizer, math.nan)),
            finals=mine,
            judged=summary(task, [judged_value(task, row) for row in mine]),
            valid=summary(task, [ended_value(task, row) for row in mine]),
            standing=standing(task, mine),
            best=finite_mean([best_evaluation(task, row)[0] for row in mine]),
            best_step=median([best_evaluation(task, row)[1] for row in mine]),
            target=aim,
            reached=sum(map(math.isfinite, steps)),
            steps=median(steps),
            resolution=resolution_of(mine),
            seconds=median(seconds),
            step=median([seconds_per_step(row) for row in mine]),
            bytes=finite_mean([row["bytes"] for row in mine]),
            paired=compare_paired(task, mine, runs.get(study.baseline, [])),
        )
        records.append(record)
    return records


def best_evaluation(task: Task, row: RunRow) -> tuple[float, float]:
    """The best objective of a run on the validation split, and the updates it was seen at; NaN where none is finite."""
    valid = task.sign * as_floats(row["valid"])
    if not np.isfinite(valid).any():
        return math.nan, math.nan
    index = int(np.nanargmin(np.where(np.isfinite(valid), valid, np.nan)))
    return float(task.sign * valid[index]), float(row["at"][index])


def median(values: Sequence[float]) -> float:
    """The median; NaN for no values."""
    return float(np.median(values)) if values else math.nan


def at_edge(record: Record) -> bool:
    """Whether the best rate is at an end of the grid, so that a better one may lie beyond."""
    return record.chosen is not None and end_of_grid(record.grid, record.chosen.rate) != ""


def as_csv_row(record: Record, baseline: str) -> dict[str, Any]:
    """The record as a row of results.csv; NaN is None."""
    row = {
        "task": record.task.name,
        "metric": record.task.metric,
        "better": record.task.better,
        "optimizer": record.optimizer,
        "learning_rate": record.chosen and record.chosen.rate,
        "at_end_of_grid": at_edge(record),
        "tuning_mean": record.chosen and record.chosen.mean,
        "tuning_runs": tuning_runs(record)[1],
        "tuning_diverged": tuning_runs(record)[0],
        "default_learning_rate": record.default and record.default.rate,
        "default_mean": record.default and record.default.mean,
        "final_runs": len(record.finals),
        "final_diverged": sum(map(lost, record.finals)),
        "judged_on": record.task.judged,
        **{f"judged_{name}": end for name, end in record.judged._asdict().items()},
        **{f"valid_{name}": end for name, end in record.valid._asdict().items()},
        "valid_best": record.best,
        "valid_best_step": record.best_step,
        "target": record.target,
        "reached": record.reached,
        "steps_to_target": record.steps,
        "steps_between_evaluations": record.resolution,
        "seconds_to_target": record.seconds,
        "seconds_per_step": record.step,
        "state_bytes": record.bytes,
        "baseline": baseline,
        **{f"difference_{name}": end for name, end in record.paired.difference._asdict().items()},
        "better_than_baseline": record.paired.better,
        "paired_seeds": record.paired.seeds,
    }
    return {name: None if isinstance(cell, float) and math.isnan(cell) else cell for name, cell in row.items()}


def tuning_runs(record: Record) -> tuple[int, int]:
    """The number of tuning runs that diverged, over the whole grid, and of all tuning runs."""
    return sum(round(score.diverged * score.runs) for score in record.grid), sum(score.runs for score in record.grid)


def solved(panels: Sequence[Sequence[Record]]) -> np.ndarray:
    """The ratios [tasks, optimisers] of a performance profile: the steps to a target are medians over seeds."""
    costs = np.array([[math.inf if math.isnan(record.steps) else record.steps for record in one] for one in panels])
    return ratios(costs, [finite_mean([record.resolution for record in one]) for one in panels])
