"""From the start of a process to its first trained chunk, in seconds.

The process reads the glyphs, trains the MLP VAE for one step of 128 images and prints the loss: cold, with nothing
compiled before; warm, with the compiled programs of an earlier run. Quality: that loss, nats per image.

On two cores of an AMD EPYC without AVX-512 (2026-12-01) 7.9 s and 4.4 s, of which imports take 1.5 s, drawing the
glyphs from fonts 1.6 s and, cold, the first parameters 2.0 s, traced and compiled.

python -m benchmarks.loops.start [COMPILATION CACHE] is that process.
"""

import statistics
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import jax

from benchmarks import trainers
from benchmarks.racing import timed
from experiments.vae import EXPERIMENT
from jaxgen.core import loop
from jaxgen.run import machine

WRITING = """From the start of a process to 400 characters of a trained LSTM, in seconds; compiled in an earlier run.

`python -m experiments.text --sample_only`, the whole process. Quality: the characters printed, prompt included.
"""
MODEL = ("--steps=1", "--width=128", "--context=60")  # what writes: its training does not matter


def row(contender: str, command: Sequence[str], rounds: int, quality: Any) -> dict[str, Any]:
    """The median of `rounds` processes after one that is not counted; quality is a function of what was printed."""
    runs = [timed(command) for _ in range(rounds + 1)][1:]
    blocks = [seconds for seconds, _ in runs]
    return {
        "contender": contender,
        "seconds": statistics.median(blocks),
        "quality": quality(runs[-1][1]),
        "blocks": blocks,
    }


def measure(rounds: int = 7) -> list[dict[str, Any]]:
    """The rows cold and warm."""
    process = "benchmarks.loops.start"
    with tempfile.TemporaryDirectory() as cache:
        return [row("cold", [process], rounds, float), row("warm", [process, cache], rounds, float)]


def measure_writing(rounds: int = 7) -> list[dict[str, Any]]:
    """The row of `--sample_only`."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["experiments.text", f"--workdir={folder}/run", f"--compilation_cache={folder}/xla"]
        timed([*command, *MODEL])
        write = [*command, "--sample_only", "--prompt=The ", "--length=400"]
        return [row("--sample_only", write, rounds, lambda text: float(len(text.strip())))]


def main(cache: str = "") -> None:
    """Trains one step and prints the loss."""
    machine.prepare(1, cache)
    event = next(loop.train([trainers.stage(EXPERIMENT, {})], jax.random.key(0), 1))
    print(event.train["loss_greyscale"])


if __name__ == "__main__":
    main(*sys.argv[1:])
