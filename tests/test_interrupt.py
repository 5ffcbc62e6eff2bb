"""Killed at any moment, a run that is started again ends at the same bytes as one that was left alone.

These start processes as users do, without the compiler flags that make the other tests fast.
"""

import json
import os
import random
import signal
import time

import jax
import numpy as np
import pytest
from processes import ROWS, STEPS, finish, rows_of, start, wait_for_rows

from jaxgen.core import loop
from jaxgen.core.progress import Policy
from jaxgen.core.types import Source, Stage
from jaxgen.run import checkpoint, record
from jaxgen.run.workdir import read_config
from jaxgen.techniques.autoencoders import vae

pytestmark = pytest.mark.slow  # starts some thirty processes


def log_without_timing(workdir):
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [json.dumps({k: v for k, v in row.items() if k != "timing"}) for row in rows]


def final_arrays(workdir):
    """Parameters, optimiser state and progress of the last checkpoint."""
    config = read_config(workdir)["stages"][0]["config"]
    technique = vae.make(vae.Config(**{**config, "shape": tuple(config["shape"])}))
    stage = Stage(technique, Source((), lambda arrays, key, n: ()), 0)
    saved = checkpoint.restore(workdir / "checkpoints", lambda n: loop.shapes([stage], 0, Policy(plateau=1)))
    state, progress = saved.tree
    return saved.step, jax.tree.leaves((state._replace(key=jax.random.key_data(state.key)), progress))


def assert_same_end(one, two):
    assert log_without_timing(one) == log_without_timing(two)
    (step, ours), (other_step, theirs) = final_arrays(one), final_arrays(two)
    assert step == other_step == STEPS
    for a, b in zip(ours, theirs, strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, cache):
    """A run that was left alone."""
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    finish(workdir, cache)
    assert rows_of(workdir) == ROWS
    rates = {row["train"]["rate"] for row in record.read_rows(workdir / "metrics.jsonl")}
    assert len(rates) > 1, "the plateau never cut the rate: its resumption would not be tested"
    return workdir


def killed_and_resumed(workdir, cache, kills, seed):
    """Kills one run `kills` times at random moments and lets it end; returns the rows written at each kill."""
    chance, seen = random.Random(seed), []
    for number in range(kills):
        process = start(workdir, cache)
        if chance.random() < 0.2:
            time.sleep(chance.uniform(0, 3))  # anywhere: imports, compilation, the first steps
        else:
            wait_for_rows(process, workdir, 1 + (ROWS - 8) * (number + chance.random()) / kills)
            time.sleep(chance.uniform(0, 0.06))  # within a chunk, an evaluation or a checkpoint
        process.kill()
        process.communicate()
        seen.append(rows_of(workdir))
    finish(workdir, cache)
    return seen


def test_sigkill_at_random_moments(whole, cache, tmp_path):
    seen = killed_and_resumed(tmp_path / "run", cache, int(os.environ.get("JAXGEN_KILLS", "4")), seed=0)
    assert len({rows for rows in seen if 0 < rows < ROWS}) >= 2, "too few kills hit training"
    assert_same_end(whole, tmp_path / "run")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_checkpoint_and_leave(whole, cache, tmp_path, number):
    process = start(tmp_path / "run", cache)
    wait_for_rows(process, tmp_path / "run", 13)
    process.send_signal(number)
    _, err = process.communicate(timeout=150)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert "the same command goes on from" in err
    newest = checkpoint.candidates(tmp_path / "run" / "checkpoints")[0]
    step = int(newest.name.split("-")[1])
    assert step == 5 * rows_of(tmp_path / "run") < STEPS, "the signal's checkpoint is not the last step"
    assert "going on at step" in finish(tmp_path / "run", cache)
    assert_same_end(whole, tmp_path / "run")


def test_a_damaged_checkpoint_is_named_and_passed_over(whole, cache, tmp_path):
    process = start(tmp_path / "run", cache)
    wait_for_rows(process, tmp_path / "run", 20)
    process.kill()
    process.communicate()
    newest = checkpoint.candidates(tmp_path / "run" / "checkpoints")[0]
    victim = max((p for p in newest.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    err = finish(tmp_path / "run", cache)
    assert f"warning: checkpoint {newest} is not used" in err
    assert_same_end(whole, tmp_path / "run")


def test_two_processes_do_not_share_a_workdir(cache, tmp_path):
    first = start(tmp_path / "run", cache)
    wait_for_rows(first, tmp_path / "run", 2)
    second = start(tmp_path / "run", cache)
    _, err = second.communicate(timeout=150)
    first.kill()
    first.communicate()
    assert second.returncode == 2
    assert "another process is training" in err
