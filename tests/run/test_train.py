"""Runs of several stages, killed and damaged: in-process, with toy techniques."""

import dataclasses
import os
import signal

import jax.numpy as jnp
import numpy as np
import pytest
import toys

from jaxgen.core.progress import Policy
from jaxgen.core.types import Refused, Source, Stage
from jaxgen.run import checkpoint, record, train
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
        return ()

    with open_workdir(place, IDENTITY) as opened:
        return train.train_run(opened, flags, plan or stages(), snapshot)


@pytest.mark.parametrize("patience", [2, pytest.param(0, marks=pytest.mark.ci)])
def test_two_stages_resume_exactly_wherever_they_are_left(patience, tmp_path):
    """Before the first checkpoint, within stage one, at its end, within stage two."""
    flags, plan = dataclasses.replace(FLAGS, policy=Policy(patience, plateau=1)), stages()
    whole = go(tmp_path / "whole", flags, plan)
    for leave_after in (0, 3, 5):
        place = tmp_path / f"left after {leave_after}"
        with pytest.raises(Enough):
            go(place, flags, plan, leave_after)
        again = go(place, flags, plan)
        assert again.steps == whole.steps
        np.testing.assert_array_equal(again.state.params, whole.state.params)
        assert history(place) == history(tmp_path / "whole")


@pytest.mark.ci
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
        return ()

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


@pytest.mark.ci
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
