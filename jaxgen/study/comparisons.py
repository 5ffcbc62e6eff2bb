"""Comparisons of optimisers by their final runs: steps to a target, differences by seed, performance profiles."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxgen.study.intervals import Interval, interval
from jaxgen.study.statistics import RunRow, Task, judged_value, lost, standing, untrained, updates_to


class Paired(NamedTuple):
    """A comparison of runs with the same seed, hence the same first parameters and batches."""

    difference: Interval  # of the judged values, ours minus the other's; a median where a run failed
    better: int  # seeds in which ours is strictly better
    seeds: int  # that both optimisers have


def target_value(task: Task, runs: Sequence[Sequence[RunRow]], share: float, fixed: float = math.nan) -> float:
    """The objective that counts as solved: `fixed`, or `share` of the way from untrained to the best optimiser.

    The ends of the way are means: of valid[0] over all runs, and the best `standing` of an optimiser.
    `runs` are the final ones of each optimiser. Returns NaN, which nothing reaches, if none is better than untrained.
    """
    if math.isfinite(fixed):
        return fixed
    start = finite_mean([untrained(row) for one in runs for row in one])
    ends = [task.sign * standing(task, one) for one in runs]
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
    return math.inf if lost(row) else updates_to(task, row, aim)


def seconds_to(task: Task, row: RunRow, aim: float) -> float:
    """`steps_to` in seconds of training, by the run's mean time of an update."""
    steps = steps_to(task, row, aim)
    return steps * seconds_per_step(row) if math.isfinite(steps) else math.inf


def seconds_per_step(row: RunRow) -> float:
    """Training time of an update: the run's share of what the runs side by side took."""
    return row["seconds"] / max(row["steps"], 1)


def resolution_of(runs: Sequence[RunRow]) -> float:
    """Updates between two evaluations, at most: steps to a target are known to so many. NaN for no runs."""
    return float(max((np.diff(row["at"]).max(initial=0) for row in runs), default=math.nan))


def judged_values(task: Task, runs: Sequence[Sequence[RunRow]]) -> np.ndarray:
    """The judged values [optimisers, seeds] of all seeds that any has.

    A run that failed is as bad as can be, infinite; where there is no run it is NaN.
    """
    seeds = {seed: n for n, seed in enumerate(sorted({row["seed"] for one in runs for row in one}))}
    values = np.full((len(runs), len(seeds)), math.nan)
    for mine, one in zip(values, runs):
        for row in one:
            value = judged_value(task, row)
            mine[seeds[row["seed"]]] = task.sign * math.inf if math.isnan(value) else value
    return values


def compare_paired(task: Task, runs: Sequence[RunRow], others: Sequence[RunRow]) -> Paired:
    """The judged values of `runs` minus those of `others`, on the seeds that both have."""
    ours, theirs = judged_values(task, [runs, others])
    present = ~np.isnan(ours) & ~np.isnan(theirs)
    ours, theirs = ours[present], theirs[present]
    both = np.isinf(ours) & np.isinf(theirs)
    difference = np.subtract(ours, theirs, where=~both, out=np.zeros(len(ours)))
    if np.isfinite(ours + theirs).all():
        summary = interval(difference)
    else:
        middle = float(np.median(difference))
        summary = Interval(middle if math.isfinite(middle) else math.nan, kind="median")
    return Paired(summary, int((task.sign * difference < 0).sum()), len(difference))


def ratios(costs: np.ndarray, resolution: Sequence[float] | np.ndarray = (0.0,)) -> np.ndarray:
    """The costs [problems, solvers] over the lowest one of the same problem; inf where a solver does not solve it.

    Dolan & More 2002, https://doi.org/10.1007/s101070100263, section 2. Costs that exceed the lowest by no more than
    the problem's `resolution` count as the lowest: they cannot be told from it.
    """
    least = costs.min(axis=1, keepdims=True, initial=math.inf)
    slower = np.divide(costs, least, out=np.full(costs.shape, math.inf), where=(least > 0) & np.isfinite(costs))
    return np.where(np.isfinite(costs) & (costs <= least + np.asarray(resolution)[:, None]), 1.0, slower)


def profile(ratios: np.ndarray, within: np.ndarray | Sequence[float]) -> np.ndarray:
    """rho_s(tau), the share of problems solved at a cost of at most tau times the lowest: [taus, solvers].

    Dolan & More, section 2, of `ratios` [problems, solvers] and taus `within`.
    """
    return (ratios <= np.asarray(within)[:, None, None]).mean(axis=1)
