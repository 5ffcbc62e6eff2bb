"""Comparisons of optimisers by their final runs: steps to a target, differences by seed, performance profiles."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from jaxgen.study.statistics import (
    Interval,
    RunRow,
    Task,
    as_floats,
    bootstrap,
    final_value,
    lost,
    tested_value,
    untrained,
)


class Paired(NamedTuple):
    """A comparison of runs with the same seed, hence the same first parameters and batches."""

    difference: Interval  # of the test values, ours minus the other's
    better: int  # seeds in which ours is strictly better
    seeds: int  # that both optimisers have


def target_value(task: Task, runs: Sequence[Sequence[RunRow]], share: float) -> float:
    """The objective that counts as solved: `share` of the way from the untrained networks to the best optimiser.

    Both ends are means: of valid[0] over all runs, and of the final values of the optimiser for which it is best.
    `runs` are the final ones of each optimiser. Returns NaN, which nothing reaches, if none is better than untrained.
    """
    start = finite_mean([untrained(row) for one in runs for row in one])
    ends = [task.sign * finite_mean([final_value(row) for row in one]) for one in runs]
    top = task.sign * min(filter(math.isfinite, ends), default=math.nan)
    return start + share * (top - start) if task.sign * (start - top) > 0 else math.nan


def finite_mean(values: Sequence[float]) -> float:
    """The mean of the finite values; NaN where there is none."""
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


def steps_to(task: Task, row: RunRow, aim: float) -> float:
    """Updates until the first evaluation that is at least as good as `aim`; inf where none is.

    Inf also for a lost run: one that passes the target and diverges later has not solved the task.
    """
    if lost(row):
        return math.inf
    reached = np.flatnonzero(task.sign * (as_floats(row["valid"]) - aim) <= 0)
    return float(row["at"][reached[0]]) if len(reached) else math.inf


def seconds_to(task: Task, row: RunRow, aim: float) -> float:
    """`steps_to` in seconds of training, by the run's mean time of an update."""
    steps = steps_to(task, row, aim)
    return steps * seconds_per_step(row) if math.isfinite(steps) else math.inf


def seconds_per_step(row: RunRow) -> float:
    """Training time of an update: the run's share of what the runs side by side took."""
    return row["seconds"] / max(row["steps"], 1)


def compare_paired(
    task: Task, runs: Sequence[RunRow], others: Sequence[RunRow], measure: Callable[[RunRow], float] = tested_value
) -> Paired:
    """The measure of `runs` minus that of `others`, on the seeds that both have."""
    theirs = {row["seed"]: measure(row) for row in others}
    difference = np.array([measure(row) - theirs[row["seed"]] for row in runs if row["seed"] in theirs])
    return Paired(bootstrap(difference), int((task.sign * difference < 0).sum()), len(difference))


def costs(task: Task, runs: Sequence[Sequence[RunRow]], aim: float) -> np.ndarray:
    """Steps to the target, [seeds that all optimisers have, optimisers]: a task's problems in a profile."""
    steps = [{row["seed"]: steps_to(task, row, aim) for row in one} for one in runs]
    seeds = sorted(set.intersection(*map(set, steps))) if steps else []
    return np.array([[one[seed] for one in steps] for seed in seeds]).reshape(len(seeds), len(steps))


def ratios(costs: np.ndarray) -> np.ndarray:
    """The costs [problems, solvers] over the lowest one of the same problem; inf where a solver does not solve it.

    Dolan & More 2002, https://doi.org/10.1007/s101070100263, section 2.
    """
    least = costs.min(axis=1, keepdims=True, initial=math.inf)
    slower = np.divide(costs, least, out=np.full(costs.shape, math.inf), where=(least > 0) & np.isfinite(costs))
    return np.where((costs == least) & np.isfinite(costs), 1.0, slower)


def profile(ratios: np.ndarray, within: np.ndarray | Sequence[float]) -> np.ndarray:
    """rho_s(tau), the share of problems solved at a cost of at most tau times the lowest: [taus, solvers].

    Dolan & More, section 2, of `ratios` [problems, solvers] and taus `within`.
    """
    return (ratios <= np.asarray(within)[:, None, None]).mean(axis=1)
