"""Runs of several stages, over several devices, killed and damaged: in-process, with toy techniques."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import floors
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toys

from jaxgen.core.progress import Policy
from jaxgen.core.types import Refused, Source, Stage
from jaxgen.run import checkpoint, machine, record, train
from jaxgen.run.flags import RunFlags
from jaxgen.run.workdir import open_workdir

FLAGS = RunFlags(log_every=2, eval_every=2, checkpoint_every=2, policy=Policy(plateau=1))
IDENTITY = {"layout": 2, "flags": {"patience": 0}, "stages": [], "data": "", "free": {}}


class Enough(Exception):
    """Leaves a run as SIGKILL does: without a word."""


def stages(steps=(7, 8)):
    return toys.two_stages(steps, rate=0.8)


def history(place):
    rows = record.read_rows(place / "metrics.jsonl")
    return [{k: v for k, v in row.items() if k != "timing"} for row in rows]


def go(place, flags=FLAGS, plan=None, leave_after=10**9):
    """The Outcome; left after so many evaluations."""
    seen = []

    def snapshot(stage, step, state):
        seen.append(step)
        if len(seen) > leave_after:
            raise Enough

    with open_workdir(place, IDENTITY) as opened:
        return train.train_run(opened, flags, plan or stages(), snapshot)


@pytest.mark.parametrize("patience", [2, pytest.param(0, marks=pytest.mark.ci)])
def test_two_stages_resume_exactly_wherever_they_are_left(patience, tmp_path):
    """Before the first checkpoint, within stage one, at its end, within stage two."""
    flags, plan = dataclasses.replace(FLAGS, policy=Policy(patience, plateau=1)), stages()
    whole = go(tmp_path / "whole", flags, plan)
    for leave_after in (0, 2, 3, 4, 5):
        place = tmp_path / f"left after {leave_after}"
        with pytest.raises(Enough):
            go(place, flags, plan, leave_after)
        again = go(place, flags, plan)
        assert again.steps == whole.steps
        np.testing.assert_array_equal(again.state.params, whole.state.params)
        assert history(place) == history(tmp_path / "whole")


def test_steps_are_counted_over_stages_that_stop_early(tmp_path):
    flags = dataclasses.replace(FLAGS, policy=Policy(patience=2))
    outcome = go(tmp_path / "run", flags, stages((400, 6)))
    rows = history(tmp_path / "run")
    best = min((row for row in rows if row["stage"] == 1), key=lambda row: row["valid"]["error"])
    assert outcome.best_step == outcome.steps - rows[-1]["step"] + best["step"]
    first = max(row["step"] for row in rows if row["stage"] == 0)
    last = max(row["step"] for row in rows if row["stage"] == 1)
    assert first < 400
    assert outcome.steps == first + last


def test_a_signal_checkpoints_and_leaves_even_in_the_last_chunk(tmp_path, capsys):
    def last(stage, step, state):
        if (stage, step) == (1, 15):
            os.kill(os.getpid(), signal.SIGTERM)

    with open_workdir(tmp_path / "run", IDENTITY) as place, pytest.raises(SystemExit) as left:
        train.train_run(place, FLAGS, stages(), last)
    assert left.value.code == 128 + signal.SIGTERM
    assert checkpoint.candidates(tmp_path / "run/checkpoints")[0].name == "01-00000008"
    assert "stopping after this chunk" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_divergence_names_the_last_good_checkpoint(tmp_path):
    technique = toys.mean_of(6)

    def step(state, batch):
        after, metrics = technique.step(state, batch)
        return after._replace(params=jnp.where(state.step == 6, jnp.nan, after.params)), metrics

    plan = [Stage(technique._replace(step=step), Source(toys.data(), toys.take), 20)]
    with pytest.raises(FloatingPointError, match=r"by step 8; the last good checkpoint is .*00-00000006"):
        go(tmp_path / "run", plan=plan)
    assert checkpoint.candidates(tmp_path / "run/checkpoints")[0].name == "00-00000006"


def test_fewer_steps_or_stages_than_a_run_has_had_are_refused(tmp_path):
    go(tmp_path / "run")
    before = history(tmp_path / "run")
    with pytest.raises(Refused, match="has had 8 steps already, more than the 5 asked"):
        go(tmp_path / "run", plan=stages((7, 5)))
    with pytest.raises(Refused, match="gone on to stage 1"):
        go(tmp_path / "run", plan=stages()[:1])
    assert history(tmp_path / "run") == before


@pytest.mark.ci
def test_arrays_of_other_shapes_are_refused(tmp_path):
    go(tmp_path / "run")
    wider = [s._replace(technique=toys.mean_of(5), adopt=None) for s in stages()]
    with pytest.raises(Refused, match="holds other arrays"):
        go(tmp_path / "run", plan=wider)


@pytest.mark.slow  # starts many processes
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_two_host_devices_agree_with_one_and_resume(network, tmp_path):
    def start(name, steps, devices):
        flags = "--dataset=digits --hidden=8 --latent=2 --batch_size=64 --log_every=5 --eval_every=5"
        command = [
            sys.executable,
            "tests/worker.py",
            *flags.split(),
            f"--network={network}",
            f"--steps={steps}",
            f"--host_devices={devices}",
        ]
        # Compiled as users' runs are: quickly compiled programs round so that Adam's first updates differ by 3e-4.
        env = {k: v for k, v in os.environ.items() if not k.startswith("XLA_")} | {"PYTHONPATH": "."}
        done = subprocess.run(
            [*command, f"--workdir={tmp_path / name}", f"--compilation_cache={tmp_path}"],
            cwd=floors.root(),
            env=env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    start("two", 5, 2)
    start("two", 10, 2)
    start("two_whole", 10, 2)
    start("one", 10, 1)
    two, whole, one = (history(tmp_path / name) for name in ("two", "two_whole", "one"))
    assert two == whole
    for ours, theirs in zip(two, one, strict=True):
        for group in ("train", "valid"):
            assert ours[group] == pytest.approx(theirs[group], rel=1e-4)
    flags = json.loads((tmp_path / "two/config.json").read_text())["flags"]
    assert flags["host_devices"] == 2


EIGHT = """
import jax, json, sys
from experiments.vae import EXPERIMENT
from jaxgen.core.sharding import spread_whole
from jaxgen.run import machine
from jaxgen.run.conduct import conduct, read
from jaxgen.run.parsing import parse
argv = "--dataset=digits --hidden=8 --latent=2 --batch_size=50 --steps=3 --importance_samples=2".split()
argv += ["--host_devices=8", "--deterministic", "--matmul_precision=tf32"]
for name, flags in (("most", []), ("most", []), ("two", ["--devices=2"]), ("one", ["--devices=1"])):
    conduct(EXPERIMENT, [*argv, f"--workdir={sys.argv[1]}/{name}", *flags])
test = read(EXPERIMENT, parse(EXPERIMENT, argv)).data.test
shared = spread_whole(test, *machine.shardings(50))
images = jax.jit(lambda arrays: shared.take(arrays, 0)[0]["image"])(shared.arrays)
assert [shard.data.shape for shard in images.addressable_shards] == [(10, 64)] * 5, images.sharding
assert len(jax.tree.leaves(shared.arrays)[0].addressable_shards) == 5
"""


@pytest.mark.slow  # a process with eight devices
def test_as_many_devices_are_used_as_divide_a_batch(tmp_path):
    """In tests of the whole split and importance sampling too, also where training had ended before."""
    env = {**os.environ, "PYTHONPATH": "."}
    command = [sys.executable, "-c", EIGHT, str(tmp_path)]
    done = subprocess.run(command, cwd=floors.root(), env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("5 of 8 devices are used: more do not divide --batch_size=50") == 2
    found = {name: json.loads((tmp_path / name / "summary.json").read_text()) for name in ("most", "two", "one")}
    one = {name: pytest.approx(metric["value"], rel=1e-3) for name, metric in found["one"]["metrics"].items()}
    assert len(one) > 2
    for summary in found.values():
        assert {name: metric["value"] for name, metric in summary["metrics"].items()} == one
        assert summary["arithmetic"] == {"matmul_precision": "tensorfloat32", "deterministic": True}


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"host_devices": 3}, "--host_devices=3 comes too late"),
        ({"deterministic": True}, "--deterministic comes too late"),
        ({}, "this is one of 2 processes"),
    ],
)
def test_what_a_process_cannot_do_is_refused(flags, says, monkeypatch):
    jax.devices()
    before = jax.config.jax_num_cpu_devices, os.environ.get("XLA_FLAGS")
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(Refused, match=says):
        machine.prepare(**flags)
    assert (jax.config.jax_num_cpu_devices, os.environ.get("XLA_FLAGS")) == before
