"""What the JAX contenders share: a technique as an experiment trains it, or one jitted step at a time."""

import jax

from benchmarks.contenders import serve
from jaxgen.core import loop, sharding
from jaxgen.core.types import Technique
from jaxgen.data.examples import Examples
from jaxgen.data.sources import resident
from jaxgen.run import machine

BATCH = 128


def serve_steps(technique: Technique, examples: Examples, length: int, naive: bool) -> None:
    """Answers with images a second, in chunks of `length` steps; naive: one a dispatch, nothing donated.

    The machine is prepared already: its host devices share the batches.
    """
    source = resident(examples, BATCH)
    key, state, arrays = jax.random.key(1), jax.jit(technique.init)(jax.random.key(0)), source.arrays
    placed = machine.shardings()
    if placed:
        state, arrays = sharding.place((state, arrays), placed[0])
        source = sharding.spread(source, placed[1])
    if naive:
        step, take = jax.jit(technique.step), jax.jit(source.take)

    def work():
        nonlocal state
        if naive:
            for _ in range(length):
                state, _ = step(state, take(arrays, key, state.step))
            jax.block_until_ready(state)
        else:
            state, metrics, _ = loop.chunk(technique.step, source.take, state, arrays, None, length, key)
            jax.block_until_ready(metrics)

    serve(work, length * BATCH)
