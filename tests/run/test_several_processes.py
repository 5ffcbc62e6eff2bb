"""Runs in several processes, with gloo between them: the same as one, resumed on any number, ended by any of them."""

import itertools
import json
import os
import shutil
import signal
import socket
import time

import floors
import pytest
import together

from jaxgen.run import record
from jaxgen.run.load import load
from jaxgen.run.provenance import fingerprint

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]  # each starts up to ten processes
NAMES = ",".join(together.RUNS)
KEPT = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}


def start(directory, processes=1, devices=1, steps=60, names=NAMES):
    """Compiled as users' runs are: quickly compiled programs round so that a game's first updates differ by more."""
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("XLA_", "JAX_"))}
    env |= {"JAX_PLATFORMS": "cpu", "PYTHONPATH": f"{floors.root()}{os.pathsep}{floors.root() / 'tests'}"}
    env |= {"JAX_COMPILATION_CACHE_DIR": str(directory.parent / "programs"), **KEPT}
    return together.start(directory, processes, devices, port, steps, names, env)


def finish(directory, *args, **kwargs):
    codes = together.finish(start(directory, *args, **kwargs))
    assert not any(codes), "\n".join(log.read_text()[-2000:] for log in directory.glob("*.log"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Directories of the runs in one process, one of two devices, two processes."""
    root = tmp_path_factory.mktemp("runs")
    for name, processes, devices in (("one", 1, 1), ("devices", 1, 2), ("processes", 2, 1)):
        finish(root / name, processes, devices)
    return root


def rows(directory, name="vae"):
    return [row | {"timing": {}} for row in record.read_rows(directory / name / "metrics.jsonl")]


def summary(directory, name="vae"):
    return json.loads((directory / name / "summary.json").read_text())


def measured(directory, name="vae"):
    return {name: metric["value"] for name, metric in summary(directory, name)["metrics"].items()}


def alike(one, other):
    for ours, theirs in zip(one, other, strict=True):
        for group in ("train", "valid"):
            assert ours[group] == pytest.approx(theirs[group], rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", together.RUNS)
def test_two_processes_compute_what_two_devices_do(name, runs):
    devices, processes = (summary(runs / each, name) for each in ("devices", "processes"))
    assert devices["params_sha256"] == processes["params_sha256"]
    assert rows(runs / "devices", name) == rows(runs / "processes", name)
    assert measured(runs / "devices", name) == measured(runs / "processes", name)
    alike(rows(runs / "one", name), rows(runs / "processes", name))
    assert measured(runs / "one", name) == pytest.approx(measured(runs / "processes", name), rel=1e-4)


def each_reads_its_rows(directory, count, one):
    own = [json.loads((directory / f"vae-{process}.json").read_text()) for process in range(count)]
    whole = json.loads((one / "vae-0.json").read_text())
    assert len(whole) > 3
    assert [[list(itertools.chain(*parts)) for parts in zip(*chunks)] for chunks in zip(*own)] == whole
    assert all(len(batch) == 8 // count for chunk in own[0] for batch in chunk)


def test_each_process_reads_only_its_rows(runs):
    each_reads_its_rows(runs / "processes", 2, runs / "one")


def test_a_run_goes_on_with_another_number_of_processes(runs):
    _, state = load(runs / "processes" / "vae")
    assert fingerprint(state.params) == summary(runs / "processes")["params_sha256"]
    for count in (1, 2, 4):
        place = runs / f"on_{count}"
        shutil.copytree(runs / "processes", place)
        finish(place, count, steps=80, names="vae")
        assert ("was written on 2 devices" in (place / "0.log").read_text()) == (count != 2)
        assert rows(place)[:-1] == rows(runs / "processes")
        alike(rows(place), rows(runs / "on_1"))
        each_reads_its_rows(place, count, runs / "on_1")


def wait_for_rows(directory, started, count):
    deadline, log = time.monotonic() + 150, directory / "vae" / "metrics.jsonl"
    while time.monotonic() < deadline and all(process.poll() is None for process in started):
        if log.exists() and len(log.read_bytes().splitlines()) >= count:
            return
        time.sleep(0.05)


def test_a_process_that_ends_ends_the_others_and_the_run_goes_on(tmp_path):
    directory = tmp_path / "run"
    for sent, to, codes, says in (
        (signal.SIGTERM, 1, [143, 143], "stopped at step"),
        (signal.SIGKILL, 1, [2, -9], "process 1 of 2 is lost"),
        (signal.SIGKILL, 0, [-9, 2], "process 0 of 2 is lost"),
    ):
        before = len(rows(directory)) if (directory / "vae").exists() else 0
        started = start(directory, 2, steps=10**6, names="vae")
        wait_for_rows(directory, started, before + 3)
        started[to].send_signal(sent)
        assert together.finish(started, 60) == codes
        logs = [(directory / f"{process}.log").read_text() for process in range(2)]
        assert says in logs[to if sent == signal.SIGTERM and to == 0 else 0 if to else 1]
        assert ("going on at step" in logs[0]) == bool(before)
