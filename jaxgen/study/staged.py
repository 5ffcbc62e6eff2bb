"""Runs of several stages that differ in their seed, trained side by side by one compiled program for each stage.

A run with a seed is the one that `core.loop.train` makes with the same stages and seed, early stopping included, but
for the rounding of sums. W runs side by side.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.batches import arrays_of
from jaxgen.core.evaluation import key_of_test
from jaxgen.core.loop import first_state, stage_keys
from jaxgen.core.progress import Policy, adapt, begin_progress, select
from jaxgen.core.types import Holdout, Source, Stage, State
from jaxgen.study import side_by_side
from jaxgen.study.training import Run, advancing, objective_of


class Ended(NamedTuple):
    """A stage of which all runs have ended."""

    first: State  # [W], before the first update
    last: State  # [W], with the best parameters where they are kept
    valid: np.ndarray  # [evaluations, W] the fold's first metric; no rows without a validation split
    best_step: np.ndarray  # [W] int32, updates of the stage at the best of them; 0 without any
    seconds: float  # of all runs together, compilation included


def beginning(stage: Stage, number: int, policy: Policy) -> Callable[[Any, tuple], Run]:
    """A function of ((), (seed [], State of the stage before, or None)) that returns the Run before any update."""
    blank = stage._replace(source=Source((), stage.source.take))  # arrays would be constants of the program

    def begin(_, own):
        seed, previous = own
        key = jax.random.key(seed)
        state = first_state(blank, key, number, previous)
        _, data_key, eval_key = stage_keys(key, number)
        return Run(state, begin_progress(policy, state), data_key, eval_key, key_of_test(key))

    return begin


def judging(stage: Stage, valid: Holdout, policy: Policy) -> Callable[[Any, Run], tuple[Run, jax.Array]]:
    """A function of (arrays, Run) that returns the Run one evaluation later, and the metric [].

    A run that has stopped stays as it was, whatever is trained beside it.
    """
    fold = stage.technique.evaluate
    sign = 1.0 if fold.better == "lower" else -1.0

    def judge(arrays, run):
        metric = objective_of(fold, valid, arrays, run.state, run.eval_key)
        progress, state = adapt(policy, run.progress, sign * metric, run.state)
        progress = jax.tree.map(lambda old, new: select(run.progress.stop, old, new), run.progress, progress)
        return run._replace(progress=progress, state=state), metric

    return judge


def ending(policy: Policy) -> Callable[[Any, Run], State]:
    """A function of ((), Run) that returns its State, with the best parameters where there are any."""

    def end(_, run):
        if not policy.keeps:
            return run.state
        own, kept = (run.state.params, run.state.carry), run.progress.kept
        better = jnp.isfinite(run.progress.best)
        params, carry = jax.tree.map(lambda new, old: select(better, new, old), kept, own)
        return run.state._replace(params=params, carry=carry)

    return end


def train_stages(
    stages: Sequence[Stage],
    seeds: Sequence[int],
    every: int,
    policy: Policy,
    mode: str = "vmap",
    advanced: Callable[[int, int], None] = lambda stage, updates: None,
) -> Iterator[Ended]:
    """Trains the stages with all seeds and yields an Ended after each.

    Args:
        stages: whose data are held in memory; each starts from what its `adopt` makes of the one before.
        seeds: [W], each what `--seed` is to an experiment.
        every: updates between evaluations; what is left over at a stage's end is trained, and does not count.
        policy: when to stop and what to keep, in stages with a validation split.
        mode: one of `side_by_side.MODES`.
        advanced: called with the stage's number and its updates so far.

    Raises FloatingPointError where something of a run is no longer finite.
    """
    own = jnp.asarray(np.array(seeds, np.uint32))
    previous = None
    for number, stage in enumerate(stages):
        begun, technique = time.perf_counter(), stage.technique
        begin = side_by_side.lifted(beginning(stage, number, policy), mode, once=True)
        advance = side_by_side.lifted(advancing(stage.source, technique), mode)
        judge = stage.valid and side_by_side.lifted(judging(stage, stage.valid, policy), mode)
        runs = begin((), (own, previous))
        first, arrays, valid, done = jax.tree.map(jnp.copy, runs.state), arrays_of(stage.source), [], 0
        while done < stage.steps and not np.asarray(runs.progress.stop).all():
            updates = min(every, stage.steps - done)
            runs, _, finite = advance((arrays, jnp.int32(updates)), runs)
            done += updates
            if not np.asarray(finite).all():
                raise FloatingPointError(f"training diverged: not finite by update {done} of stage {number}")
            if judge and stage.valid and updates == every:
                runs, metric = judge(arrays_of(stage.valid), runs)
                valid.append(np.asarray(metric))
            advanced(number, done)
        best_step = np.asarray(runs.progress.best_step)
        previous = side_by_side.lifted(ending(policy), mode, once=True)((), runs)
        jax.block_until_ready(previous)
        yield Ended(first, previous, np.array(valid), best_step, time.perf_counter() - begun)


def examined(stage: Stage, test: Holdout, seeds: Sequence[int], states: State, mode: str = "vmap") -> np.ndarray:
    """The fold's first metric on the test split [W], with the draws of each run's own seed."""
    fold, own = stage.technique.evaluate, jnp.asarray(np.array(seeds, np.uint32))

    def examine(arrays, one):
        seed, state = one
        return objective_of(fold, test, arrays, state, key_of_test(jax.random.key(seed)))

    return np.asarray(side_by_side.lifted(examine, mode, once=True)(arrays_of(test), (own, states)))
