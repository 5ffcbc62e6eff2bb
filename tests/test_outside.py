"""The technique and the experiment shown to contributors, in a folder of a stranger's: all of it works from there."""

import json
import os
import subprocess
import sys

import floors
import pytest


def blocks():
    return [part.split("```")[0] for part in (floors.root() / "CONTRIBUTING.md").read_text().split("```python\n")[1:]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder outside the repository with the two files of CONTRIBUTING.md and nothing else."""
    folder = tmp_path_factory.mktemp("stranger")
    technique, experiment = blocks()
    (folder / "sparse.py").write_text(technique)
    (folder / "train_sparse.py").write_text(experiment)
    return folder


def python(folder, *argv):
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, "-W", "error", "-m", *argv]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)


def test_the_experiment_is_short():
    assert len(blocks()[1].splitlines()) <= 15


@pytest.mark.slow  # starts processes
def test_it_trains_resumes_and_reports(folder):
    argv = ["train_sparse", "--hidden=10", "--batch_size=64", "--log_every=10", "--eval_every=10"]
    first = python(folder, *argv, "--steps=10")
    assert first.returncode == 0, first.stderr
    assert "test_error" in first.stdout
    again = python(folder, *argv, "--steps=20")
    assert again.returncode == 0, again.stderr
    assert "going on at step 10" in again.stderr
    summary = json.loads((folder / "runs/train_sparse/summary.json").read_text())
    assert (summary["technique"], summary["steps"], summary["config"]["hidden"]) == ("sparse", 20, 10)
    assert summary["metrics"]["test_error"]["definition"].startswith("half the squared distance")
    assert "Sparse autoencoder" in (folder / "runs/train_sparse/report.html").read_text()
    wrong = python(folder, "train_sparse", "--hidden=0")
    assert (wrong.returncode, wrong.stderr) == (2, "train_sparse: --hidden must be at least 1, not 0\n")


@pytest.mark.slow  # starts processes
def test_it_is_studied(folder):
    argv = ["--optimizers=sgd,adam", "--learning_rates=1e-3,1e-2", "--tuning_seeds=1", "--seeds=2", "--steps=20"]
    done = python(folder, "jaxgen.study", "--tasks=train_sparse", *argv, "--workdir=study")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (folder / "study/trials.jsonl").read_text().splitlines()]
    assert len(rows) == 8
    assert {row["task"] for row in rows} == {"train_sparse"}
    assert "Optimiser study" in (folder / "study/report.html").read_text()


@pytest.mark.slow  # starts processes
def test_it_is_benchmarked(folder):
    done = python(folder, "benchmarks", "--technique=sparse", "--races=false", "--out=speed.json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((folder / "speed.json").read_text())["rows"]["steps"]
    assert row["technique"] == "sparse"
    assert row["chunk_us"] > 0
