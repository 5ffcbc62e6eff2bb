"""A study from the command line to its report, and what it refuses."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import floors
import numpy as np
import pytest
import study_toys
from studies import SMALL, TINY, go
from worker import everything, refused

from experiments import classify
from jaxgen.report.pictures import gif
from jaxgen.run import cli
from jaxgen.study import landscapes, reporting, store
from jaxgen.study.execution import read_execution
from jaxgen.study.side_by_side import MEANING


@pytest.fixture(autouse=True, scope="module")
def still():
    """Without moving pictures, which take most of the time; test_contours.py looks at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landscapes, "contour_gif", lambda *_: gif(np.zeros((2, 3, 3))))
        yield


def without_times(place):
    return [{**row, "seconds": None} for row in store.read_rows(place)]


@pytest.mark.slow  # compiles three modes of two tasks
def test_it_draws_and_tells_everything(tmp_path, capsys):
    """Of a technique that reads images and of a surface, with the fastest mode of each."""
    assert go(tmp_path, "--tasks=classifier:digits,saddle", "--baseline=adam", "--mode=auto") == 0
    out, _ = capsys.readouterr()
    assert "against adam" in out
    assert f"report: {tmp_path / 'report.html'}" in out
    rows = store.read_rows(tmp_path)
    assert len(rows) == 2 * 2 * (2 + 2)
    assert {row["task"] for row in rows} == {"classifier:digits", "saddle"}
    assert {row["task"] for row in rows if row["test"] is not None} == {"classifier:digits"}  # surfaces have no split
    with open(tmp_path / "trials.csv") as file:
        assert len(list(csv.DictReader(file))) == len(rows)
    page = (tmp_path / "report.html").read_text()
    modes = [MEANING[each["mode"]] for each in read_execution(tmp_path).values()]
    assert len(modes) == 2
    for word in ("adam", "Saddle: the ways", "Budget", *modes):
        assert word in page
    figures = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"curves_1.png", "sensitivity_2.png", "performance.png", "saddle_2_0.png", "saddle_2_0.gif"} <= figures
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["runs"], summary["updates"]) == (len(rows), 6 * len(rows))
    assert summary["versions"]["jax"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study as small as can be; what a test changes it changes in a copy."""
    place = tmp_path_factory.mktemp("study")
    assert go(place, *SMALL) == 0
    return place


@pytest.mark.ci
def test_a_study_of_one_optimiser_has_a_report(finished):
    assert len(store.read_rows(finished)) == 2 + 1
    assert "quadratic" in (finished / "report.html").read_text()
    assert {"curves_1.png", "quadratic_1_0.png"} <= {path.name for path in (finished / "figures").iterdir()}
    assert json.loads((finished / "summary.json").read_text())["modes"] == {"quadratic": "vmap"}


def test_it_goes_on_and_runs_nothing_twice(finished, tmp_path, monkeypatch):
    place = shutil.copytree(finished, tmp_path / "study")
    before = (place / store.NAME).read_bytes()
    monkeypatch.setattr(reporting, "write_report", lambda *_: place)  # drawn elsewhere
    assert go(place, *SMALL) == 0
    assert (place / store.NAME).read_bytes() == before
    study_toys.pretend(monkeypatch)
    assert go(place, *SMALL, "--seeds=2", "--optimizers=sgd,optax.lion") == 0
    assert (place / store.NAME).read_bytes().startswith(before)
    assert len(store.read_rows(place)) == 2 * (2 + 2)


OTHERS = ["--steps=7", "--learning_rates=0.01", "--tuning_seeds=2", "--tasks=saddle", "--l2=1", "--mode=map"]


@pytest.mark.ci
@pytest.mark.parametrize("other", [OTHERS[0], *(pytest.param(each, marks=pytest.mark.ci) for each in OTHERS[1:])])
def test_the_place_of_another_study(other, finished, capsys):
    before = everything(finished)
    refused(capsys, go(finished, *SMALL, other), "holds another configuration")
    assert everything(finished) == before


@pytest.mark.ci
@pytest.mark.parametrize(("package", "sentence"), [("jinja2", "no report.html"), ("matplotlib", "not drawn: ")])
def test_without_the_reports_packages_the_numbers_are_there(package, sentence, finished, tmp_path, capsys, monkeypatch):
    place = shutil.copytree(finished, tmp_path / "study", ignore=shutil.ignore_patterns("*.html", "results.csv"))
    monkeypatch.setitem(sys.modules, package, None)
    assert go(place, *SMALL) == 0
    assert sentence in capsys.readouterr().err
    assert (place / "results.csv").exists()


@pytest.mark.ci
def test_a_study_is_no_run(finished, capsys):
    argv = [f"--init_from={finished}", f"--workdir={finished / 'new'}", "--dataset=digits"]
    code = cli.main(classify.EXPERIMENT, argv)
    refused(capsys, code, "holds a study of many runs")
    assert not (finished / "new").exists()


@pytest.mark.ci
def test_fewer_seeds_are_shown_as_fewer(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(reporting, "write_report", lambda *_: tmp_path)
    study_toys.pretend(monkeypatch)
    for seeds in (3, 2):
        assert go(tmp_path, "--optimizers=sgd", f"--seeds={seeds}") == 0
        assert f"means of {seeds} seeds" in capsys.readouterr().out


@pytest.mark.slow  # starts processes
def test_killed_on_two_devices_it_goes_on(tmp_path):
    """All is as it would have been, byte for byte, where the mode is named."""
    flags = ["--tasks=classifier:digits", "--learning_rates=1e-3:1:4", "--steps=40", "--host_devices=2", "--seeds=3"]

    def start(place):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("XLA_", "JAX_"))} | {"JAX_PLATFORMS": "cpu"}
        command = [sys.executable, "-m", "experiments.optimizer_study", *TINY, *flags, f"--workdir={place}"]
        return subprocess.Popen(command, env=env, cwd=floors.root(), stdout=subprocess.DEVNULL)

    assert start(tmp_path / "whole").wait() == 0
    process = start(tmp_path / "killed")
    while not (tmp_path / "killed" / store.NAME).exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = (tmp_path / "killed" / store.NAME).read_bytes()
    assert start(tmp_path / "killed").wait() == 0
    assert (tmp_path / "killed" / store.NAME).read_bytes().startswith(before)
    whole, killed = without_times(tmp_path / "whole"), without_times(tmp_path / "killed")
    assert len(whole) == 2 * (4 + 3)
    assert killed == whole
