"""A set of 2 GiB on disk, trained on as it lies there and held in memory: images a second, most memory, and whether
both ended alike (28x28 grey and 64x64 in colour; MLP VAE, batch 128; a process for each, in turn).
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

SHAPES = {"28x28": (28, 28, 1), "64x64x3": (64, 64, 3)}


def write_noise(path: Path, shape: tuple[int, int, int], size: int) -> None:
    """An .npy file of about `size` bytes: blurred noise, every image another."""
    count, rng = size // int(np.prod(shape)), np.random.default_rng(0)
    table = np.lib.format.open_memmap(path, "w+", np.uint8, (count, *shape))
    for first in range(0, count, 2**14):
        block = rng.integers(0, 256, (min(2**14, count - first), *shape), np.uint8)
        table[first : first + len(block)] = np.minimum(block, np.roll(block, 1, axis=2))
    table.flush()


def measure(rounds: int = 3, size: int = 2**31) -> list[dict[str, Any]]:
    """A row for each shape and contender; speeds are medians, memory is the largest of the rounds."""
    rows = []
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "images.npy"
        for name, shape in SHAPES.items():
            write_noise(path, shape, size)
            steps = 2000 if shape[2] == 1 else 500
            found: dict[str, list[dict[str, Any]]] = {"resident": [], "streamed": []}
            for _ in range(min(rounds, 3)):
                for how, runs in found.items():
                    command = [sys.executable, "-m", "benchmarks.contenders.vae_streamed", str(path), how, str(steps)]
                    done = subprocess.run(command, check=True, capture_output=True, text=True)
                    runs.append(json.loads(done.stdout))
            for how, runs in found.items():
                speeds = [run["images_per_second"] for run in runs]
                slower = [a["images_per_second"] / b["images_per_second"] for a, b in zip(found["resident"], runs)]
                row = {"images": name, "contender": how, "images_per_second": statistics.median(speeds)}
                row |= {"times_slower": statistics.median(slower), "peak_mib": max(run["peak_mib"] for run in runs)}
                row |= {"load_s": statistics.median(run["load_s"] for run in runs)}
                rows.append({**row, "params_sha256": runs[0]["params_sha256"], "blocks": runs})
    return rows
