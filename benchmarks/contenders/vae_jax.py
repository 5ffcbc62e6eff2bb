"""The VAE as an experiment trains it: `python -m benchmarks.contenders.vae_jax mlp|conv [host devices] [naive]`."""

import sys
from typing import Any

import jax
import numpy as np

from benchmarks.contenders import serve
from jaxgen import machine
from jaxgen.core import loop
from jaxgen.data.examples import Examples
from jaxgen.data.sources import resident
from jaxgen.techniques.autoencoders import vae

BATCH, K = 128, {"mlp": 50, "conv": 4}


def main(network: Any, host_devices: int = 1, naive: bool = False) -> None:
    """naive: one jitted step per dispatch, nothing donated."""
    machine.prepare(host_devices)
    technique = vae.make(vae.Config(network=network, latent=2))
    pixels = np.random.default_rng(0).integers(0, 256, (10_000, 784), np.uint8)
    source = resident(Examples(pixels, np.zeros(len(pixels), np.int32)), BATCH)
    key, state = jax.random.key(1), jax.jit(technique.init)(jax.random.key(0))
    arrays, length = source.arrays, K[network]
    placed = machine.shardings()
    if placed:
        state, arrays = loop.place((state, arrays), placed[0])
        source = loop.spread(source, placed[1])
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


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1, "naive" in sys.argv)
