"""The CNN as an experiment trains it: `python -m benchmarks.contenders.classifier_jax [host devices] [naive]`."""

import sys

import jax
import numpy as np

from benchmarks.contenders import serve
from jaxgen import machine
from jaxgen.core import loop
from jaxgen.data.examples import Examples
from jaxgen.data.sources import resident
from jaxgen.techniques.vision import classifier

BATCH, K = 128, 20
CONFIG = classifier.Config(network="cnn", channels="32,64", hidden="128", batch_norm=True)


def main(host_devices: int = 1, naive: bool = False) -> None:
    """naive: one jitted step per dispatch, nothing donated."""
    machine.prepare(host_devices)
    technique, draw = classifier.make(CONFIG), np.random.default_rng(0)
    pixels = draw.integers(0, 256, (10_000, 784), np.uint8)
    source = resident(Examples(pixels, draw.integers(0, 10, len(pixels), np.int32)), BATCH)
    key, state, arrays = jax.random.key(1), jax.jit(technique.init)(jax.random.key(0)), source.arrays
    placed = machine.shardings()
    if placed:
        state, arrays = loop.place((state, arrays), placed[0])
        source = loop.spread(source, placed[1])
    if naive:
        step, take = jax.jit(technique.step), jax.jit(source.take)

    def work():
        nonlocal state
        if naive:
            for _ in range(K):
                state, _ = step(state, take(arrays, key, state.step))
            jax.block_until_ready(state)
        else:
            state, metrics, _ = loop.chunk(technique.step, source.take, state, arrays, None, K, key)
            jax.block_until_ready(metrics)

    serve(work, K * BATCH)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1, "naive" in sys.argv)
