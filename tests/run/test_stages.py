"""Runs of several stages: killed in each of them, continued, measured, loaded, and started from one another."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import floors
import jax
import numpy as np
import planted_growth
import pytest
from worker import everything

from jaxgen.core import loop
from jaxgen.core.types import Refused
from jaxgen.run import cli, record
from jaxgen.run.conduct import conduct
from jaxgen.run.load import load_run
from jaxgen.run.provenance import fingerprint

EXPERIMENT = planted_growth.EXPERIMENT


class Killed(Exception):
    """Leaves a run as SIGKILL does: without a word."""


def killed_at(step):
    """The experiment, left when `step` updates are made: before they are in a checkpoint."""

    def look(setting, stages):
        def at(number, total, state):
            if total == step:
                raise Killed
            return planted_growth.look(setting, stages)(number, total, state)

        return at

    return EXPERIMENT._replace(watch=EXPERIMENT.watch._replace(look=look))


def rows(directory):
    return [{k: v for k, v in row.items() if k != "timing"} for row in record.read_rows(directory / "metrics.jsonl")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was left alone."""
    directory = tmp_path_factory.mktemp("growth") / "run"
    conduct(EXPERIMENT, ["--checkpoint_every=4", f"--workdir={directory}"])
    return directory


@pytest.mark.ci
@pytest.mark.parametrize("step", [4, 10, 18, 28])
def test_left_in_any_stage_it_ends_at_the_same_bytes(step, whole, tmp_path):
    argv = ["--checkpoint_every=4", f"--workdir={tmp_path / 'run'}"]
    with pytest.raises(Killed):
        conduct(killed_at(step), argv)
    conduct(EXPERIMENT, argv)
    assert rows(tmp_path / "run") == rows(whole)
    hashes = [json.loads((each / "summary.json").read_text())["params_sha256"] for each in (tmp_path / "run", whole)]
    assert hashes[0] == hashes[1]
    pictures = lambda directory: {path.name: data for path, data in everything(directory / "samples").items()}
    assert pictures(tmp_path / "run") == pictures(whole)


@pytest.mark.slow  # starts processes
def test_killed_by_the_system_in_each_stage(tmp_path):
    command = [sys.executable, "tests/planted_growth.py", "--steps=180", "--log_every=2", "--checkpoint_every=2"]
    env = {**os.environ, "PYTHONPATH": ".:tests"}

    def start(name):
        argv = [*command, f"--workdir={tmp_path / name}", f"--compilation_cache={tmp_path / 'cache'}"]
        return subprocess.Popen(argv, env=env, cwd=floors.root(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    assert start("whole").wait() == 0
    for least in (5, 35, 65):  # rows of the first, second and third stage
        process, log = start("killed"), tmp_path / "killed/metrics.jsonl"
        while process.poll() is None and (not log.exists() or log.read_bytes().count(b"\n") < least):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert start("killed").wait() == 0
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")
    states = [load_run(tmp_path / name).state for name in ("killed", "whole")]
    assert fingerprint(states[0]) == fingerprint(states[1])


@pytest.mark.ci
def test_summary_tells_of_each_stage(whole):
    summary = json.loads((whole / "summary.json").read_text())
    assert [stage["config"]["side"] for stage in summary["stages"]] == [2, 4, 8]
    assert [stage["steps"] for stage in summary["stages"]] == [10, 10, 10]
    ends = [row["valid"]["error"] for row in rows(whole) if row["step"] == 10]
    assert [stage["metrics"]["valid_error"]["value"] for stage in summary["stages"]] == ends
    assert list(summary["metrics"]) == ["test_error"]


@pytest.mark.ci
def test_schedules_end_with_their_stage(tmp_path):
    conduct(EXPERIMENT, ["--schedule=cosine", "--log_every=1", f"--workdir={tmp_path / 'run'}"])
    rates = [row["train"]["rate"] for row in rows(tmp_path / "run")]
    np.testing.assert_allclose(rates[:10], rates[10:20], rtol=1e-6)
    np.testing.assert_allclose(rates[:10], 0.025 * (1 + np.cos(np.pi * np.arange(10) / 10)), rtol=1e-5)


def test_the_length_of_earlier_stages_belongs_to_the_run(whole):
    before = everything(whole)
    with pytest.raises(Refused, match="steps: 10 there, 11 now"):
        conduct(EXPERIMENT, ["--steps=33", f"--workdir={whole}"])
    with pytest.raises(Refused, match="too few for 3 stages"):
        conduct(EXPERIMENT, ["--steps=2", f"--workdir={whole}"])
    assert everything(whole) == before


@pytest.mark.ci
@pytest.mark.parametrize("step", [8, pytest.param(18, marks=pytest.mark.ci)])
def test_a_state_is_loaded_in_the_shape_that_its_stage_adopted(step, tmp_path):
    """The technique's own shape is that of the last stage."""
    experiment = killed_at(step)._replace(plan=planted_growth.adopting_plan)
    with pytest.raises(Killed):
        conduct(experiment, ["--checkpoint_every=2", f"--workdir={tmp_path / 'run'}"])
    module, technique, state = load_run(tmp_path / "run")
    side = {8: 2, 18: 4}[step]
    assert (module, state.params.shape) == ("planted_growth", (side, side, 1))
    after, _ = jax.jit(technique.step)(state, technique.example(jax.random.key(0)))
    assert after.params.shape == state.params.shape


@pytest.mark.ci
def test_a_run_starts_from_the_stage_that_the_other_one_ended_in(whole, tmp_path, capsys):
    conduct(EXPERIMENT, ["--steps=9", f"--init_from={whole}", f"--workdir={tmp_path / 'run'}"])
    assert "stages before stage 2 are left out" in capsys.readouterr().err
    assert {row["stage"] for row in rows(tmp_path / "run")} == {0}
    adopted = load_run(whole).state.params
    assert 0 < np.abs(load_run(tmp_path / "run").state.params - adopted).max() < 0.05 * 3 + 1e-6


@pytest.mark.ci
def test_pictures_are_drawn_although_nothing_is_evaluated(tmp_path):
    """As of a dream, or a GAN that no number judges."""

    def plan(setting):
        fold = lambda technique: technique.evaluate._replace(definitions={})
        stages = planted_growth.plan(setting)
        return [s._replace(technique=s.technique._replace(evaluate=fold(s.technique))) for s in stages]

    assert cli.main(EXPERIMENT._replace(plan=plan), [f"--workdir={tmp_path / 'run'}"]) == 0
    assert len(list((tmp_path / "run/samples").glob("image-*.png"))) == 9
    assert json.loads((tmp_path / "run/summary.json").read_text())["metrics"] == {}


@pytest.mark.ci
def test_the_state_of_stages_is_what_the_loop_makes_of_them(whole):
    """The run's flow adds nothing of its own to training: the same stages through `loop.train` alone."""
    from jaxgen.run.conduct import read
    from jaxgen.run.parsing import parse

    setting = read(EXPERIMENT, parse(EXPERIMENT, []))
    *_, last = loop.train(planted_growth.plan(setting), jax.random.key(0), 2, 4)
    np.testing.assert_array_equal(last.state.params, load_run(whole).state.params)
    assert dataclasses.asdict(setting.config)["side"] == 8
