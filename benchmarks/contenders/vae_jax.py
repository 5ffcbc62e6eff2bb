"""The VAE as an experiment trains it: `python -m benchmarks.contenders.vae_jax mlp|conv [host devices] [naive]`."""

import sys
from typing import Any

import numpy as np

from benchmarks.contenders.steps_jax import serve_steps
from jaxgen.data.examples import Examples
from jaxgen.run import machine
from jaxgen.techniques.autoencoders import vae

LENGTH = {"mlp": 50, "conv": 4}  # steps of a chunk


def main(network: Any, host_devices: int = 1, naive: bool = False) -> None:
    """Steps on 10,000 images of noise; `naive` as in `serve_steps`."""
    machine.prepare(host_devices)
    pixels = np.random.default_rng(0).integers(0, 256, (10_000, 784), np.uint8)
    technique = vae.make(vae.Config(network=network, latent=2))
    serve_steps(technique, Examples(pixels, np.zeros(len(pixels), np.int32)), LENGTH[network], naive)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1, "naive" in sys.argv)
