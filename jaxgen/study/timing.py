"""Which way of training runs side by side is the fastest on this machine."""

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.study import side_by_side
from jaxgen.study.problems import Problem, Trial
from jaxgen.study.training import Programs, Run, compiled_programs, start_runs

BLOCK, LEAST, MOST = (
    0.05,
    8,
    512,
)  # seconds to time for, about; bounds of the updates in a dispatch
REPEATS = 5  # at most, of what takes less than BLOCK: the shortest counts
FEW = 4  # runs that "single" is timed on


def fastest_mode(
    problem: Problem, optimizer: str, trials: Sequence[Trial], narrow: int, arrays: Any
) -> tuple[str, Programs, dict[str, float]]:
    """The mode that trains these runs quickest, its compiled programs, and mode -> seconds of an update of one run.

    Where runs follow one another the time of each does not depend on how many there are: only vmap is timed on all
    of them, "map" on `narrow` runs. `arrays` are those of the three splits.
    """
    times, compiled = {}, {}
    for mode in side_by_side.MODES:
        compiled[mode] = programs = compiled_programs(problem, optimizer, mode)
        some = trials[: {"map": narrow, "single": FEW}.get(mode)]
        times[mode] = seconds_per_update(problem.every, programs, start_runs(programs, some), arrays) / len(some)
    best = min(times, key=lambda mode: times[mode])
    return best, compiled[best], times


def seconds_per_update(every: int, programs: Programs, runs: Run, arrays: Any) -> float:
    """Seconds of an update of all runs together as a study trains them, without compilation.

    A dispatch has `every` updates, or as many of them as a timer needs, and its share of a validation is added.
    """
    seconds, runs = seconds_of_training(every, programs, runs, arrays)
    judge = lambda runs: programs.judge(arrays[1], runs)[0]
    return seconds + shortest(judge, judge(runs))[0] / every


def seconds_of_training(every: int, programs: Programs, runs: Run, arrays: Any) -> tuple[float, Run]:
    """The same without validations, and the runs after it."""

    def advance(runs: Run, count: int) -> Run:
        return programs.advance((arrays[0], jnp.int32(count)), runs)[0]

    runs = advance(runs, 0)  # compiles
    updates = min(LEAST, every)
    while True:
        seconds, runs = shortest(functools.partial(advance, count=updates), runs)
        if seconds >= BLOCK or updates >= min(every, MOST):
            break
        updates = min(8 * updates, every, MOST)
    return seconds / updates, runs


def shortest(work: Callable[[Run], Run], runs: Run) -> tuple[float, Run]:
    """The least time, in seconds, that a call takes of those that fit in BLOCK, and the runs after them."""
    times: list[float] = []
    while not times or (sum(times) < BLOCK and len(times) < REPEATS):
        jax.block_until_ready(runs)
        began = time.perf_counter()
        runs = jax.block_until_ready(work(runs))
        times.append(time.perf_counter() - began)
    return min(times), runs
