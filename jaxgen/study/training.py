"""The study's engine: runs that differ in learning rate and seed, trained by one compiled program.

W    runs side by side
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.evaluation import key_of_test
from jaxgen.core.loop import all_finite, stage_keys
from jaxgen.core.progress import Progress, adapt, begin_progress
from jaxgen.core.types import Fold, State, Holdout, Technique
from jaxgen.run.record import number
from jaxgen.study import side_by_side
from jaxgen.study.problems import Problem, Trial, begun, size


class Run(NamedTuple):
    """One run between two intervals; a pytree."""

    state: State
    progress: Progress
    data_key: jax.Array  # []
    eval_key: jax.Array  # []
    test_key: jax.Array  # []


class Bench(NamedTuple):
    """One optimiser on one task, compiled for one mode. Runs are stacked [W]; what is given is donated."""

    begin: Callable[[Any, Any], Run]  # (), (keys [W, 4], rates [W])
    advance: Callable[[Any, Run], tuple[Run, jax.Array, jax.Array]]  # (arrays, updates) -> runs, loss [W], finite [W]
    judge: Callable[[Any, Run], tuple[Run, jax.Array]]  # arrays of the validation split -> runs, metric [W]
    examine: Callable[[Any, Run], tuple[Run, jax.Array]]  # arrays of the test split -> runs, metric [W]


def advancing(problem: Problem, technique: Technique) -> Callable:
    """((arrays, updates), Run) -> Run, mean training loss [], whether all of it is finite [].

    The number of updates is traced: one program serves the timing, every interval and the last one.
    """

    def advance(given, run):
        arrays, updates = given

        def body(_, carried):
            state, total, well = carried
            state, metrics = technique.step(state, problem.train.take(arrays, run.data_key, state.step))
            return state, total + _loss(metrics), well & all_finite(metrics)

        start = (run.state, jnp.zeros(()), jnp.ones((), bool))
        state, total, well = jax.lax.fori_loop(0, updates, body, start)
        well &= all_finite((state.params, state.carry))
        return run._replace(state=state), total / updates, well

    return advance


def _loss(metrics: dict[str, jax.Array]) -> jax.Array:
    """[] float32: the metric named so, or a technique's first one."""
    return jnp.asarray(metrics.get("loss", next(iter(metrics.values()))), jnp.float32).mean()


def folded(fold: Fold, holdout: Holdout, arrays: Any, state: State, key: jax.Array) -> jax.Array:
    """The fold's first metric [] over a resident split, with the draws that `core.evaluation.evaluate` makes."""

    def body(tally, n):
        batch, mask = holdout.take(arrays, n)
        return fold.add(state, jax.random.fold_in(key, n), tally, batch, mask), None

    tally, _ = jax.lax.scan(body, fold.start(), jnp.arange(holdout.batches, dtype=jnp.int32))
    return fold.finish(tally)[next(iter(fold.definitions))]


def bench(problem: Problem, optimizer: str, mode: str) -> Bench:
    """The functions of one run, lifted to W."""
    factory = problem.factory(optimizer)
    technique = problem.make(factory)
    fold = technique.evaluate
    sign = 1.0 if fold.better == "lower" else -1.0

    def begin(_, given):
        keys, rate = given
        # Of this rate from the start: optax.rprop, for one, keeps it in more than the leaf `rate`.
        state = begun(problem.make(lambda _: factory(rate)), keys[0], rate)
        return Run(state, begin_progress(problem.policy, state), *keys[1:])

    def judge(arrays, run):
        metric = folded(fold, problem.valid, arrays, run.state, run.eval_key)
        progress, state = adapt(problem.policy, run.progress, sign * metric, run.state)
        return run._replace(state=state, progress=progress), metric

    def examine(arrays, run):
        return run, folded(fold, problem.test, arrays, run.state, run.test_key)

    later = (advancing(problem, technique), judge, examine)
    return Bench(side_by_side.lifted(begin, mode, once=True), *(side_by_side.lifted(f, mode) for f in later))


@jax.jit
@jax.vmap
def keys_of(seed: jax.Array) -> jax.Array:
    """Seeds [W] to PRNG keys [W, 4] of the runs: for first parameters, batches, validations and the test split.

    The same that `core.loop` and an experiment split off.
    """
    key = jax.random.key(seed)
    return jnp.concatenate([stage_keys(key, 0), key_of_test(key)[None]])


def start(functions: Bench, trials: Sequence[Trial]) -> Run:
    """The runs before their first update."""
    seeds = jnp.asarray(np.array([trial.seed for trial in trials], np.uint32))
    rates = jnp.asarray(np.array([trial.rate for trial in trials], np.float32))
    return functions.begin((), (keys_of(seeds), rates))


def trained(
    problem: Problem,
    functions: Bench,
    trials: Sequence[Trial],
    arrays: tuple[Any, Any, Any],
    final: bool,
    advance: Callable[[int], None] = lambda done: None,
) -> list[dict[str, Any]]:
    """Trains W runs from start to end; for each what is to be written down of it, see `store`.

    arrays: of the training, validation and test splits. final: judge on the test split at the end, too.
    `advance` is told the updates of each interval.
    """
    runs = start(functions, trials)
    at, losses, valids, seconds = [0], [], [], 0.0
    alive = np.ones(len(trials), bool)
    runs, _, _ = functions.advance((arrays[0], jnp.int32(0)), runs)  # compiled before it is timed
    progress = jax.tree.map(jnp.copy, runs.progress)
    runs, metric = functions.judge(arrays[1], runs)
    runs = runs._replace(progress=progress)  # a run of its own is not evaluated before its first update
    valids.append(np.asarray(metric))
    opt = size(jax.tree.map(lambda leaf: leaf[0], runs.state.opt))
    while at[-1] < problem.steps:
        updates = min(problem.every, problem.steps - at[-1])
        jax.block_until_ready(runs)
        began = time.perf_counter()
        runs, loss, well = jax.block_until_ready(functions.advance((arrays[0], jnp.int32(updates)), runs))
        seconds += time.perf_counter() - began
        alive &= np.asarray(well)
        runs, metric = functions.judge(arrays[1], runs)
        at.append(at[-1] + updates)
        losses.append(np.asarray(loss))
        valids.append(np.asarray(metric))
        advance(updates)
    test = np.asarray(functions.examine(arrays[2], runs)[1]) if final else None
    return [
        {
            "learning_rate": trial.rate,
            "seed": trial.seed,
            "steps": problem.steps,
            "diverged": bool(not alive[n] or not np.isfinite([v[n] for v in valids[1:]]).all()),
            "at": at,
            "valid": [number(v[n]) for v in valids],
            "train": [number(v[n]) for v in losses],
            "test": None if test is None else number(test[n]),
            "seconds": seconds / len(trials),
            "bytes": opt,
        }
        for n, trial in enumerate(trials)
    ]
