"""A step of the tiny test cases of a technique: compiled, called singly, in a chunk, and for 8 and 64 vmapped seeds.

Of a file's cases the first one is measured in all ways, the others in a chunk alone.
compile_s: seconds until the first chunk is done. single_us, chunk_us, seeds8_us, seeds64_us: microseconds a step (a
step of all seeds). mflop: operations of its products and convolutions, in millions; share: of this machine's rate of
products of float32, in a chunk. peak_mb: arrays that a step of one seed holds at once, in megabytes. Quality: the
step's loss, or its first metric, averaged over that first chunk of 20 updates on one batch.
"""

import importlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks import operations
from benchmarks.racing import quietest
from jaxgen.core import loop
from jaxgen.core.batches import arrays_of, functions_of
from jaxgen.core.compiling import options
from jaxgen.core.types import Refused, Source, State, Technique
from jaxgen.run.machine import forget_programs
from jaxgen.study.side_by_side import haste

CHUNK, SEEDS = 20, (8, 64)  # steps a dispatch, seeds side by side
ROUNDS, BLOCK = 5, 0.15  # seconds a block


def cases(module: str) -> Mapping[str, Technique]:
    """The tiny cases of a module, installed or in the current folder. Raises Refused where there are none."""
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):  # the module lacks another one
            raise
        raise Refused(f"--technique={module}: there is no such module here or among the installed ones") from None
    if "tiny" not in vars(imported):
        raise Refused(f"--technique={module} has no tiny() that returns a dict of name -> Technique")
    return imported.tiny()


def measure(technique: Technique, rate: float = 0.0, quick: bool = False) -> dict[str, float | None]:
    """The numbers of one row, see the module; times are those of the fastest calls.

    Args:
        technique: whose step is measured.
        rate: of products, GFLOP/s; 0: not known, and no share is given.
        quick: only the chunk is compiled and timed, for a shorter time; the other numbers are None.
    """
    key, begin = jax.random.key(0), beginning(technique)
    batch, state = jax.block_until_ready(begin())
    source, start = Source(batch, lambda arrays, key, n: arrays), time.perf_counter()
    state, metrics, _ = jax.block_until_ready(loop.chunk(technique.step, source, state, CHUNK, key))
    compile_s = time.perf_counter() - start
    works = {"chunk_us": repeated(lambda state: loop.chunk(technique.step, source, state, CHUNK, key)[:2], state)}
    single = None
    if not quick:
        single, apart = singly(technique, *begin())
        works |= apart
    rounds, block = (1, BLOCK / 3) if quick else (ROUNDS, BLOCK)
    times = {name: 1e6 * seconds for name, seconds in quietest(works, rounds, block).items()}
    times["chunk_us"] /= CHUNK
    count = flops(technique, source, state, key)
    share = count / (1e3 * rate * times["chunk_us"]) if count and rate else None
    untimed = dict.fromkeys(("single_us", *(f"seeds{seeds}_us" for seeds in SEEDS)))
    forget_programs()  # those of 65 cases map 35,000 regions of memory, and Linux ends a process at 65,530
    row = {"compile_s": compile_s, **untimed, **times, "mflop": count and 1e-6 * count, "share": share}
    return {**row, "peak_mb": None if single is None else peak(single), "quality": quality(metrics)}


def beginning(technique: Technique) -> Callable[[], tuple[Any, State]]:
    """() -> an example batch and a first State, one program compiled in haste: what it takes is not measured."""
    both = jax.jit(lambda example, init: (technique.example(example), technique.init(init)), compiler_options=haste())
    return lambda: both(jax.random.key(1), jax.random.key(0))


def quality(metrics: Mapping[str, Any]) -> float:
    """The loss, or the first metric where none is called so."""
    return float(next((metrics[name] for name in metrics if name.startswith("loss")), next(iter(metrics.values()))))


def singly(technique: Technique, batch: Any, state: Any) -> tuple[Any, dict[str, Any]]:
    """The compiled step, and works that dispatch steps of one seed and of several singly, all from one State."""
    vmapped = jax.vmap(technique.step, in_axes=(0, None))
    once, side_by_side = (jax.jit(f, donate_argnums=0, compiler_options=options()) for f in (technique.step, vmapped))
    repeat = lambda state, n: jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (n, *leaf.shape)), state)
    states = [jax.jit(repeat, static_argnums=1)(state, n) for n in SEEDS]
    lowered = [once.lower(state, batch)]
    lowered += [side_by_side.lower(each, batch) for each in states]
    single, *several = [each.compile() for each in lowered]
    advance = lambda step: lambda state: step(state, batch)
    works = {"single_us": repeated(advance(single), state)}
    works |= {f"seeds{n}_us": repeated(advance(step), each) for n, each, step in zip(SEEDS, states, several)}
    return single, works


def flops(technique: Technique, source: Source, state: Any, key: jax.Array) -> int | None:
    """Operations of a step, of the chunk that has been traced; None where a loop of unknown length has products."""
    arguments = (technique.step, functions_of(source), state, arrays_of(source), None, CHUNK, key, False)
    try:
        return operations.of_jaxpr(loop.compiled_chunk().trace(*arguments).jaxpr.jaxpr) // CHUNK
    except Refused:
        return None


def peak(step: Any) -> float | None:
    """Megabytes of arguments, results and what is between them, of a compiled step; None where XLA does not say."""
    used = step.memory_analysis()
    if used is None:
        return None
    held = used.argument_size_in_bytes + used.output_size_in_bytes - used.alias_size_in_bytes
    return 1e-6 * (held + used.temp_size_in_bytes)


def repeated(advance: Callable[[Any], tuple[Any, Any]], state: Any) -> Callable[[], Any]:
    """() -> metrics, of the State that the call before left; `advance` takes a State and gives the next and metrics."""

    def call():
        nonlocal state
        state, metrics = advance(state)
        return metrics

    return call
