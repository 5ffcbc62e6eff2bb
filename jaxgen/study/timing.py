"""Which way of training runs side by side is the fastest here."""

import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.study import side_by_side
from jaxgen.study.problems import Problem, Trial
from jaxgen.study.training import Bench, Run, bench, start

BLOCK, LEAST, MOST = 0.05, 8, 512  # seconds that a mode is timed for at least, by so many updates
FEW = 4  # runs that "sequential" is timed on


def fastest(
    problem: Problem, optimizer: str, trials: Sequence[Trial], narrow: int, arrays: Any
) -> tuple[str, Bench, dict[str, float]]:
    """The mode that trains these runs quickest, compiled, and mode -> seconds for one update of one run.

    One after the other a run takes what it takes: only vmap is timed on all of them, "map" on `narrow` runs.
    """
    took, benches = {}, {}
    for mode in side_by_side.MODES:
        benches[mode] = functions = bench(problem, optimizer, mode)
        some = trials[: {"map": narrow, "sequential": FEW}.get(mode)]
        took[mode] = seconds_an_update(functions, start(functions, some), arrays) / len(some)
    best = min(took, key=lambda mode: took[mode])
    return best, benches[best], took


def seconds_an_update(functions: Bench, runs: Run, arrays: Any) -> float:
    """Of all the runs together, without compilation: over as many updates as it takes to be measured."""
    runs, _, _ = functions.advance((arrays, jnp.int32(0)), runs)
    updates = LEAST
    while True:
        jax.block_until_ready(runs)
        began = time.perf_counter()
        runs, _, _ = jax.block_until_ready(functions.advance((arrays, jnp.int32(updates)), runs))
        seconds = time.perf_counter() - began
        if seconds >= BLOCK or updates >= MOST:
            return seconds / updates
        updates *= 8
