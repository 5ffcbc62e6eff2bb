"""Sequence autoencoders from the command line: runs with all their figures, refusals in a sentence."""

import json

import numpy as np
import pytest

from experiments import sequences
from jaxgen.figures import copied
from jaxgen.run import cli

pytestmark = pytest.mark.ci

TINY = "--units=5 --code=3 --batch_size=8 --steps=4 --log_every=2 --eval_every=2"


def sketches(folder):
    """A file of zigzags of two classes."""
    rng = np.random.default_rng(0)
    zigzag = lambda n: np.cumsum(rng.normal(size=(n, 2)), 0).round(2).tolist()
    every = [{"class": "ab"[n % 2], "strokes": [zigzag(5), zigzag(3)]} for n in range(60)]
    (folder / "own.json").write_text(json.dumps({"classes": ["a", "b"], "sketches": every}))
    return folder / "own.json"


def run(folder, flags):
    assert cli.main(sequences.EXPERIMENT, [*TINY.split(), *flags.split(), f"--workdir={folder / 'run'}"]) == 0
    return json.loads((folder / "run/summary.json").read_text())["metrics"], (folder / "run/report.html").read_text()


def test_lines_are_written_again(tmp_path):
    (tmp_path / "own.txt").write_text("the quick brown fox jumps over the lazy dog. " * 60)
    metrics, page = run(tmp_path, f"--dataset={tmp_path / 'own.txt'} --longest=8 --shortest=2")
    assert next(iter(metrics)) == "test_wrong"
    assert 0 < metrics["test_wrong"]["value"] <= 1
    for text in ("Test lines of several lengths", "what was written of them", "whose codes are nearest"):
        assert text in page


@pytest.mark.parametrize("kind", ["rows", "movements"])
def test_pictures_are_written_again(kind, tmp_path):
    own = f" --dataset={sketches(tmp_path)} --longest=12" if kind == "movements" else ""
    metrics, page = run(tmp_path, f"--preset={kind} {TINY}{own}")
    assert metrics["test_squared_error"]["value"] > 0
    assert {"reconstructions.png", "neighbours.png"} <= {path.name for path in (tmp_path / "run/samples").iterdir()}
    assert "nearest code is one of the same class" in page


def test_bad_input_is_told_in_a_sentence(tmp_path, capsys):
    path = sketches(tmp_path)
    cases = {
        "--dataset=nowhere": "nowhere",
        "--longest=9 --shortest=10": "--shortest=10 is more than --longest=9",
        f"--sequences=movements --dataset={path} --longest=3": "more than 3 points",
        f"--sequences=movements --dataset={path} --batch_size=100": "more than the 48 training sequences",
        "--sequences=rows --dataset=nothing": "nothing",
        "--preset=rows --substituted=0.5": "--substituted is of lines",
        "--units=0": "--units must be at least 1",
        "--longest=0": "--longest must be at least 1",
    }
    for flags, message in cases.items():
        assert cli.main(sequences.EXPERIMENT, [*flags.split(), f"--workdir={tmp_path / 'refused'}"]) == 2
        error = capsys.readouterr().err
        assert message in error, (flags, error)
        assert error.count("\n") == 1
        assert not (tmp_path / "refused").exists()


def test_neighbours_are_the_nearest_others():
    codes = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [0.4, 0.0]], np.float32)
    assert copied.nearest(codes, np.array([0, 2]), 2).tolist() == [[3, 1], [0, 3]]
    assert copied.same_class(codes, np.array([0, 1, 0, 0])) == 0.75
