"""The run of `worker` as a process of its own, as users start it: without the compiler flags of the other tests."""

import os
import subprocess
import sys
import time

import floors

STEPS = 300
FLAGS = [
    *[
        "--dataset=digits",
        "--likelihood=stochastic",
        "--hidden=32",
        "--latent=2",
        f"--steps={STEPS}",
        "--batch_size=64",
        "--plateau=1",
        "--learning_rate=0.03",
    ],
    *["--log_every=5", "--eval_every=10", "--checkpoint_every=10"],
]
ROWS = 60


def start(workdir, cache, *more, code="", variables=None, at=None):
    env = {name: value for name, value in os.environ.items() if not name.startswith(("XLA_", "JAX_"))}
    env |= {"JAX_PLATFORMS": "cpu", "PYTHONPATH": f".{os.pathsep}tests", **(variables or {})}
    script = ["-c", code] if code else ["tests/worker.py"]
    command = [sys.executable, *script, *FLAGS, f"--workdir={workdir}", f"--compilation_cache={cache}", *more]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **(at or {})}
    return subprocess.Popen(command, env=env, cwd=floors.root(), text=True, **pipes)


def finish(*args):
    process = start(*args)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return err


def rows_of(workdir):
    log = workdir / "metrics.jsonl"
    return len(log.read_bytes().splitlines()) if log.exists() else 0


def wait_for_rows(process, workdir, count):
    deadline = time.monotonic() + 150
    while rows_of(workdir) < count and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
