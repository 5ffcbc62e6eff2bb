"""Many runs in one process take no more memory than a few."""

import os
import subprocess
import sys

import floors
import pytest

TOUR = """
import ctypes, sys
import worker
from experiments import tour

def forgotten():
    forget()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    print("MiB", int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20)

forget, tour.forget_programs = tour.forget_programs, forgotten
stop = tour.trained("A run", worker.EXPERIMENT, " ".join(worker.TINY))
tour.CHAPTERS = {f"run{number}": stop for number in range(6)}
tour.tour([f"--workdir={sys.argv[1]}"])
"""


@pytest.mark.slow  # a process with six runs
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and trims as glibc does")
def test_a_tour_of_many_chapters_forgets_their_programs(tmp_path):
    """Without that a run of even a tiny network leaves 20 to 27 MiB."""
    env = {**os.environ, "PYTHONPATH": ".:tests"}
    command = [sys.executable, "-c", TOUR, str(tmp_path)]
    done = subprocess.run(command, cwd=floors.root(), env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    held = [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("MiB ")]
    assert len(held) == 6
    assert held[-1] - held[1] < 20, held
