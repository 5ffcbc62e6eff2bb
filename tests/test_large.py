"""A set that is not held in memory, end to end: the same numbers, and exact resuming."""

import json
import os
import subprocess
import sys

import floors
import numpy as np
import pytest
import worker

from experiments import vae
from jaxgen.run import cli
from jaxgen.run.load import load
from jaxgen.run.provenance import fingerprint

TINY = "--steps=12 --batch_size=32 --hidden=8 --latent=2 --log_every=3 --eval_every=6 --checkpoint_every=3"


@pytest.fixture
def noise(tmp_path):
    """1.3 MB of images."""
    images = np.random.default_rng(0).integers(0, 256, (3000, 12, 12, 3), np.uint8)
    np.savez(tmp_path / "noise.npz", images=images, labels=np.arange(3000) % 5)
    return tmp_path / "noise.npz"


def go(experiment, workdir, noise, *flags):
    assert cli.main(experiment, [f"--dataset={noise}", f"--workdir={workdir}", *TINY.split(), *flags]) == 0
    return workdir


@pytest.mark.slow
def test_streamed_is_resident(noise, tmp_path):
    """The same batches and evaluations, read from the file; parameters agree as far as sums can."""
    found = []
    for name, limit in (("resident", "1000"), ("streamed", "0")):
        flags = ["--importance_samples=20", "--likelihood=static", f"--resident_mb={limit}"]
        written = (go(vae.EXPERIMENT, tmp_path / name, noise, *flags) / "summary.json").read_text()
        found.append({name: metric["value"] for name, metric in json.loads(written)["metrics"].items()})
    assert "test_nll_static" in found[0]
    assert found[1] == pytest.approx(found[0], rel=1e-5)
    assert (tmp_path / "streamed/samples/codes.png").exists()


@pytest.mark.slow
def test_a_streamed_run_resumes_exactly(noise, tmp_path):
    """Stopped in the middle of a chunk."""

    def train(name, *flags):
        return fingerprint(load(go(worker.EXPERIMENT, tmp_path / name, noise, "--resident_mb=0", *flags))[1])

    whole = train("whole")
    assert train("parts", "--steps=5") != whole
    assert train("parts") == whole


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="only Linux reports the peak of memory")
def test_memory_is_bounded_whatever_the_set(tmp_path):
    """2 GiB of images on disk; the process, its compiler included, stays below 1.5 GB."""
    table = np.lib.format.open_memmap(tmp_path / "noise.npy", "w+", np.uint8, (2**31 // 784, 28, 28))
    block = np.random.default_rng(0).integers(0, 256, (2**15, 28, 28), np.uint8)
    for first in range(0, len(table), len(block)):
        table[first : first + len(block)] = np.roll(block, first // len(block), axis=2)[: len(table) - first]
    del table
    code = (
        "import sys; from experiments import vae; from jaxgen.run import cli; code = cli.main(vae.EXPERIMENT);"
        "print([line for line in open('/proc/self/status') if line.startswith('VmHWM')][0]); sys.exit(code)"
    )
    flags = [f"--dataset={tmp_path / 'noise.npy'}", f"--workdir={tmp_path / 'run'}", "--steps=600", "--eval_every=600"]
    env = {k: v for k, v in os.environ.items() if not k.startswith(("XLA_", "JAXGEN_DATA"))}
    done = subprocess.run(
        [sys.executable, "-c", code, *flags], env=env, cwd=floors.root(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    peak = int(done.stdout.split("VmHWM:")[1].split()[0]) / 1e6
    print(f"most resident memory {peak:.2f} GB")
    assert peak < 1.5
