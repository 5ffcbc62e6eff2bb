"""Trains the MLP VAE on an .npy file of images and prints what it cost, as JSON.

python -m benchmarks.contenders.vae_streamed FILE resident|streamed STEPS
"""

import json
import sys
import time
from pathlib import Path

import jax

from jaxgen.core import loop
from jaxgen.core.types import Stage
from jaxgen.data.images import sets
from jaxgen.data.sources import source, holdout
from jaxgen.run.provenance import fingerprint
from jaxgen.techniques.autoencoders import vae

BATCH, K = 128, 100


def peak_mb() -> float:
    """The most resident memory the process has had, MiB: VmHWM, mapped files included; only Linux tells."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main(path: str, how: str, steps: int) -> None:
    """Evaluates once, at the end; the speed is that of the chunks after the first two."""
    limit = 2**30 if how == "streamed" else 2**40
    start = time.perf_counter()
    dataset = sets.load(path, resident=limit)
    loaded = time.perf_counter() - start
    technique = vae.make(vae.Config(shape=dataset.shape))
    stage = Stage(technique, source(dataset.train, BATCH, limit), steps, holdout(dataset.valid, BATCH, limit))
    moments, last = [], None
    for event in loop.train([stage], jax.random.key(0), K):
        moments.append(time.perf_counter())
        last = event
    assert last is not None
    seconds = moments[-2] - moments[1]  # without the evaluation after the last chunk
    row = {
        "images_per_second": BATCH * K * (len(moments) - 3) / seconds,
        "peak_mib": peak_mb(),
        "load_s": loaded,
        "valid_negative_elbo": last.valid["negative_elbo_greyscale"],
        "params_sha256": fingerprint(last.state.params)[:12],
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
