"""The step of the first tiny test case of a technique's file on several devices, which split its batch, in a chunk.

one_us, all_us: microseconds a step on one of them and on all. Sizes are tiny: what is measured is what splitting costs,
and races have contenders of real sizes on several devices. Batches that the devices do not divide are left out.
Quality: the loss, or the first metric, on all devices, averaged over the first chunk of 20 updates.

python -m benchmarks.loops.devices DEVICES is the process, and prints rows as JSON; 1: the devices that there are.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

import jax

from benchmarks.loops.steps import BLOCK, CHUNK, beginning, quality, repeated
from benchmarks.racing import quietest, timed
from jaxgen import techniques
from jaxgen.core import loop
from jaxgen.core.sharding import place, place_state, spread_stage
from jaxgen.core.types import Source, Stage, Technique
from jaxgen.run import machine


def measure(rounds: int = 7, devices: int = 2) -> list[dict[str, Any]]:
    """The rows, of a process of its own."""
    del rounds
    _, printed = timed(["benchmarks.loops.devices", str(devices)])
    return json.loads(printed.splitlines()[-1])


def row(technique: Technique) -> dict[str, Any] | None:
    """The numbers of one technique; None where the batch cannot be split."""
    key, begin = jax.random.key(0), beginning(technique)
    batch, _ = begin()
    shared = {name: batch[name] for name in technique.shared}
    own = {name: batch[name] for name in batch.keys() - shared.keys()} if shared else batch
    (size,) = {len(leaf) for leaf in jax.tree.leaves(own)}
    if size % jax.device_count():
        return None
    stage = Stage(technique, Source(own, lambda arrays, key, n: arrays, shared=shared), CHUNK)
    works, reached = {}, 0.0
    for name, layout in (("one_us", None), ("all_us", machine.layout())):
        each = spread_stage(stage, layout) if layout else stage
        arrays, common = place((own, shared), layout)
        source, step = each.source._replace(arrays=arrays, shared=common), each.technique.step
        state = place_state(technique, begin()[1], layout)
        state, metrics, _ = loop.chunk(step, source, state, CHUNK, key)
        reached = quality(metrics)
        chunk = lambda state, step=step, source=source: loop.chunk(step, source, state, CHUNK, key)[:2]
        works[name] = repeated(chunk, state)
    seconds = quietest(works, 3, BLOCK)
    times = {name: 1e6 * value / CHUNK for name, value in seconds.items()}
    return {**times, "against_one": times["one_us"] / times["all_us"], "quality": reached}


def every(cases: Mapping[str, Technique]) -> list[dict[str, Any]]:
    """A row for each case that can be split."""
    rows = ((name, row(technique)) for name, technique in cases.items())
    return [{"technique": name, "devices": str(jax.device_count()), **of} for name, of in rows if of]


if __name__ == "__main__":
    machine.prepare(int(sys.argv[1]))
    cases = techniques.small_cases()
    print(json.dumps(every({name: cases[name] for name in techniques.first_cases()})))
