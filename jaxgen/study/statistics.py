"""Statistics of a study's runs, as functions of rows and numpy arrays.

A row is one finished run, as a line of trials.jsonl: task, optimizer, learning_rate, phase ("tuning" or "final"), seed,
steps, diverged (a parameter, carry or metric was not finite at some chunk's end), at (the updates at which it was
evaluated, the first 0), valid (the objective there), train, test (of final runs), seconds (of training), bytes (of the
optimiser's state). What is not finite is null.

A run is *lost* if it diverged or its last objective is not finite. It *fails* if it is lost or ends worse than its
untrained network: exploding softly is no better than diverging. A run's *final value*, by which rates and optimisers
are chosen, is its objective at its last evaluation; a run that fails counts as its untrained network there. Among the
values that judge an optimiser it has none, and medians, in which it is the worst, take the place of means.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from jaxgen.study.intervals import Interval, interval

RunRow = Mapping[str, Any]
ALIKE = 1e-6  # relative: runs side by side may round differently


class Task(NamedTuple):
    """A task's name and objective."""

    name: str  # as in rows: "classifier:digits"
    metric: str  # the objective
    definition: str  # what exactly was measured
    better: Literal["higher", "lower"] = "lower"
    judged: str = "test"  # the split that judges final runs: "test", or "valid" where the data have no other

    @property
    def sign(self) -> int:
        """The factor of the objective, 1 or -1, by which lower is better."""
        return 1 if self.better == "lower" else -1


class Score(NamedTuple):
    """The result of tuning at one learning rate."""

    rate: float
    mean: float  # of the final values over the tuning seeds
    low: float  # of its 95 % interval, or of all seeds
    high: float
    kind: str  # of these ends, see Interval
    runs: int
    diverged: float  # share of the runs
    median: float  # of the runs, those that fail the worst; NaN where half of them do
    updates: float  # until as good as at the end, mean over the runs


def as_floats(values: Sequence[float | None]) -> np.ndarray:
    """The values as float64, NaN for None."""
    return np.array([math.nan if each is None else each for each in values], np.float64)


def split_name(task: Task) -> str:
    """What the split that judges final runs is called wherever its values are shown: test, or validation."""
    return {"valid": "validation"}.get(task.judged, task.judged)


def untrained(row: RunRow) -> float:
    """The objective before the first update; NaN where it is not finite."""
    return float(as_floats(row["valid"][:1])[0])


def lost(row: RunRow) -> bool:
    """Whether a run diverged or its last objective is not finite."""
    return bool(row["diverged"]) or not math.isfinite(as_floats(row["valid"][-1:])[0])


def failed(task: Task, row: RunRow) -> bool:
    """Whether a run is lost, or ended worse than its untrained network."""
    return lost(row) or task.sign * (row["valid"][-1] - untrained(row)) > 0


def final_value(task: Task, row: RunRow) -> float:
    """The objective at the last evaluation; of a run that fails, the untrained one."""
    return untrained(row) if failed(task, row) else float(row["valid"][-1])


def ended_value(task: Task, row: RunRow) -> float:
    """The objective at the last evaluation; NaN of a run that fails."""
    return math.nan if failed(task, row) else float(row["valid"][-1])


def judged_value(task: Task, row: RunRow) -> float:
    """A final run's objective on the split that judges it; NaN of a run that fails, or was not judged."""
    if task.judged == "valid" or failed(task, row):
        return ended_value(task, row)
    value = as_floats([row.get("test")])[0]
    return float(value) if math.isfinite(value) else math.nan


def summary(task: Task, values: Sequence[float]) -> Interval:
    """The mean over seeds with its ends; where runs failed (NaN), the median, NaN if half or more of them did."""
    seeds = np.asarray(values, np.float64)
    return Interval(median_of(task, seeds), kind="median") if np.isnan(seeds).any() else interval(seeds)


def median_of(task: Task, values: np.ndarray) -> float:
    """The median, NaN counting as the worst; NaN where it would be one of those."""
    middle = float(np.median(np.where(np.isnan(values), task.sign * math.inf, values)))
    return middle if math.isfinite(middle) else math.nan


def standing(task: Task, runs: Sequence[RunRow]) -> float:
    """What optimisers are ranked by: the mean final value, NaN where more than half of the runs are lost or none is."""
    return math.nan if not runs or share_lost(runs) > 0.5 else float(np.mean([final_value(task, row) for row in runs]))


def select(task: Task, rows: Sequence[RunRow], optimizer: str, phase: str) -> list[RunRow]:
    """The runs of one phase, ordered by rate and seed."""
    wanted = (task.name, optimizer, phase)
    runs = [row for row in rows if (row["task"], row["optimizer"], row["phase"]) == wanted]
    return sorted(runs, key=lambda row: (row["learning_rate"], row["seed"]))


def score(task: Task, runs: Sequence[RunRow]) -> Score:
    """The score of the tuning runs at one learning rate, at least one."""
    values = np.array([final_value(task, row) for row in runs])
    ended = np.array([ended_value(task, row) for row in runs])
    ends = interval(values)
    if np.isnan(ended).any() and len(runs) > 1:  # a mixture of good runs and of untrained ones
        ends = ends._replace(low=float(values.min()), high=float(values.max()), kind="range")
    updates = float(np.mean([updates_to(task, row, final_value(task, row)) for row in runs]))
    return Score(runs[0]["learning_rate"], *ends, len(runs), share_lost(runs), median_of(task, ended), updates)


def updates_to(task: Task, row: RunRow, aim: float) -> float:
    """Updates until the first evaluation that is at least as good as `aim`; inf where none is."""
    reached = np.flatnonzero(task.sign * (as_floats(row["valid"]) - aim) <= 0)
    return float(row["at"][reached[0]]) if len(reached) else math.inf


def share_lost(runs: Sequence[RunRow]) -> float:
    """The share of runs that are lost; NaN for no runs."""
    return sum(map(lost, runs)) / len(runs) if runs else math.nan


def scores(task: Task, rows: Sequence[RunRow], optimizer: str) -> list[Score]:
    """The optimiser's scores on the task, by rising learning rate."""
    by_rate: dict[float, list[RunRow]] = {}
    for row in select(task, rows, optimizer, "tuning"):
        by_rate.setdefault(row["learning_rate"], []).append(row)
    return [score(task, runs) for runs in by_rate.values()]


def best_score(task: Task, grid: Sequence[Score]) -> Score | None:
    """The best score; of equal ones, that with the smaller share of diverged runs, then the fastest, then the lowest.

    A rate at which most runs diverge comes after all others: it is taken only where there is none but such.
    """
    able = [score for score in grid if math.isfinite(score.mean)] or grid
    able = [score for score in able if score.diverged <= 0.5] or able
    top = task.sign * min((task.sign * score.mean for score in able), default=math.nan)
    equal = [score for score in able if math.isclose(score.mean, top, rel_tol=ALIKE)] or able
    return min(equal, key=lambda score: (score.diverged, score.updates, score.rate), default=None)


def winner(task: Task, rows: Sequence[RunRow], optimizer: str) -> float:
    """The optimiser's learning rate of the best score on the task. Raises ValueError where it has no tuning runs."""
    if not (best := best_score(task, scores(task, rows, optimizer))):
        raise ValueError(f"no tuning runs of {optimizer} on {task.name}")
    return best.rate


def score_at(grid: Sequence[Score], rate: float) -> Score | None:
    """The score at the grid's rate that equals `rate` to 1 %; None where there is none."""
    near = [score for score in grid if math.isclose(score.rate, rate, rel_tol=0.01)]
    return min(near, key=lambda score: abs(score.rate - rate), default=None)


def end_of_grid(grid: Sequence[Score], rate: float) -> str:
    """The end of the grid that a rate is at, so that a better one may lie beyond it: "low", "high", or "" for neither.

    It is at neither where the grid has one rate, or all rates score alike, as with an optimiser that does not use its
    rate. If all runs diverged at all rates they score alike too, but a lower rate may not diverge.
    """
    alike = all(math.isclose(score.mean, grid[0].mean, rel_tol=ALIKE) for score in grid)
    if len(grid) < 2 or (alike and any(score.diverged < 1 for score in grid)):
        return ""
    return "low" if rate == grid[0].rate else "high" if rate == grid[-1].rate else ""


def final_rows(task: Task, rows: Sequence[RunRow], optimizer: str) -> list[RunRow]:
    """The final runs at the optimiser's best rate, one for each seed, by seed; at any rate if there was no tuning."""
    best = best_score(task, scores(task, rows, optimizer))
    runs = select(task, rows, optimizer, "final")
    return list({row["seed"]: row for row in runs if best is None or row["learning_rate"] == best.rate}.values())
