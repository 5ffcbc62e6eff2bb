"""The one training loop: Python outside, a donated scan of K steps inside.

Chunks end at multiples of K from a stage's step 0 and at the stage's end, so an interrupted run that goes on from a
checkpoint executes the same compiled programs on the same arrays, and reaches the same bytes.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.progress import Policy, Progress, adapt, begin_progress, best_state
from jaxgen.core.types import Fold, Metrics, Stage, State, Sweep


class Event(NamedTuple):
    """What the loop knows between two chunks. The next chunk takes over `state`'s buffers: copy what you keep."""

    stage: int
    step: int  # updates made in this stage
    state: State
    progress: Progress
    train: dict[str, float]  # means over the chunk
    valid: dict[str, float]  # empty where this chunk was not followed by an evaluation
    finite: bool  # whether parameters, carry and metrics are
    done: bool  # whether the stage is over


@functools.partial(jax.jit, static_argnames=("step", "take", "length"), donate_argnames="state")
def chunk(
    step: Callable, take: Callable, state: State, arrays: Any, rows: Any, length: int, key: jax.Array
) -> tuple[State, Metrics, jax.Array]:
    """`length` updates from wherever `state` stands.

    Batches are `take(arrays, key, n)`, or `take(row n, key, n)` where `rows` [length, ...] were read on the host.
    Returns the State, the metrics' means, and whether parameters, carry and metrics are all finite.
    """

    def body(state, row):
        return step(state, take(arrays if row is None else row, key, state.step))

    state, metrics = jax.lax.scan(body, state, rows, length=length)
    metrics = jax.tree.map(lambda m: jnp.mean(m.astype(jnp.float32), axis=0), metrics)
    return state, metrics, all_finite((state.params, state.carry, metrics))


def all_finite(tree: Any) -> jax.Array:
    """[] bool, over the floating leaves of a pytree."""
    floating = [a for a in jax.tree.leaves(tree) if jnp.issubdtype(a.dtype, jnp.floating)]
    return jnp.stack([jnp.isfinite(a).all() for a in floating]).all() if floating else jnp.ones((), bool)


@functools.partial(jax.jit, static_argnums=0)
def _compiled(function, *arguments):
    return function(*arguments)


@functools.partial(jax.jit, static_argnames=("add", "take"))
def _fold(add, take, tally, state, arrays, rows, numbers, key):
    def body(tally, item):
        n, row = item
        batch, mask = take(arrays if row is None else row, n)
        return add(state, jax.random.fold_in(key, n), tally, batch, mask), None

    return jax.lax.scan(body, tally, (numbers, rows))[0]


def evaluate(
    fold: Fold,
    state: State,
    sweep: Sweep,
    key: jax.Array,
    at_once: int = 0,
    advance: Callable[[int], None] = lambda done: None,
) -> dict[str, float]:
    """Metrics over a whole split, in the order of the fold's definitions (a compiled function sorts a dict's keys).

    `advance` is told the number of batches done after every `at_once` of them (0: as the sweep is fetched, or all).
    """
    tally, length = _compiled(fold.start), at_once or sweep.at_once or sweep.batches
    firsts = range(0, sweep.batches, length)
    choose = lambda first: sweep.fetch(first, min(length, sweep.batches - first)) if sweep.fetch else lambda: None
    rows = choose(0)() if firsts else None
    for first in firsts:
        numbers = np.arange(first, min(first + length, sweep.batches), dtype=np.int32)
        tally = _fold(fold.add, sweep.take, tally, state, sweep.arrays, rows, numbers, key)
        if first + length < sweep.batches:
            rows = choose(first + length)()  # the host reads while the device works
        if at_once:
            jax.block_until_ready(tally)
            advance(min(first + length, sweep.batches))
    metrics = _compiled(fold.finish, tally)
    return {name: float(metrics[name]) for name in fold.definitions}


def objective(fold: Fold, metrics: dict[str, float]) -> float:
    """The fold's first metric, its sign turned so that lower is better."""
    value = metrics[next(iter(fold.definitions))]
    return value if fold.better == "lower" else -value


def train(
    stages: Sequence[Stage],
    key: jax.Array,
    every: int,
    eval_every: int = 0,
    policy: Policy | None = None,
    resume: tuple[int, State, Progress] | None = None,
    sharding: jax.sharding.Sharding | None = None,
) -> Iterator[Event]:
    """Runs the stages in chunks of `every` updates and yields an Event after each; stop by leaving the iteration.

    Evaluates after the chunk that reaches a multiple of `eval_every` updates, and at a stage's end (0: only there),
    always with the same key, so that the curve shows the parameters and not the draws.
    `resume` is (stage, State, Progress) of a checkpoint, `sharding` where State and arrays live.
    """
    policy = policy or Policy()
    first, state, progress = resume if resume else (0, None, None)
    for number in range(first, len(stages)):
        stage = stages[number]
        init_key, data_key, eval_key = jax.random.split(jax.random.fold_in(key, number), 3)
        if state is None or progress is None or number > first:
            previous = None if state is None or progress is None else best_state(progress, state)
            # Compiled, because op by op every initialiser is compiled on its own.
            state = jax.jit(_begin, static_argnums=(0, 1))(
                stage.technique.init, stage.adopt, previous, init_key, stage.source.arrays
            )
            progress = begin_progress(policy, state)
        state, progress, arrays = place((state, progress, stage.source.arrays), sharding)
        stage = stage._replace(source=stage.source._replace(arrays=arrays))
        for event in _run(stage, state, progress, data_key, eval_key, every, eval_every, policy):
            state, progress = event.state, event.progress
            yield event._replace(stage=number)


def _run(stage, state, progress, data_key, eval_key, every, eval_every, policy) -> Iterator[Event]:
    """The chunks that a stage still has to do."""
    technique, source, fold = stage.technique, stage.source, stage.technique.evaluate
    adapted = jax.jit(adapt, static_argnums=0, donate_argnums=(1, 3))
    done = int(state.step)

    def choose(first):
        length = min(every - first % every, stage.steps - first)
        return source.fetch(data_key, first, length) if source.fetch and length > 0 else lambda: None

    rows = choose(done)()
    while done < stage.steps and not bool(progress.stop):
        length = min(every - done % every, stage.steps - done)
        read = choose(done + length)  # before the chunk: the device takes its orders in turn
        state, metrics, finite = chunk(technique.step, source.take, state, source.arrays, rows, length, data_key)
        rows = read()  # the host reads while the device works
        done += length
        valid: dict[str, float] = {}
        crossed = eval_every and done // eval_every > (done - length) // eval_every
        if stage.valid is not None and fold.definitions and (crossed or done == stage.steps):
            valid = evaluate(fold, state, stage.valid, eval_key)
            progress, state = adapted(policy, progress, jnp.float32(objective(fold, valid)), state)
        over = done == stage.steps or bool(progress.stop)
        means = {name: float(value) for name, value in metrics.items()}
        yield Event(0, done, state, progress, means, valid, bool(finite), over)


def _begin(init, adopt, previous, key, arrays) -> State:
    """A stage's first State. Whatever is adopted, the stage counts its own updates and draws its own randomness."""
    if adopt is None:
        return init(key)
    adopt_key, state_key = jax.random.split(key)
    return adopt(previous, adopt_key, arrays)._replace(step=jnp.zeros((), jnp.int32), key=state_key)


def shapes(stages: Sequence[Stage], number: int, policy: Policy) -> tuple[State, Progress]:
    """What (State, Progress) look like in a stage, as `jax.eval_shape` gives it: the template of a checkpoint."""
    state = None
    for stage in stages[: number + 1]:
        begin = functools.partial(_begin, stage.technique.init, stage.adopt)
        state = jax.eval_shape(begin, state, jax.random.key(0), stage.source.arrays)
    assert state is not None
    return state, jax.eval_shape(functools.partial(begin_progress, policy), state)


def place(tree: Any, sharding: jax.sharding.Sharding | None) -> Any:
    """The pytree on the given devices; where it is, if `sharding` is None."""
    return tree if sharding is None else jax.device_put(tree, sharding)


def spread(source: Any, sharding: jax.sharding.Sharding) -> Any:
    """A Source or Sweep with every leaf of its batches split along the leading axis, as `sharding` says."""

    def take(*where):
        return jax.lax.with_sharding_constraint(source.take(*where), sharding)

    return source._replace(take=take)
