"""A set of 2 GiB on disk, trained on as it lies there and held in memory: images a second, most memory, and whether
both ended alike (28x28 grey and 64x64 in colour; MLP VAE, batch 128; a process for each, in turn).

Quality: the loss on the validation split after training, nats per image. The speed is that of the chunks after the
first two.

python -m benchmarks.loops.streaming FILE resident|streamed STEPS is a process: it prints its numbers as JSON.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks import trainers
from benchmarks.racing import timed
from experiments.vae import EXPERIMENT
from jaxgen.core import loop
from jaxgen.run.provenance import fingerprint

SHAPES = {"28x28": (28, 28, 1), "64x64x3": (64, 64, 3)}
RESIDENT_MB = {"resident": 2**20, "streamed": 2**10}
BATCH, EVERY = 128, 100  # images an update, updates a chunk


def write_noise(path: Path, shape: tuple[int, int, int], size: int) -> None:
    """An .npy file of about `size` bytes: blurred noise, every image another."""
    count, rng = size // int(np.prod(shape)), np.random.default_rng(0)
    table = np.lib.format.open_memmap(path, "w+", np.uint8, (count, *shape))
    for first in range(0, count, 2**14):
        block = rng.integers(0, 256, (min(2**14, count - first), *shape), np.uint8)
        table[first : first + len(block)] = np.minimum(block, np.roll(block, 1, axis=2))
    table.flush()


def measure(rounds: int = 3, size: int = 2**31) -> list[dict[str, Any]]:
    """A row for each shape and contender; speeds are medians, memory is the largest of at most three rounds."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        for name, shape in SHAPES.items():
            write_noise(path, shape, size)
            steps = 800 if shape[2] == 1 else 400
            runs: dict[str, list[dict[str, Any]]] = {how: [] for how in RESIDENT_MB}
            for how in list(runs) * min(rounds, 3):
                _, printed = timed(["benchmarks.loops.streaming", str(path), how, str(steps)])
                runs[how].append(json.loads(printed))
            for how, each in runs.items():
                rows.append({"images": name, "contender": how, **summary(each, runs["resident"])})
    return rows


def summary(runs: list[dict[str, Any]], resident: list[dict[str, Any]]) -> dict[str, Any]:
    """One contender's numbers over all rounds."""
    slower = [a["images_per_second"] / b["images_per_second"] for a, b in zip(resident, runs)]
    return {
        "images_per_second": statistics.median(run["images_per_second"] for run in runs),
        "quality": runs[0]["quality"],
        "times_slower": statistics.median(slower),
        "peak_mib": max(run["peak_mib"] for run in runs),
        "load_s": statistics.median(run["load_s"] for run in runs),
        "params_sha256": runs[0]["params_sha256"],
        "blocks": runs,
    }


def peak_mib() -> float:
    """The most resident memory the process has had, MiB: VmHWM, mapped files included; only Linux tells."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main(path: str, how: str, steps: str) -> None:
    """Trains, evaluates once, at the end, and prints."""
    start = time.perf_counter()
    flags = {"dataset": path, "resident_mb": RESIDENT_MB[how], "batch_size": BATCH, "steps": steps}
    stage = trainers.stage(EXPERIMENT, flags)
    loaded, moments, last = time.perf_counter() - start, [], None
    for event in loop.train([stage], jax.random.key(0), EVERY):
        moments.append(time.perf_counter())
        last = event
    assert last is not None
    seconds = moments[-2] - moments[1]  # without the evaluation after the last chunk
    row = {
        "images_per_second": BATCH * EVERY * (len(moments) - 3) / seconds,
        "peak_mib": peak_mib(),
        "load_s": loaded,
        "quality": last.valid["negative_elbo_greyscale"].value,
        "params_sha256": fingerprint(last.state.params)[:12],
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main(*sys.argv[1:])
