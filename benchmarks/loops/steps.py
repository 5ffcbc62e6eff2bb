"""A step of the tiny test case of a technique: compiled, called singly, in a chunk, and for eight vmapped seeds.

compile_s: seconds until the first chunk is done; the others: microseconds a step (a step of all eight seeds). Quality:
the step's loss, or its first metric, averaged over that first chunk of 20 updates on one batch.
"""

import importlib
import time
from collections.abc import Mapping

import jax

from benchmarks.racing import quietest
from jaxgen.core import loop
from jaxgen.core.types import Refused, Source, Technique

CHUNK, SEEDS = 20, 8  # steps a dispatch, seeds side by side
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


def measure(technique: Technique) -> dict[str, float]:
    """The numbers of one row, see the module; times are those of the fastest calls."""
    key, batch = jax.random.key(0), technique.example(jax.random.key(1))
    source, init = Source(batch, lambda arrays, key, n: arrays), jax.jit(technique.init)
    state, start = init(key), time.perf_counter()
    state, metrics, _ = jax.block_until_ready(loop.chunk(technique.step, source, state, CHUNK, key))
    compiled = time.perf_counter() - start
    quality = next((metrics[name] for name in metrics if name.startswith("loss")), next(iter(metrics.values())))
    states = jax.jit(jax.vmap(technique.init))(jax.random.split(key, SEEDS))
    step = jax.jit(technique.step, donate_argnums=0)
    side_by_side = jax.jit(jax.vmap(technique.step, in_axes=(0, None)), donate_argnums=0)
    works = {
        "single_us": _repeated(lambda state: step(state, batch), init(key)),
        "chunk_us": _repeated(lambda state: loop.chunk(technique.step, source, state, CHUNK, key)[:2], state),
        f"seeds{SEEDS}_us": _repeated(lambda states: side_by_side(states, batch), states),
    }
    times = {name: 1e6 * seconds for name, seconds in quietest(works, ROUNDS, BLOCK).items()}
    return {"compile_s": compiled, **times, "chunk_us": times["chunk_us"] / CHUNK, "quality": float(quality)}


def _repeated(advance, state):
    """() -> metrics, of the State that the call before left."""

    def call():
        nonlocal state
        state, metrics = advance(state)
        return metrics

    return call
