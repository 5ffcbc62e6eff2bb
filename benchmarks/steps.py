"""What a step of every technique costs: compiled, called singly, in a chunk, and for eight vmapped seeds."""

import time
from collections.abc import Callable
from typing import Any

import jax

from jaxgen.core import loop
from jaxgen.core.types import Technique

CHUNK, SEEDS, BLOCK = 20, 8, 0.15  # steps a dispatch, seeds side by side, seconds a block


def microseconds(work: Callable[[], Any], blocks: int = 5) -> float:
    """Of one call, in the quietest of a few blocks: noise only ever adds."""
    best = float("inf")
    for _ in range(blocks):
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < BLOCK:
            jax.block_until_ready(work())
            count += 1
        best = min(best, (time.perf_counter() - start) / count)
    return 1e6 * best


def measure(technique: Technique) -> dict[str, float]:
    """compile_s: of one chunk, the first call included; the others: microseconds a step (a step of all eight seeds)."""
    key, batch = jax.random.key(0), technique.example(jax.random.key(1))
    state = jax.jit(technique.init)(key)
    start = time.perf_counter()
    state, metrics, _ = loop.chunk(technique.step, _same, state, batch, None, CHUNK, key)
    jax.block_until_ready(metrics)
    seconds = time.perf_counter() - start

    def in_chunk():
        nonlocal state
        state, metrics, _ = loop.chunk(technique.step, _same, state, batch, None, CHUNK, key)
        return metrics

    chunked = microseconds(in_chunk) / CHUNK
    step = jax.jit(technique.step, donate_argnums=0)

    def singly():
        nonlocal state
        state, metrics = step(state, batch)
        return metrics

    single = microseconds(singly)
    states = jax.jit(jax.vmap(technique.init))(jax.random.split(key, SEEDS))
    side_by_side = jax.jit(jax.vmap(technique.step, in_axes=(0, None)), donate_argnums=0)

    def seeds():
        nonlocal states
        states, metrics = side_by_side(states, batch)
        return metrics

    return {"compile_s": seconds, "single_us": single, "chunk_us": chunked, f"seeds{SEEDS}_us": microseconds(seeds)}


def _same(arrays, key, n):
    return arrays
