"""A study divided among processes has the rows of one that was not, also where one of them was killed."""

import json
import os
import socket
import subprocess
import sys
import time

import floors
import pytest

from jaxgen.run.control import ALONE
from jaxgen.study import division, execution, store
from jaxgen.study.protocol import Entrant

FLAGS = "--tasks=rosenbrock --learning_rates=1e-3:1e-1:4 --tuning_seeds=3 --seeds=4 --steps=200 --mode=vmap"
TRIALS = 6 * (4 * 3 + 4)


def start(workdir, processes):
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(floors.root())}
    command = [sys.executable, "-m", "experiments.optimizer_study", *FLAGS.split(), f"--workdir={workdir}"]
    together = [f"--coordinator=localhost:{port}", f"--processes={processes}"]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, "cwd": floors.root(), "env": env}
    return [subprocess.Popen([*command, *together, f"--process={n}"], **pipes) for n in range(processes)]


def finish(started):
    said = [process.communicate(timeout=300)[1] for process in started]
    return [process.returncode for process in started], said


def rows(workdir):
    return sorted(json.dumps({**row, "seconds": 0}, sort_keys=True) for row in store.read_rows(workdir))


@pytest.mark.slow  # five processes
def test_a_divided_study_has_the_rows_of_a_whole_one(tmp_path):
    whole, divided = tmp_path / "whole", tmp_path / "divided"
    assert finish(start(whole, 1))[0] == [0]
    started, own = start(divided, 2), divided / "trials.process1.jsonl"
    deadline = time.monotonic() + 150
    while not own.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    started[1].kill()
    codes, said = finish(started)
    assert codes == [2, -9]
    assert "process 1 of 2 is lost" in said[0]
    assert len(own.read_bytes().splitlines()) < TRIALS / 2
    assert finish(start(divided, 2))[0] == [0, 0]
    assert rows(divided) == rows(whole)
    assert len(rows(whole)) == TRIALS
    assert not list(divided.glob("trials.process*"))
    summaries = [json.loads((each / "summary.json").read_text()) for each in (whole, divided)]
    assert summaries[0]["runs"] == summaries[1]["runs"] == TRIALS


def test_optimizers_are_dealt_out_once():
    entrants = [Entrant(name, (0.1,)) for name in "abcde"]
    parts = [division.Part("task", "plain", entrants[:3]), division.Part("task", "varied", entrants[3:])]
    dealt = [list(division.shares(parts, ALONE._replace(process=n, processes=3))) for n in range(3)]
    assert [[(p.problem, e.label) for p in mine for e in p.entrants] for mine in dealt] == [
        [("plain", "a"), ("varied", "d")],
        [("plain", "b"), ("varied", "e")],
        [("plain", "c")],
    ]


def test_what_processes_wrote_is_merged_once(tmp_path):
    row = {"task": "t", "optimizer": "sgd", "learning_rate": 0.1, "phase": "tuning", "seed": 0}
    execution.record(tmp_path, "t", {"mode": "map", "budget": 1})
    for process, seeds in ((0, [0]), (1, [1, 2]), (2, [2, 3])):
        store.append_rows(tmp_path, [{**row, "seed": seed} for seed in seeds], process)
        execution.add_seconds(tmp_path, "t", 1.5, process)
    with (tmp_path / "trials.process1.jsonl").open("a") as torn:
        torn.write('{"task": "t", "optim')
    assert [each["seed"] for each in store.read_rows(tmp_path, 2)] == [0, 2, 3]
    for _ in range(2):
        division.merge(tmp_path)
        assert sorted(each["seed"] for each in store.read_rows(tmp_path)) == [0, 1, 2, 3]
        assert execution.read_execution(tmp_path)["t"]["seconds"] == 4.5
    assert not list(tmp_path.glob("*process*"))
