"""How optimisers compare on the same final runs: steps to a target, differences seed by seed, performance profiles."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from jaxgen.study.statistics import Interval, Row, Task, bootstrap, lost, numbers, tested, untrained, value


class Paired(NamedTuple):
    """A comparison seed by seed: the same first parameters, the same batches."""

    difference: Interval  # of the test values, ours minus the other's
    better: int  # seeds in which ours is strictly better
    seeds: int  # that both have


def target(task: Task, runs: Sequence[Sequence[Row]], share: float) -> float:
    """The objective that counts as solved: `share` of the way from the untrained networks to the best optimiser.

    runs: the final runs of each optimiser. Both ends are means: of valid[0] over all runs, and of the values of the
    optimiser's runs where that is best. NaN where no optimiser is better than untrained: nothing reaches it.
    """
    start = mean([untrained(row) for one in runs for row in one])
    ends = [task.sign * mean([value(row) for row in one]) for one in runs]
    top = task.sign * min(filter(math.isfinite, ends), default=math.nan)
    return start + share * (top - start) if task.sign * (start - top) > 0 else math.nan


def mean(values: Sequence[float]) -> float:
    """Of those that are finite; NaN where none is."""
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


def steps_to(task: Task, row: Row, aim: float) -> float:
    """Updates until the first evaluation that is at least as good as `aim`; inf where none is.

    Inf, too, of a run that is lost: what passes the target and diverges after that has not solved the task.
    """
    if lost(row):
        return math.inf
    there = np.flatnonzero(task.sign * (numbers(row["valid"]) - aim) <= 0)
    return float(row["at"][there[0]]) if len(there) else math.inf


def seconds_to(task: Task, row: Row, aim: float) -> float:
    """The same in seconds of training, by the run's mean time of an update."""
    steps = steps_to(task, row, aim)
    return steps * seconds_per_step(row) if math.isfinite(steps) else math.inf


def seconds_per_step(row: Row) -> float:
    """Of training, the run's share of what its chunk of runs took."""
    return row["seconds"] / max(row["steps"], 1)


def paired(task: Task, runs: Sequence[Row], others: Sequence[Row], measure: Callable[[Row], float] = tested) -> Paired:
    """Ours minus the other's, on the seeds that both have, each at its best learning rate."""
    theirs = {row["seed"]: measure(row) for row in others}
    difference = np.array([measure(row) - theirs[row["seed"]] for row in runs if row["seed"] in theirs])
    return Paired(bootstrap(difference), int((task.sign * difference < 0).sum()), len(difference))


def costs(task: Task, runs: Sequence[Sequence[Row]], aim: float) -> np.ndarray:
    """Steps to the target, [seeds that all optimisers have, optimisers]: a task's problems of a profile."""
    found = [{row["seed"]: steps_to(task, row, aim) for row in one} for one in runs]
    seeds = sorted(set.intersection(*map(set, found))) if found else []
    return np.array([[one[seed] for one in found] for seed in seeds]).reshape(len(seeds), len(found))


def ratios(costs: np.ndarray) -> np.ndarray:
    """Each solver's cost over the best one's of the same problem; [problems, solvers], inf where it does not solve it.

    Dolan & More 2002, https://doi.org/10.1007/s101070100263, section 2.
    """
    least = costs.min(axis=1, keepdims=True, initial=math.inf)
    slower = np.divide(costs, least, out=np.full(costs.shape, math.inf), where=(least > 0) & np.isfinite(costs))
    return np.where((costs == least) & np.isfinite(costs), 1.0, slower)


def profile(found: np.ndarray, within: np.ndarray | Sequence[float]) -> np.ndarray:
    """rho_s(tau), the share of problems solved at a cost of at most tau times the best: [taus, solvers].

    found: the `ratios`. Dolan & More, section 2.
    """
    return (found <= np.asarray(within)[:, None, None]).mean(axis=1)
