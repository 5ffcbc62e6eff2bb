"""Runs of several experiments in one of several processes: what tests/run/test_several_processes.py starts.

python tests/together.py FLAGS STEPS DIRECTORY NAME,...    FLAGS as JSON: coordinator, processes, process, host_devices
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import floors
import numpy as np

from experiments import classify, gan, text, vae
from jaxgen.data import rows
from jaxgen.run import cli, machine
from jaxgen.run.conduct import together
from jaxgen.run.distributed import Processes, joined, silent
from jaxgen.run.experiment import nothing
from jaxgen.run.parsing import parse

SAME = "--log_every=20 --eval_every=20 --checkpoint_every=60 --batch_size=8"
RUNS = {
    "vae": (vae, "--dataset=digits --likelihood=stochastic --hidden=8 --latent=2 --resident_mb=0"),
    "classifier": (classify, "--dataset=digits --network=cnn --channels=4 --hidden=8 --dropout=0.3"),
    "lstm": (text, "--width=8 --context=16 --length=20"),
    "gan": (gan, "--dataset=digits --width=2 --halvings=1 --latent=2 --dense=4 --judge=none"),
}


def counting(read, seen):
    """`rows.read`, which notes the numbers [batches, rows] of what is read for batches."""

    def counted(column, chosen):
        if isinstance(chosen, np.ndarray) and chosen.ndim == 2:
            seen.append(chosen.tolist())
        return read(column, chosen)

    return counted


def run(group, name, steps, directory):
    """One experiment, to a file NAME-PROCESS.json with the rows that were read."""
    module, flags = RUNS[name]
    argv = f"{flags} {SAME} --steps={steps} --workdir={directory / name}".split()
    seen, before = [], rows.read
    rows.read = counting(before, seen)
    try:
        with silent(group):
            # Without pictures: they are drawn by process 0 alone, and take longer than all else.
            plain = module.EXPERIMENT._replace(show=nothing, watch=None)
            together(plain, parse(plain, argv), group)
    finally:
        rows.read = before
    (directory / f"{name}-{group.process}.json").write_text(json.dumps(seen))


def work(flags, steps, directory, names):
    machine.prepare(flags.pop("host_devices"))
    with joined(Processes(**flags)) as group:
        for name in names.split(","):
            run(group, name, int(steps), Path(directory))


def start(directory, processes, devices, port, steps, names, variables):
    """The processes, with files for their output beside them."""
    directory.mkdir(exist_ok=True)
    started = []
    for process in range(processes):
        flags = {"coordinator": f"localhost:{port}", "processes": processes, "process": process}
        command = [sys.executable, __file__, json.dumps({**flags, "host_devices": devices}), str(steps)]
        with (directory / f"{process}.log").open("w") as log:
            both = {"stdout": log, "stderr": subprocess.STDOUT, "env": variables, "cwd": floors.root()}
            started.append(subprocess.Popen([*command, str(directory), names], **both))
    return started


def finish(started, seconds=300):
    """Exit codes, all within so many seconds: what is left then is killed."""
    deadline = time.monotonic() + seconds
    try:
        return [process.wait(max(0.1, deadline - time.monotonic())) for process in started]
    finally:
        for process in started:
            process.kill()


if __name__ == "__main__":
    sys.exit(cli.guarded("together", lambda: work(json.loads(sys.argv[1]), *sys.argv[2:])))
