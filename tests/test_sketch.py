"""Sketches from the command line: a run with all its figures, another set, refusals in a sentence."""

import json

import numpy as np
import pytest

from experiments import sketch
from jaxgen.run import cli

pytestmark = pytest.mark.ci

TINY = "--encoder=4 --decoder=5 --latent=3 --mixtures=2 --batch_size=20 --steps=4 --log_every=2 --eval_every=2"
FIGURES = {"samples.png", "completions.png", "pen.gif", "samples-00000000.png", "samples-00000002.png"}


def own(folder, count=30, points=9):
    """A file of our own format: zigzags of two classes."""
    rng = np.random.default_rng(0)
    zigzag = lambda n: np.cumsum(rng.normal(size=(n, 2)), 0).round(2).tolist()
    every = [{"class": "ab"[n % 2], "strokes": [zigzag(points), zigzag(3)]} for n in range(count)]
    (folder / "own.json").write_text(json.dumps({"classes": ["a", "b"], "sketches": every}))
    return folder / "own.json"


@pytest.mark.parametrize("latent", [3, 0])
def test_a_run_draws(latent, tmp_path, capsys):
    flags = f"{TINY} --latent={latent} --dataset={own(tmp_path)} --workdir={tmp_path / 'run'}"
    assert cli.main(sketch.EXPERIMENT, flags.split()) == 0
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert ("test_kl" in summary["metrics"]) == (latent > 0)
    assert next(iter(summary["metrics"])) == "test_nll"
    drawn = {path.name for path in (tmp_path / "run/samples").iterdir()}
    assert FIGURES | ({"reconstructions.png", "interpolations.png", "analogies.png"} if latent else set()) <= drawn
    assert (tmp_path / "run/samples/samples.svg").read_text().startswith("<svg")
    assert "one mixture, pen bigrams" in (tmp_path / "run/report.html").read_text()
    assert ("are recognised as their class" in (tmp_path / "run/report.html").read_text()) == (latent > 0)
    assert "left out" not in capsys.readouterr().out


def test_bad_input_is_told_in_a_sentence(tmp_path, capsys):
    path = own(tmp_path)
    cases = {
        "--dataset=nowhere": "nowhere",
        f"--dataset={path} --longest=5": "more than 5 points",
        f"--dataset={path} --batch_size=100": "more than the 24 training drawings",
        "--longest=0": "--longest must be at least 1",
        "--temperature=-1": "--temperature must be at least 0",
        "--mixtures=0": "--mixtures must be at least 1",
    }
    for flags, message in cases.items():
        assert cli.main(sketch.EXPERIMENT, [*flags.split(), f"--workdir={tmp_path / 'refused'}"]) == 2
        error = capsys.readouterr().err
        assert message in error, (flags, error)
        assert error.count("\n") == 1
        assert not (tmp_path / "refused").exists()
