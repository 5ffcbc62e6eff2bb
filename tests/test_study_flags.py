"""What the flags of a study do to its runs, from the command line to results.csv; nothing is trained or drawn."""

import csv
import json

import jax.numpy as jnp
import pytest
import study_toys
from studies import SMALL, go
from worker import everything, refused

from jaxgen.study import origins, reporting, setup, store


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    """(problem, optimiser) of each program that a study would have compiled."""
    written = lambda folder, study, built, *_: reporting.write_results(folder, study, built)
    monkeypatch.setattr(reporting, "write_report", written)
    return study_toys.pretend(monkeypatch)[1]


def results(place):
    with open(place / "results.csv") as file:
        return {row["optimizer"]: row for row in csv.DictReader(file)}


@pytest.mark.ci
def test_one_more_hyper_parameter_makes_optimisers_of_its_values(tmp_path, programs):
    flags = ["--vary=weight_decay=0,1e-1", "--baseline=adam weight_decay=0"]
    assert go(tmp_path, *flags) == 0
    labels = [f"{name} weight_decay={value}" for name in ("sgd", "adam") for value in ("0", "0.1")]
    assert list(results(tmp_path)) == labels
    assert {row["baseline"] for row in results(tmp_path).values()} == {"adam weight_decay=0"}
    for problem, label in programs:
        optimizer, one = problem.factory(label)(0.5), jnp.ones((1, 1))
        delta, _ = optimizer.update(jnp.zeros((1, 1)), optimizer.init(one), one)
        assert -delta[0, 0] == pytest.approx(0.05 if label.endswith("=0.1") else 0.0)
    assert go(tmp_path, flags[0] + ",0.2", *SMALL) == 0  # a value more
    assert "sgd weight_decay=0.2" in results(tmp_path)


def test_optimisers_have_rates_of_their_own(tmp_path):
    assert go(tmp_path, "--rates=adam:0.01,0.3;", "--max_seconds=1000") == 0
    rows = [row for row in store.read_rows(tmp_path) if row["phase"] == "tuning"]
    assert [(row["optimizer"], row["learning_rate"]) for row in rows] == [
        *(("sgd", 0.01), ("sgd", 0.1), ("adam", 0.01), ("adam", 0.3))
    ]


@pytest.mark.ci
def test_another_study_stands_in_the_same_tables(tmp_path, capsys):
    before, after = tmp_path / "before", tmp_path / "after"
    assert go(before, *SMALL) == 0
    files = everything(before)
    assert go(after, f"--compare={before}", "--clip_norm=1") == 0
    assert list(results(after)) == ["sgd", "adam", "sgd (before)"]
    assert results(after)["sgd (before)"]["paired_seeds"] == "1"
    assert json.loads((after / "summary.json").read_text())["runs"] == 8
    wrong = {
        "has another task quadratic (steps: 6 there, 7 now)": ["--steps=7"],
        "has no task saddle; it has quadratic": ["--tasks=saddle"],
        "has other final seeds: --tuning_seeds=1 there, 2 now": ["--tuning_seeds=2"],
    }
    capsys.readouterr()
    for sentence, flags in wrong.items():
        refused(capsys, go(tmp_path / "new", f"--compare={before}", *flags), sentence)
    refused(capsys, go(before, *SMALL, f"--compare={before}"), "is this study itself")
    refused(capsys, go(tmp_path / "new", f"--compare={tmp_path}"), "holds no run")
    assert not (tmp_path / "new").exists()
    assert everything(before) == files


@pytest.mark.ci
def test_runs_of_other_code_or_versions_are_not_mixed(tmp_path, capsys, monkeypatch):
    """A user's optimiser imports a file beside it, which changes; then libraries and the technique do."""
    (tmp_path / "helps_mine.py").write_text("B1 = 0.9\n")
    source = (
        "import optax\nfrom helps_mine import B1\ndef bold(learning_rate=0.1): return optax.adam(learning_rate, B1)\n"
    )
    (tmp_path / "bold_mine.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    place, flags = tmp_path / "study", ["--optimizers=sgd,bold_mine:bold", "--seeds=1"]
    assert go(place, *flags) == 0
    (tmp_path / "helps_mine.py").write_text("B1 = 0.8\n")
    files = everything(place)
    capsys.readouterr()
    refused(capsys, go(place, *flags), "has runs of bold_mine:bold from before the code of it was changed")
    assert go(place, *SMALL) == 0  # the others are as they were
    assert everything(place).keys() == files.keys()
    capsys.readouterr()
    machine = setup.environment()
    newer = {**machine, "versions": {**machine["versions"], "optax": "99"}}
    monkeypatch.setattr(setup, "environment", lambda: newer)
    refused(capsys, go(place, *SMALL), '"99" now); choose another --workdir')
    monkeypatch.undo()
    monkeypatch.setattr(origins, "DIGITS", 5)  # as if every file had changed
    refused(capsys, go(place, *SMALL), "jaxgen.study.surfaces: ")


def test_a_tasks_code_is_what_its_technique_imports_and_no_report():
    names = origins.hashes(["jaxgen.techniques.vision.cnn", *origins.TRAINING], origins.ASIDE)
    assert {"jaxgen.ops.conv.lowering", "jaxgen.core.steps", "jaxgen.nets.layers"} <= names.keys()
    assert not any(name.startswith(("jaxgen.report", "jaxgen.optim", "jax.")) for name in names)
    assert origins.code_of_optimizer("sgd") != origins.code_of_optimizer("lion")
    assert len({origins.code_of_optimizer(name) for name in ("optax.sgd", "optax.contrib.muon")}) == 1
