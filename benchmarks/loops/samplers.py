"""Samples of the tiny test case of a technique: seconds to the first one, compilation included, and samples a second of
1, 16 and 256 keys in one compiled call. Quality: the mean over the values of 256 samples.
"""

import functools
import time
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from benchmarks.racing import quietest
from jaxgen import techniques
from jaxgen.core.types import Technique
from jaxgen.run.machine import forget_programs
from jaxgen.study.side_by_side import haste

KEYS = (1, 16, 256)
BLOCK = 0.05  # seconds


def measure(rounds: int = 7, cases: Mapping[str, Technique] | None = None) -> list[dict[str, Any]]:
    """A row for each technique that samples, of `cases` or of all that are installed."""
    every = techniques.small_cases() if cases is None else cases
    return [{"technique": name, **row(each, rounds)} for name, each in every.items() if "sample" in each.infer]


def row(technique: Technique, rounds: int) -> dict[str, float]:
    """The numbers of one technique that has not learnt anything."""
    state = jax.jit(technique.init, compiler_options=haste())(jax.random.key(0))
    given = jax.jit(technique.inputs, compiler_options=haste())(jax.random.key(1))["sample"]
    draw = jax.jit(jax.vmap(technique.infer["sample"], (None, 0, None)))
    keys = {count: jax.random.split(jax.random.key(3), count) for count in KEYS}
    start = time.perf_counter()
    jax.block_until_ready(draw(state, keys[1], given))
    first = time.perf_counter() - start
    works = {count: functools.partial(draw, state, each, given) for count, each in keys.items()}
    seconds = {count: quietest({"": work}, rounds, BLOCK)[""] for count, work in works.items()}
    drawn = [np.asarray(leaf, np.float64).mean() for leaf in jax.tree.leaves(works[KEYS[-1]]())]
    speeds = {f"keys{count}_per_second": count / seconds[count] for count in KEYS}
    forget_programs()  # as after steps
    return {"first_s": first, **speeds, "quality": float(np.mean(drawn))}
