"""From the start of a process to its first trained chunk, with and without compiled programs from an earlier run."""

import statistics
import subprocess
import sys
import tempfile
import time

CODE = """
import sys
from jaxgen import machine
machine.prepare(1, sys.argv[1])
import jax
from jaxgen.core import loop
from jaxgen.data import images
from jaxgen.data.sources import resident
from jaxgen.techniques.autoencoders import vae
data = images.load("glyphs")
technique = vae.make(vae.Config(shape=data.shape))
source = resident(data.train, 128)
state = jax.jit(technique.init)(jax.random.key(0))
step = loop.chunk(technique.step, source.take, state, source.arrays, None, 1, jax.random.key(1))
print(float(step[1]["loss_greyscale"]))
"""


def seconds(cache: str) -> float:
    """Of a whole process that loads the glyphs, trains the MLP VAE for one step of 128 images and prints the loss."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", CODE, cache], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(runs: int = 5) -> dict[str, float]:
    """cold_s, warm_s: medians; the very first process, which reads the packages from disk, is not counted."""
    seconds("")
    cold = [seconds("") for _ in range(runs)]
    with tempfile.TemporaryDirectory() as cache:
        seconds(cache)
        warm = [seconds(cache) for _ in range(runs)]
    return {"cold_s": statistics.median(cold), "warm_s": statistics.median(warm)}
