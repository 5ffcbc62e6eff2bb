"""Which way of training runs side by side is the fastest on this machine."""

import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.study import side_by_side
from jaxgen.study.problems import Problem, Trial
from jaxgen.study.training import Programs, Run, compiled_programs, start_runs

BLOCK, LEAST, MOST = 0.05, 8, 512  # seconds that a mode is timed for at least, and bounds on the updates timed
FEW = 4  # runs that "sequential" is timed on


def fastest_mode(
    problem: Problem, optimizer: str, trials: Sequence[Trial], narrow: int, arrays: Any
) -> tuple[str, Programs, dict[str, float]]:
    """The mode that trains these runs quickest, its compiled programs, and mode -> seconds of an update of one run.

    Where runs follow one another the time of each does not depend on how many there are: only vmap is timed on all
    of them, "map" on `narrow` runs. `arrays` are those of the training split.
    """
    times, compiled = {}, {}
    for mode in side_by_side.MODES:
        compiled[mode] = programs = compiled_programs(problem, optimizer, mode)
        some = trials[: {"map": narrow, "sequential": FEW}.get(mode)]
        times[mode] = seconds_per_update(programs, start_runs(programs, some), arrays) / len(some)
    best = min(times, key=lambda mode: times[mode])
    return best, compiled[best], times


def seconds_per_update(programs: Programs, runs: Run, arrays: Any) -> float:
    """Seconds of an update of all runs together, without compilation, over as many updates as a timer needs."""
    runs, _, _ = programs.advance((arrays, jnp.int32(0)), runs)
    updates = LEAST
    while True:
        jax.block_until_ready(runs)
        began = time.perf_counter()
        runs, _, _ = jax.block_until_ready(programs.advance((arrays, jnp.int32(updates)), runs))
        seconds = time.perf_counter() - began
        if seconds >= BLOCK or updates >= MOST:
            return seconds / updates
        updates *= 8
