"""The CNN as an experiment trains it: `python -m benchmarks.contenders.classifier_jax [host devices] [naive]`."""

import sys

import numpy as np

from benchmarks.contenders.steps_jax import serve_steps
from jaxgen.data.examples import Examples
from jaxgen.run import machine
from jaxgen.techniques.vision import classifier

LENGTH = 20  # steps of a chunk
CONFIG = classifier.Config(network="cnn", channels="32,64", hidden="128", batch_norm=True)


def main(host_devices: int = 1, naive: bool = False) -> None:
    """Steps on 10,000 images of noise; `naive` as in `serve_steps`."""
    machine.prepare(host_devices)
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (10_000, 784), np.uint8)
    examples = Examples(pixels, draw.integers(0, 10, len(pixels), np.int32))
    serve_steps(classifier.make(CONFIG), examples, LENGTH, naive)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1, "naive" in sys.argv)
