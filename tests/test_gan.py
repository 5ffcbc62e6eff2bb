"""Games from the command line: judges, samples, points, refusals."""

import json

import numpy as np
import pytest
from worker import refused

from experiments import classify, gan, mixtures, modes
from jaxgen.run import cli

pytestmark = pytest.mark.ci

TINY = (
    "--dataset=digits --steps=4 --batch_size=8 --log_every=2 --eval_every=2 --width=2 --halvings=1 --latent=2 --dense=4"
)


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """A run of a classifier on the digits, hardly trained."""
    workdir = tmp_path_factory.mktemp("judges") / "judge"
    flags = f"--dataset=digits --network=cnn --channels=2 --hidden=6 --steps=2 --batch_size=8 --workdir={workdir}"
    assert cli.main(classify.EXPERIMENT, flags.split()) == 0
    return workdir


def test_a_run_is_judged_and_drawn(judge, tmp_path, capsys):
    flags = [*TINY.split(), f"--judge={judge}", "--conditional", f"--workdir={tmp_path / 'run'}"]
    assert cli.main(gan.EXPERIMENT, flags) == 0
    printed = capsys.readouterr()
    assert "% right on its test split" in printed.out
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert list(summary["metrics"]) == ["test_classifier_fid", "test_confident", "test_rarest_class", "test_as_asked"]
    drawn = {path.name for path in (tmp_path / "run/samples").iterdir()}
    assert {"samples.png", "interpolations.png", "neighbours.png", "scores.png", "looks.png", "training.gif"} <= drawn
    text = (tmp_path / "run/report.html").read_text()
    assert "training images" in text
    assert "classifier-FID" in text
    sample = ["--sample_only", "--count=9", "--of_class=3", f"--workdir={tmp_path / 'run'}"]
    assert cli.main(gan.EXPERIMENT, sample) == 0
    assert (tmp_path / "run/samples/drawn-3-0.png").exists()
    refused(
        capsys, cli.main(gan.EXPERIMENT, [*sample[:2], "--of_class=cat", sample[-1]]), "unknown class 'cat'; known: 0"
    )


def test_a_judge_is_trained_once_beside_the_runs(tmp_path, capsys, monkeypatch):
    quick = {"network": "cnn", "channels": "2", "hidden": "6", "steps": 2, "batch_size": 8}
    monkeypatch.setitem(classify.PRESETS, "judge", quick)
    for name in ("one", "two"):
        flags = [*TINY.split(), "--network=dense", "--hidden=8", "--critic_hidden=8"]
        flags = [flag for flag in flags if flag.split("=")[0] not in ("--width", "--halvings", "--dense")]
        assert cli.main(gan.EXPERIMENT, [*flags, f"--workdir={tmp_path / name}"]) == 0
    names = sorted(path.name.split("_")[0] for path in tmp_path.iterdir() if path.is_dir())
    assert names == ["judge", "one", "two"]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--classes=0-4", "was trained on the labels 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, not 0, 1, 2, 3, 4"),
        ("--batch_size=2000", "a batch of 2000 is larger than the set"),
        ("--halvings=4", "images of 8x8 pixels can be halved 3 times"),
    ],
)
def test_wrong_flags(flags, sentence, judge, tmp_path, capsys):
    argv = [*TINY.split(), f"--judge={judge}", f"--workdir={tmp_path / 'run'}", *flags.split()]
    refused(capsys, cli.main(gan.EXPERIMENT, argv), sentence)
    assert not (tmp_path / "run").exists()


def test_what_is_no_judge_and_no_generator(judge, tmp_path, capsys):
    run = [*TINY.split(), "--judge=none", f"--workdir={tmp_path / 'run'}"]
    assert cli.main(gan.EXPERIMENT, run) == 0
    capsys.readouterr()
    other = [*TINY.split(), f"--judge={tmp_path / 'run'}", f"--workdir={tmp_path / 'other'}"]
    refused(capsys, cli.main(gan.EXPERIMENT, other), "a judge is a classifier: --network=cnn")
    refused(capsys, cli.main(gan.EXPERIMENT, ["--sample_only", f"--workdir={judge}"]), "which has no generator")
    asked = ["--sample_only", "--of_class=1", f"--workdir={tmp_path / 'run'}"]
    refused(capsys, cli.main(gan.EXPERIMENT, asked), "was not trained with --conditional")


def test_points(tmp_path, capsys):
    flags = "--hidden=8 --critic_hidden=8 --steps=4 --log_every=2 --eval_every=2 --batch_size=8"
    assert cli.main(mixtures.EXPERIMENT, [*flags.split(), f"--workdir={tmp_path / 'run'}"]) == 0
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert list(summary["metrics"]) == ["test_modes", "test_good", "test_energy_distance"]
    assert (tmp_path / "run/samples/clouds.png").exists()
    capsys.readouterr()
    refused(capsys, cli.main(mixtures.EXPERIMENT, ["--dataset=cube"]), "unknown mixture 'cube'; known: ring, grid")


def test_games_side_by_side(tmp_path, capsys, monkeypatch):
    for name, value in {"CHUNK": 250, "SAMPLES": 200, "SHOWN": 50}.items():
        monkeypatch.setattr(modes, name, value)
    monkeypatch.setitem(mixtures.EXPERIMENT.defaults, "hidden", "8")
    (chapter,) = modes.modes([f"--workdir={tmp_path}", "--games=r1,minimax", "--seeds=2", "--steps=500"])
    assert [row[0].text for row in chapter.tables[0].rows] == ["r1", "minimax"]
    assert (tmp_path / "report.html").exists()
    assert "modes," in capsys.readouterr().out
    assert np.isfinite(float(chapter.tables[0].rows[0][2].text.split(" %")[0]))
