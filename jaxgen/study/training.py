"""Runs that differ in learning rate and seed, trained side by side by one compiled program.

W    runs side by side
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.batches import functions_of, holdout_batch, training_batch
from jaxgen.core.evaluation import key_of_test
from jaxgen.core.loop import stage_keys
from jaxgen.core.progress import Progress, adapt, begin_progress
from jaxgen.core.steps import all_finite
from jaxgen.core.types import Fold, Holdout, Source, State, Technique
from jaxgen.run.record import number
from jaxgen.study import side_by_side
from jaxgen.study.problems import Problem, Trial, byte_count, state_at_rate


class Run(NamedTuple):
    """One run between two intervals; a pytree."""

    state: State
    progress: Progress
    data_key: jax.Array  # []
    eval_key: jax.Array  # []
    test_key: jax.Array  # []


class Programs(NamedTuple):
    """The functions of a run with one optimiser, compiled for W runs; the runs that they read are donated.

    The arrays are those of one split, as in `problems.split_arrays`.
    """

    begin: Callable[[Any, Any], Run]  # (), (keys [W, 4], rates [W]) -> runs
    advance: Callable[[Any, Run], tuple[Run, jax.Array, jax.Array]]  # (arrays, updates) -> runs, loss [W], finite [W]
    judge: Callable[[Any, Run], tuple[Run, jax.Array]]  # arrays of the validation split -> runs, metric [W]
    examine: Callable[[Any, Run], tuple[Run, jax.Array]]  # arrays of the test split -> runs, metric [W]


def advancing(train: Source, technique: Technique) -> Callable:
    """A function ((arrays, updates), Run) -> Run, mean training loss [], whether everything stayed finite [].

    The number of updates is traced: one program serves the timing, every interval and the last one.
    """
    functions = functions_of(train)

    def advance(shared, run):
        arrays, updates = shared

        def body(_, carried):
            state, total, finite = carried
            state, metrics = technique.step(state, training_batch(functions, arrays, None, run.data_key, state.step))
            return state, total + _loss(metrics), finite & all_finite(metrics)

        start = (run.state, jnp.zeros(()), jnp.ones((), bool))
        state, total, finite = jax.lax.fori_loop(0, updates, body, start)
        finite &= all_finite((state.params, state.carry))
        return run._replace(state=state), total / updates, finite

    return advance


def _loss(metrics: dict[str, jax.Array]) -> jax.Array:
    """[] float32: the metric "loss", or a technique's first one."""
    return jnp.asarray(metrics.get("loss", next(iter(metrics.values()))), jnp.float32).mean()


def objective_of(fold: Fold, holdout: Holdout, arrays: Any, state: State, key: jax.Array) -> jax.Array:
    """The fold's first metric [] over a resident split, with the random numbers of `core.evaluation.evaluate`."""
    functions = functions_of(holdout)

    def body(tally, n):
        batch, mask = holdout_batch(functions, arrays, None, key, n)
        return fold.add(state, jax.random.fold_in(key, n), tally, batch, mask), None

    tally, _ = jax.lax.scan(body, fold.start(), jnp.arange(holdout.batches, dtype=jnp.int32))
    return fold.finish(tally)[next(iter(fold.definitions))]


def compiled_programs(problem: Problem, optimizer: str, mode: str) -> Programs:
    """The programs of an optimiser; `mode` is one of `side_by_side.MODES`."""
    factory = problem.factory(optimizer)
    technique = problem.make(factory)
    fold = technique.evaluate
    sign = 1.0 if fold.better == "lower" else -1.0

    def begin(_, own):
        keys, rate = own
        # Of this rate from the start: optax.rprop, for one, keeps it in more than the leaf `rate`.
        state = state_at_rate(problem.make(lambda _: factory(rate)), keys[0], rate)
        return Run(state, begin_progress(problem.policy, state), *keys[1:])

    def judge(arrays, run):
        metric = objective_of(fold, problem.valid, arrays, run.state, run.eval_key)
        progress, state = adapt(problem.policy, run.progress, sign * metric, run.state)
        return run._replace(state=state, progress=progress), metric

    def examine(arrays, run):
        return run, objective_of(fold, problem.test, arrays, run.state, run.test_key)

    later = (advancing(problem.train, technique), judge, examine)
    return Programs(side_by_side.lifted(begin, mode, once=True), *(side_by_side.lifted(f, mode) for f in later))


@jax.jit
@jax.vmap
def run_keys(seed: jax.Array) -> jax.Array:
    """Seeds [W] to PRNG keys [W, 4]: for first parameters, batches, validations and the test split.

    They are those of a single run with that seed, see `core.loop.stage_keys`.
    """
    key = jax.random.key(seed)
    return jnp.concatenate([stage_keys(key, 0), key_of_test(key)[None]])


def start_runs(programs: Programs, trials: Sequence[Trial]) -> Run:
    """The runs before their first update."""
    seeds = jnp.asarray(np.array([trial.seed for trial in trials], np.uint32))
    rates = jnp.asarray(np.array([trial.rate for trial in trials], np.float32))
    return programs.begin((), (run_keys(seeds), rates))


def train_runs(
    problem: Problem,
    programs: Programs,
    trials: Sequence[Trial],
    arrays: tuple[Any, Any, Any],
    final: bool,
    advance: Callable[[int], None] = lambda updates: None,
) -> list[dict[str, Any]]:
    """Trains W runs from start to end and returns a row for each, without task, optimiser and phase, see `store`.

    Args:
        problem: what is trained.
        programs: of the optimiser.
        trials: the W runs.
        arrays: of the training, validation and test split.
        final: whether to evaluate on the test split, if there is one, at the end.
        advance: called with the updates of each interval after it.
    """
    runs = start_runs(programs, trials)
    at, losses, valids, seconds = [0], [], [], 0.0
    finite = np.ones(len(trials), bool)
    runs, _, _ = programs.advance((arrays[0], jnp.int32(0)), runs)  # compiled before it is timed
    progress = jax.tree.map(jnp.copy, runs.progress)
    runs, metric = programs.judge(arrays[1], runs)
    runs = runs._replace(progress=progress)  # a single run is not evaluated before its first update
    valids.append(np.asarray(metric))
    size = byte_count(jax.tree.map(lambda leaf: leaf[0], runs.state.opt))
    while at[-1] < problem.steps:
        updates = min(problem.every, problem.steps - at[-1])
        jax.block_until_ready(runs)
        began = time.perf_counter()
        runs, loss, well = jax.block_until_ready(programs.advance((arrays[0], jnp.int32(updates)), runs))
        seconds += time.perf_counter() - began
        finite &= np.asarray(well)
        runs, metric = programs.judge(arrays[1], runs)
        at.append(at[-1] + updates)
        losses.append(np.asarray(loss))
        valids.append(np.asarray(metric))
        advance(updates)
    finite &= np.isfinite(valids[1:]).all(axis=0)
    examined = final and problem.judged == "test"  # validation stands in the row as it is
    test = np.asarray(programs.examine(arrays[2], runs)[1]) if examined else [None] * len(trials)
    measured = {"steps": problem.steps, "at": at, "seconds": seconds / len(trials), "bytes": size}
    return [
        _row(trial, measured, not well, *curves)
        for trial, well, *curves in zip(trials, finite, np.transpose(valids), np.transpose(losses), test)
    ]


def _row(trial, measured, diverged, valid, train, test) -> dict[str, Any]:
    return {
        "learning_rate": trial.rate,
        "seed": trial.seed,
        "steps": measured["steps"],
        "diverged": bool(diverged),
        "at": measured["at"],
        "valid": [number(value) for value in valid],
        "train": [number(value) for value in train],
        "test": None if test is None else number(test),
        "seconds": measured["seconds"],
        "bytes": measured["bytes"],
    }
