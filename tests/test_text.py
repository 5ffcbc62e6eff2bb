"""The text experiment from end to end with tiny flags: numbers, samples, exact resuming, writing on its own."""

import json
import math
import os
import signal
import subprocess
import sys
import time

import floors
import jax
import numpy as np
import pytest

from experiments import text
from jaxgen.data.text import texts
from jaxgen.figures import writing
from jaxgen.run import cli, watched
from jaxgen.run.load import load
from jaxgen.run.provenance import fingerprint
from jaxgen.run.record import read_rows

CORPUS = "the cat sat on the mat. the dog sat on the log! was it so? it was so.\n" * 40
TINY = ["--width=8", "--context=16", "--batch_size=4", "--steps=6", "--log_every=2", "--eval_every=4", "--length=20"]


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(CORPUS)
    return path


@pytest.fixture
def without_plots(monkeypatch):
    """Where the report's packages are not installed: quicker."""
    for package in ("jinja2", "tensorboardX.event_file_writer"):
        monkeypatch.setitem(sys.modules, package, None)


def go(workdir, corpus, *flags):
    return cli.main(text.EXPERIMENT, [*TINY, f"--corpus={corpus}", f"--workdir={workdir}", *flags])


def summary(workdir):
    return json.loads((workdir / "summary.json").read_text())


def test_it_trains_measures_and_writes(tmp_path, corpus, capsys):
    workdir = tmp_path / "run"
    assert go(workdir, corpus, "--prompt=the cat") == 0
    out = capsys.readouterr().out
    history = watched.history(workdir, writing.SAMPLES, 6)
    rows = history[4] + history[6]
    assert [(row["step"], row["temperature"]) for row in rows] == [(s, t) for s in (4, 6) for t in writing.TEMPERATURES]
    assert all(row["prompt"] == "the cat" and len(row["text"]) == 20 for row in rows)
    assert all(f"the cat|{row['text']}" in out for row in rows)
    page = (workdir / "report.html").read_text()
    assert all(
        part in page
        for part in ("What the temperature does", "Samples at temperatures T", "Li et al. 2016", "bits_per_char")
    )
    written = summary(workdir)
    data = texts.load(str(corpus))
    assert written["technique"] == "jaxgen.techniques.text.lstm"
    assert [written["config"][name] for name in ("corpus", "context", "model")] == [str(corpus), 16, "lstm"]
    assert json.loads((workdir / "config.json").read_text())["data"] == data.sha256
    technique, state = load(workdir)
    tokens, one = data.test.tokens, jax.jit(technique.infer["score"])
    nats = one(state, jax.random.key(0), tokens)
    assert written["metrics"]["test_nats_per_token"]["value"] == pytest.approx(float(nats.mean()), rel=0.02)
    assert list(written["metrics"]) == ["test_bits_per_char", "test_nats_per_token"]
    assert {"loss", "bits_per_char"} <= read_rows(workdir / "metrics.jsonl")[0]["train"].keys()


@pytest.mark.ci
def test_more_steps_go_on_with_the_hidden_states(tmp_path, corpus, without_plots):
    assert go(tmp_path / "whole", corpus) == 0
    assert go(tmp_path / "parts", corpus, "--steps=4") == 0
    assert go(tmp_path / "parts", corpus) == 0
    (_, whole), (_, parts) = (load(tmp_path / name) for name in ("whole", "parts"))
    assert jax.tree.leaves(whole.carry)
    assert fingerprint((whole.params, whole.carry)) == fingerprint((parts.params, parts.carry))


@pytest.mark.ci
def test_without_a_test_split_validation_is_shown_and_the_best_kept(tmp_path, corpus, without_plots):
    workdir = tmp_path / "run"
    flags = ["--model=transformer", "--heads=2", "--splits=80/20/0", "--patience=9", "--windows=random"]
    assert go(workdir, corpus, *flags, "--steps=8", "--learning_rate=3") == 0
    values = [row["valid"]["bits_per_char"] for row in read_rows(workdir / "metrics.jsonl") if "valid" in row]
    metrics = summary(workdir)["metrics"]
    assert list(metrics) == ["valid_bits_per_char", "valid_nats_per_token"]
    assert metrics["valid_bits_per_char"]["value"] == pytest.approx(min(values), rel=1e-5)


@pytest.mark.ci
def test_words(tmp_path, corpus, without_plots, capsys):
    workdir = tmp_path / "run"
    assert go(workdir, corpus, "--level=word", "--model=conv", "--layers=2", "--cycle=2", "--steps=60") == 0
    assert list(summary(workdir)["metrics"]) == ["test_perplexity", "test_bits_per_char", "test_nats_per_token"]
    capsys.readouterr()
    only = ["--sample_only", f"--workdir={workdir}", "--prompt=the cat", "--temperature=0"]
    assert cli.main(text.EXPERIMENT, only) == 0
    out, err = capsys.readouterr()
    assert out.startswith("the cat ")
    assert len(out) < 400  # a sentence, and not --length words
    assert "temperature 0: greedy" in err


@pytest.mark.ci
def test_byte_pairs(tmp_path, corpus, without_plots, capsys):
    pytest.importorskip("tokenizers")
    flags = ["--level=bpe", "--vocabulary_size=270", "--model=transformer", "--heads=2"]
    for name, steps in (("whole", (6,)), ("parts", (4, 6))):
        for count in steps:
            assert go(tmp_path / name, corpus, *flags, f"--steps={count}") == 0
    ends = [summary(tmp_path / name) for name in ("whole", "parts")]
    assert ends[0]["params_sha256"] == ends[1]["params_sha256"]
    assert list(ends[0]["metrics"]) == ["test_bits_per_char", "test_nats_per_token"]
    bits, nats = (each["value"] for each in ends[0]["metrics"].values())
    assert bits < nats / math.log(2)  # of a token, which has more characters than one
    capsys.readouterr()
    only = ["--sample_only", f"--workdir={tmp_path / 'parts'}", "--prompt=\u0142 cat", "--length=9"]
    assert cli.main(text.EXPERIMENT, only) == 0
    assert capsys.readouterr().out.startswith("\u0142 cat")


@pytest.mark.ci
def test_samples_of_a_trained_run(tmp_path, corpus, without_plots, capsys):
    workdir = tmp_path / "run"
    assert go(workdir, corpus, "--lowercase") == 0
    capsys.readouterr()
    only = ["--sample_only", f"--workdir={workdir}", "--prompt=The Dog", "--length=30", "--temperature=1"]
    before = {path: path.stat().st_mtime_ns for path in workdir.rglob("*")}
    assert cli.main(text.EXPERIMENT, [*only, "--count=3", "--top_k=5", "--top_p=0.9"]) == 0
    out = capsys.readouterr().out
    assert out.count("the dog") == 3
    assert len(set(out.split("--- "))) == 4
    for flags in ([], ["--seed=1"], []):
        assert cli.main(text.EXPERIMENT, [*only, *flags]) == 0
    first, other, again = capsys.readouterr().out.split("the dog")[1:]
    assert first.rstrip("\n") == again.rstrip("\n") != other.rstrip("\n")
    assert {path: path.stat().st_mtime_ns for path in workdir.rglob("*")} == before


def start(workdir, corpus, *more):
    """As users do, without the compiler flags that make the other tests fast."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("XLA_", "JAX_"))} | {"JAX_PLATFORMS": "cpu"}
    flags = [*TINY, "--steps=3000", "--log_every=30", "--eval_every=300", "--checkpoint_every=30", "--windows=stream"]
    command = [sys.executable, "-m", "experiments.text", *flags, f"--corpus={corpus}", f"--workdir={workdir}", *more]
    return subprocess.Popen(command, env=env, cwd=floors.root(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(*args):
    process = start(*args)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err


@pytest.mark.slow  # starts processes
@pytest.mark.parametrize("devices", [1, 2])
def test_killed_in_the_middle_of_an_epoch_it_ends_at_the_same_bytes(tmp_path, corpus, devices):
    """Hidden states included, on several devices too, where each holds those of its part of the batch."""
    more, workdirs = [f"--host_devices={devices}"], [tmp_path / "whole", tmp_path / "killed"]
    finish(workdirs[0], corpus, *more)
    for rows in (12, 47):
        process, log = start(workdirs[1], corpus, *more), workdirs[1] / "metrics.jsonl"
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline and not (log.exists() and len(log.read_bytes().splitlines()) > rows):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert rows < len(log.read_bytes().splitlines()) < 100
    finish(workdirs[1], corpus, *more)
    (_, whole), (_, killed) = (load(workdir) for workdir in workdirs)
    assert int(killed.step) == 3000
    assert np.abs(jax.tree.leaves(killed.carry)[0]).max() > 0
    assert fingerprint((whole.params, whole.opt, whole.carry)) == fingerprint((killed.params, killed.opt, killed.carry))
