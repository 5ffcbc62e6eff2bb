"""The one training loop: Python outside, a donated scan of K steps inside.

Chunks end at multiples of K from a stage's step 0 and at the stage's end, so an interrupted run that goes on from a
checkpoint executes the same compiled programs on the same arrays, and reaches the same bytes.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core.evaluation import evaluate, objective
from jaxgen.core.progress import Policy, Progress, adapt, begin_progress, best_state
from jaxgen.core.sharding import place, split_streams
from jaxgen.core.types import Metrics, Stage, State


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


def train(
    stages: Sequence[Stage],
    key: jax.Array,
    every: int,
    eval_every: int = 0,
    policy: Policy | None = None,
    resume: tuple[int, State, Progress] | None = None,
    sharding: jax.sharding.Sharding | None = None,
    previous: State | None = None,
) -> Iterator[Event]:
    """Runs the stages in chunks of `every` updates and yields an Event after each; stop by leaving the iteration.

    Evaluates after the chunk that reaches a multiple of `eval_every` updates, and at a stage's end (0: only there),
    always with the same key, so that the curve shows the parameters and not the draws.
    `resume` is (stage, State, Progress) of a checkpoint, `sharding` where State and arrays live, `previous` what the
    first stage adopts from, another run's last State.
    """
    policy = policy or Policy()
    first, state, progress = resume if resume else (0, None, None)
    for number in range(first, len(stages)):
        stage = stages[number]
        _, data_key, eval_key = stage_keys(key, number)
        if state is None or progress is None or number > first:
            if state is not None and progress is not None:
                previous = best_state(progress, state)
            state = first_state(stage, key, number, previous)
            progress = begin_progress(policy, state)
        state, progress, arrays = place((state, progress, stage.source.arrays), sharding)
        state = split_streams(stage.technique, state, sharding)
        stage = stage._replace(source=stage.source._replace(arrays=arrays))
        for event in _run(stage, state, progress, data_key, eval_key, every, eval_every, policy):
            state, progress = event.state, event.progress
            yield event._replace(stage=number)


def stage_keys(key: jax.Array, number: int) -> jax.Array:
    """Of a stage [3]: for its first State, for its batches, for its evaluations."""
    return jax.random.split(jax.random.fold_in(key, number), 3)


def first_state(stage: Stage, key: jax.Array, number: int = 0, previous: State | None = None) -> State:
    """The State that `train`, given this key, begins stage `number` with: what it is before its first update.

    `previous` is what the stage adopts from; the State shares no buffer with it.
    """
    init_key, _, _ = stage_keys(key, number)
    # Compiled, because op by op every initialiser is compiled on its own.
    return jax.jit(_begin, static_argnums=(0, 1))(
        stage.technique.init, stage.adopt, previous, init_key, stage.source.arrays
    )


def _pieces(done: int, steps: int, every: int, at_once: int) -> Iterator[tuple[int, int, bool]]:
    """(first step, number of steps, whether it ends a chunk) of what is dispatched, from `done` to `steps`.

    A chunk is one piece, or as many about equal ones as it takes to keep each at `at_once` steps or less (0: any).
    """
    while done < steps:
        end = min(done - done % every + every, steps)
        count = -(-(end - done) // (at_once or every))
        size = -(-(end - done) // count)
        while done < end:
            length = min(size, end - done)
            yield done, length, done + length == end
            done += length


def _run(stage, state, progress, data_key, eval_key, every, eval_every, policy) -> Iterator[Event]:
    """The chunks that a stage still has to do."""
    technique, source, fold = stage.technique, stage.source, stage.technique.evaluate
    adapted = jax.jit(adapt, static_argnums=0, donate_argnums=(1, 3))
    start = int(state.step)
    pieces = _pieces(start, stage.steps, every, source.at_once)

    def choose(piece):
        return source.fetch(data_key, *piece[:2]) if source.fetch and piece else lambda: None

    coming = next(pieces, None) if not bool(progress.stop) else None
    rows, all_well = choose(coming)(), True
    sums: dict[str, float] = {}
    while coming and not bool(progress.stop):
        (first, length, ends), coming = coming, next(pieces, None)
        read = choose(coming)  # before the chunk: the device takes its orders in turn
        state, metrics, finite = chunk(technique.step, source.take, state, source.arrays, rows, length, data_key)
        rows = read()  # the host reads while the device works
        sums = {name: sums.get(name, 0.0) + length * float(value) for name, value in metrics.items()}
        all_well = all_well and bool(finite)
        if not ends:
            continue
        done = first + length
        valid: dict[str, float] = {}
        crossed = eval_every and done // eval_every > start // eval_every
        if stage.valid is not None and fold.definitions and (crossed or done == stage.steps):
            valid = evaluate(fold, state, stage.valid, eval_key)
            progress, state = adapted(policy, progress, jnp.float32(objective(fold, valid)), state)
        over = done == stage.steps or bool(progress.stop)
        means = {name: total / (done - start) for name, total in sums.items()}
        yield Event(0, done, state, progress, means, valid, all_well, over)
        start, sums, all_well = done, {}, True


def _begin(init, adopt, previous, key, arrays) -> State:
    """A stage's first State. Whatever is adopted, the stage counts its own updates and draws its own randomness."""
    if adopt is None:
        return init(key)
    adopt_key, state_key = jax.random.split(key)
    return adopt(previous, adopt_key, arrays)._replace(step=jnp.zeros((), jnp.int32), key=state_key)


def shapes(
    stages: Sequence[Stage], number: int, policy: Policy, previous: State | None = None
) -> tuple[State, Progress]:
    """What (State, Progress) look like in a stage, as `jax.eval_shape` gives it: the template of a checkpoint.

    `previous` is that of `train`.
    """
    state = previous
    for stage in stages[: number + 1]:
        begin = functools.partial(_begin, stage.technique.init, stage.adopt)
        state = jax.eval_shape(begin, state, jax.random.key(0), stage.source.arrays)
    assert state is not None
    return state, jax.eval_shape(functools.partial(begin_progress, policy), state)
