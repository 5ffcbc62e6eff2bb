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
import pytest
from worker import everything, refused

from experiments import landscapes, optimizer_study, tasks
from jaxgen import cli
from jaxgen.study import store

TINY = ["--tasks=quadratic", "--optimizers=sgd,adam", "--learning_rates=0.01,0.1", "--tuning_seeds=1", "--seeds=2"]
TINY += ["--steps=6", "--evaluations=2"]
SMALL = ["--optimizers=sgd", "--seeds=1"]


@pytest.fixture(autouse=True, scope="module")
def still():
    """Without moving pictures, which take most of the time; test_contours.py looks at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landscapes, "animate", landscapes.draw)
        yield


def go(place, *flags):
    argv = [*TINY, f"--workdir={place}", *flags]
    return cli.guarded("optimizer_study", lambda: optimizer_study.study(argv))


def without_times(place):
    return [{**row, "seconds": None} for row in store.read(place)]


def test_it_draws_and_tells_everything(tmp_path, capsys):
    """Of a technique that reads images and of a surface."""
    assert go(tmp_path, "--tasks=classifier:digits,saddle", "--baseline=adam") == 0
    out, _ = capsys.readouterr()
    assert "against adam" in out
    assert f"report: {tmp_path / 'report.html'}" in out
    rows = store.read(tmp_path)
    assert len(rows) == 2 * 2 * (2 + 2)
    assert {row["task"] for row in rows} == {"classifier:digits", "saddle"}
    with open(tmp_path / "trials.csv") as file:
        assert len(list(csv.DictReader(file))) == len(rows)
    page = (tmp_path / "report.html").read_text()
    for word in ("adam", "Saddle: the ways", "Budget", "run after run" if "run after run" in page else "all runs"):
        assert word in page
    figures = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"curves_1.png", "sensitivity_2.png", "performance.png", "saddle_0.png", "saddle_0.gif"} <= figures
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["runs"], summary["updates"]) == (len(rows), 6 * len(rows))
    assert summary["versions"]["jax"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study as small as can be; what a test changes it changes in a copy."""
    place = tmp_path_factory.mktemp("study")
    assert go(place, *SMALL) == 0
    return place


def test_it_goes_on_and_runs_nothing_twice(finished, tmp_path, capsys):
    place = shutil.copytree(finished, tmp_path / "study")
    before = (place / store.NAME).read_bytes()
    assert go(place, *SMALL) == 0
    assert (place / store.NAME).read_bytes() == before
    assert go(place, *SMALL, "--seeds=2", "--optimizers=sgd,optax.lion") == 0
    assert (place / store.NAME).read_bytes().startswith(before)
    assert len(store.read(place)) == 2 * (2 + 2)


def test_what_it_is_told_reaches_every_task():
    """Schedules, clips and hyper-parameters are those of the tasks' own experiments."""
    told = {"steps": 7, "batch_size": 16, "clip_norm": 0.5, "beta2": 0.9, "schedule": "performance", "plateau": 2}
    argv = [f"--{name}={value}" for name, value in told.items()]
    for name in ("classifier:digits", "quadratic"):
        found = tasks.made(name, argv, told, 3, ["sgd", "adam"])
        assert (found.problem.steps, found.problem.every) == (7, 3)
        assert found.problem.policy.plateau == 2
        assert found.problem.factory("adam") is not None
    technique = found.module
    assert technique.__name__.endswith("surface")


def test_every_technique_with_an_experiment_is_a_task():
    assert set(tasks.commands()) == {
        "jaxgen.techniques.autoencoders.vae",
        "jaxgen.techniques.vision.classifier",
    }
    assert {"vae", "classifier", "surface"} <= set(tasks.modules())


WRONG = {
    "an optimizer": (["--optimizers=sgd,adamm"], "there is no optimizer 'adamm'; the nearest: adam"),
    "optax's": (["--optimizers=optax.lookahead"], "optax.lookahead cannot be used: it wraps another optimiser"),
    "no optimizer": (["--optimizers=,"], "--optimizers names nothing"),
    "the range": (["--learning_rates=1e-4:1e0"], "--learning_rates is LOW:HIGH:COUNT or a list"),
    "an empty range": (["--learning_rates=1:0.1:3"], "LOW must be below HIGH"),
    "no seeds": (["--seeds=0"], "--seeds must be at least 1, not 0"),
    "no tuning seeds": (["--tuning_seeds=0"], "--tuning_seeds must be at least 1, not 0"),
    "a task": (["--tasks=clasifier"], "there is no task 'clasifier'; the nearest: classifier"),
    "a preset": (["--tasks=classifier:lectur"], "unknown preset 'lectur'; known: cnn, deep, digits, fast, lecture"),
    "a surface": (["--tasks=surface:hill"], "unknown preset 'hill' of surface"),
    "the baseline": (["--baseline=lion"], "--baseline=lion is none of --optimizers=sgd,adam"),
    "a hyper-parameter": (["--momentum=0.5"], "--momentum: none of sgd, adam has it"),
    "patience": (["--patience=3"], "--patience is for single runs"),
    "a schedule": (["--decay_rate=0.5"], "--decay_rate is for --schedule="),
    "the batch": (["--tasks=classifier:digits", "--batch_size=5000"], "a batch of 5000 is larger than the set"),
    "the target": (["--target=0"], "--target must be above 0"),
    "too large a set": (["--tasks=classifier:digits", "--resident_mb=0"], "do not fit in --resident_mb"),
}


@pytest.mark.parametrize(("wrong", "sentence"), WRONG.values(), ids=list(WRONG))
def test_wrong_input_is_one_sentence(wrong, sentence, tmp_path, capsys):
    refused(capsys, go(tmp_path / "study", *wrong), sentence)
    assert not (tmp_path / "study").exists()


def test_a_task_without_an_objective(tmp_path, capsys, monkeypatch):
    made = tasks.surface.make
    bare = lambda *args: (t := made(*args))._replace(evaluate=t.evaluate._replace(definitions={}))
    monkeypatch.setattr(tasks.surface, "make", bare)
    refused(capsys, go(tmp_path / "study"), "quadratic has no objective")


OTHERS = ["--steps=7", "--learning_rates=0.01", "--tuning_seeds=2", "--tasks=saddle", "--l2=1"]


@pytest.mark.parametrize("other", OTHERS)
def test_the_place_of_another_study(other, finished, capsys):
    before = everything(finished)
    refused(capsys, go(finished, *SMALL, other), "holds another configuration")
    assert everything(finished) == before


def test_without_the_reports_packages_the_numbers_are_there(finished, tmp_path, capsys, monkeypatch):
    place = shutil.copytree(finished, tmp_path / "study", ignore=shutil.ignore_patterns("*.html", "results.csv"))
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert go(place, *SMALL) == 0
    assert "no report.html" in capsys.readouterr().err
    assert (place / "results.csv").exists()


@pytest.mark.slow  # starts processes
def test_killed_on_two_devices_it_goes_on(tmp_path):
    """What it had finished stays, byte for byte, and all is as it would have been to float32's rounding."""
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
    assert len(whole) == len(killed) == 2 * (4 + 3)
    for one, other in zip(whole, killed):
        assert store.key(one) == store.key(other)
        assert one["valid"] == pytest.approx(other["valid"], abs=0.012)  # two of 179 images
