"""The one training loop: Python outside, a donated scan of K steps inside.

Chunks end at multiples of K from a stage's step 0 and at its end, so that a run which goes on from a checkpoint
executes the same compiled programs on the same arrays, and reaches the same bytes.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core.batches import arrays_of, functions_of, training_batch
from jaxgen.core.compiling import compiled
from jaxgen.core.evaluation import evaluate, objective
from jaxgen.core.pacing import on_grid, pieces
from jaxgen.core.progress import Policy, Progress, adapt, begin_progress, best_state
from jaxgen.core.sharding import Layout, local, place, place_progress, place_state
from jaxgen.core.steps import NORMS, all_finite
from jaxgen.core.types import Measured, Metrics, Source, Stage, State


class Event(NamedTuple):
    """What the loop knows between two chunks. The next chunk takes over `state`'s buffers: copy what you keep."""

    stage: int
    step: int  # updates made in this stage
    state: State
    progress: Progress
    train: dict[str, float]  # means over the chunk
    valid: dict[str, Measured]  # empty where this chunk was not followed by an evaluation
    finite: bool  # whether parameters, carry, optimiser and metrics are
    due: bool  # whether the chunk reached a multiple of `eval_every`, or ended the stage: evaluated or not
    done: bool  # whether the stage is over


def chunk(
    step: Callable, source: Source, state: State, length: int, key: jax.Array, rows: Any = None, norms: bool = False
) -> tuple[State, Metrics, jax.Array]:
    """`length` updates in one dispatch, from wherever `state` stands; its buffers are donated.

    Args:
        step: a technique's.
        source: of the batches, see `core.batches.training_batch`.
        state: the State before.
        length: static.
        key: of the run's batches, [].
        rows: batches that were fetched on the host, [length, ...]; None where the source holds its arrays.
        norms: whether the metrics of `core.steps.NORMS` are among those returned; where not, they are not computed.

    Returns the State, the metrics' means, and whether parameters, carry, optimiser and metrics are all finite, [].
    """
    return compiled_chunk()(step, functions_of(source), state, arrays_of(source), rows, length, key, norms)


def compiled_chunk() -> Any:
    """The compiled function behind `chunk`."""
    return compiled(scanned, ("step", "functions", "length", "norms"), ("state",))


def scanned(step, functions, state, arguments, rows, length, key, norms):
    """See `chunk`; not compiled, for callers that compile more than it."""

    def body(state, row):
        state, metrics = step(state, training_batch(functions, arguments, row, key, state.step))
        return state, {name: value for name, value in metrics.items() if norms or name not in NORMS}

    state, metrics = jax.lax.scan(body, state, rows, length=length)
    metrics = jax.tree.map(lambda m: jnp.mean(m.astype(jnp.float32), axis=0), metrics)
    # An optimiser's scalars may be infinite before there is anything to compare with, as those of line searches are.
    slots = jax.tree.leaves(state.opt)
    scalars, arrays = [a for a in slots if not a.ndim], [a for a in slots if a.ndim]
    finite = all_finite((state.params, state.carry, metrics, arrays)) & all_finite(scalars, infinite=True)
    return state, metrics, finite


def train(
    stages: Sequence[Stage],
    key: jax.Array,
    every: int,
    eval_every: int = 0,
    policy: Policy | None = None,
    resume: tuple[int, State, Progress] | None = None,
    layout: Layout | None = None,
    previous: State | None = None,
    norms: bool = False,
) -> Iterator[Event]:
    """Runs the stages in chunks of `every` updates and yields an Event after each; stop by leaving the iteration.

    Evaluates after the chunk that reaches a multiple of `eval_every` updates, and at a stage's end (0: only there),
    always with the same key, so that the curve shows the parameters and not the draws. Progress is made of the former
    alone: where a stage ended must not shape what a run does that is continued from there.

    Args:
        stages: one after the other; each starts from what its `adopt` makes of the best State of the one before.
        key: of the run, [].
        every: K.
        eval_every: updates between evaluations.
        policy: when to stop and when to cut learning rates.
        resume: (stage, State, Progress) of a checkpoint.
        layout: of several devices; None: the default device has everything.
        previous: what the first stage adopts from, another run's State.
        norms: whether each Event's `train` has the norms of gradient and update.

    Raises ValueError where a technique's shared entries are not among its source's.
    """
    policy = policy or Policy()
    first, state, progress = resume if resume else (0, None, None)
    for number in range(first, len(stages)):
        stage = stages[number]
        if missing := set(stage.technique.shared) - set(stage.source.shared):
            raise ValueError(f"the technique reads {sorted(missing)} from its batches, which no Source has as shared")
        _, data_key, eval_key = stage_keys(key, number)
        if state is None or progress is None or number > first:
            if state is not None and progress is not None:
                previous = local(best_state(progress, state), layout)
            state = first_state(stage, key, number, previous)
            progress = begin_progress(policy, state)
        state, progress = place_state(stage.technique, state, layout), place_progress(progress, layout)
        arrays, shared = place(arrays_of(stage.source), layout)
        valid = stage.valid and stage.valid._replace(shared=place(dict(stage.valid.shared), layout))
        stage = stage._replace(source=stage.source._replace(arrays=arrays, shared=shared), valid=valid)
        for event in _run(stage, state, progress, data_key, eval_key, every, eval_every, policy, norms):
            state, progress = event.state, event.progress
            yield event._replace(stage=number)


def stage_keys(key: jax.Array, number: int) -> jax.Array:
    """The keys of a stage, [3]: for its first State, for its batches, for its evaluations."""
    return jax.random.split(jax.random.fold_in(key, number), 3)


def first_state(stage: Stage, key: jax.Array, number: int = 0, previous: State | None = None) -> State:
    """The State before the first update of stage `number`, as `train` begins it with this key.

    `previous` is what the stage adopts from; the State shares no buffer with it.
    """
    init_key, _, _ = stage_keys(key, number)
    begin = jax.jit(_begin, static_argnums=(0, 1))  # op by op, every initialiser would be compiled on its own
    return begin(stage.technique.init, stage.adopt, previous, init_key, stage.source.arrays)


def _run(stage, state, progress, data_key, eval_key, every, eval_every, policy, norms) -> Iterator[Event]:
    """The chunks that a stage still has to do."""
    technique, source, fold = stage.technique, stage.source, stage.technique.evaluate
    adapted = jax.jit(adapt, static_argnums=0, donate_argnums=(1, 3))
    start = int(state.step)
    dispatches = pieces(start, stage.steps, every, source.at_once)

    def choose(piece):
        return source.fetch(data_key, *piece[:2]) if source.fetch and piece else lambda: None

    coming = next(dispatches, None) if not bool(progress.stop) else None
    rows, finite = choose(coming)(), True
    sums: dict[str, float] = {}
    while coming and not bool(progress.stop):
        (first, length, ends), coming = coming, next(dispatches, None)
        read = choose(coming)  # before the chunk: the device takes its orders in turn
        state, metrics, well = chunk(technique.step, source, state, length, data_key, rows, norms)
        rows = read()  # the host reads while the device works
        sums = {name: sums.get(name, 0.0) + length * float(value) for name, value in metrics.items()}
        finite = finite and bool(well)
        if not ends:
            continue
        done = first + length
        valid: dict[str, Measured] = {}
        counts = on_grid(done, every, eval_every)
        due = counts or done == stage.steps
        if due and stage.valid is not None and fold.definitions:
            valid = evaluate(fold, state, stage.valid, eval_key)
            if counts:
                progress, state = adapted(policy, progress, jnp.float32(objective(fold, valid)), state)
        over = done == stage.steps or bool(progress.stop)
        means = {name: total / (done - start) for name, total in sums.items()}
        yield Event(0, done, state, progress, means, valid, finite, due, over)
        start, sums, finite = done, {}, True


def _begin(init, adopt, previous, key, arrays) -> State:
    """A stage's first State. Whatever is adopted, the stage counts its own updates and draws its own randomness."""
    if adopt is None:
        return init(key)
    adopt_key, state_key = jax.random.split(key)
    return adopt(previous, adopt_key, arrays)._replace(step=jnp.zeros((), jnp.int32), key=state_key)


def shapes(
    stages: Sequence[Stage], number: int, policy: Policy, previous: State | None = None
) -> tuple[State, Progress]:
    """The template of a checkpoint: the shapes of (State, Progress) in a stage. `previous` is that of `train`."""
    state = previous
    for stage in stages[: number + 1]:
        begin = functools.partial(_begin, stage.technique.init, stage.adopt)
        state = jax.eval_shape(begin, state, jax.random.key(0), stage.source.arrays)
    assert state is not None
    return state, jax.eval_shape(functools.partial(begin_progress, policy), state)
