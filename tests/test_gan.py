"""Games from the command line: judges, samples, points, refusals."""

import json

import jax
import numpy as np
import pytest
from games import TINY, hardly_trained
from worker import refused

from experiments import classify, gan, mixtures, modes
from jaxgen.core import loop
from jaxgen.core.types import Refused
from jaxgen.run import cli, conduct, judges
from jaxgen.run.parsing import parse

pytestmark = pytest.mark.ci


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    return hardly_trained(tmp_path_factory.mktemp("judges") / "judge")


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


def test_a_judge_is_trained_on_all_images_as_the_machine_computes_for_the_run(tmp_path, capsys, monkeypatch):
    """Beside the directory of the run, whose name may end in a slash."""
    monkeypatch.setitem(classify.PRESETS, "judge", {"network": "cnn", "channels": "2", "hidden": "6", "steps": 2})
    flags = [*TINY.split(), "--per_class=5", "--seed=3", "--matmul_precision=float32", f"--workdir={tmp_path / 'run'}/"]
    assert cli.main(gan.EXPERIMENT, flags) == 0
    (judge,) = (path for path in tmp_path.iterdir() if path.name != "run")
    theirs, ours = (json.loads((path / "config.json").read_text()) for path in (judge, tmp_path / "run"))
    assert judge.name == f"judge_{theirs['data'][:8]}"
    assert theirs["data"] != ours["data"]
    assert (theirs["flags"]["batch_size"], theirs["flags"]["matmul_precision"]) == (128, "float32")
    assert "per_class" not in theirs["flags"]
    assert "another set" not in capsys.readouterr().out


def test_a_judge_of_other_images_is_named(judge, capsys):
    shape, labels = (8, 8, 1), tuple("0123456789")
    assert "another set" in judges.described(judges.load_judge(judge, shape, labels, "0" * 64))
    same = json.loads((judge / "config.json").read_text())["data"]
    assert "another set" not in judges.described(judges.load_judge(judge, shape, labels, same))
    for number, name in enumerate(("a", "a/", "./a/../a")):
        assert judges.place("auto", f"/runs/{name}", "0123456789") == "/runs/judge_01234567", number
    with pytest.raises(Refused, match="tells classes apart, and these images have none"):
        judges.load_judge(judge, shape, ())


def test_the_books_preset_on_colour_images_without_classes(tmp_path, capsys):
    """Both players have the book's optimiser, batches are in order, and nothing is judged by classes."""
    np.save(tmp_path / "images.npy", np.random.default_rng(0).integers(0, 256, (30, 24, 24, 3), np.uint8))
    flags = "--preset=chollet --width=2 --latent=2 --steps=2 --batch_size=4 --log_every=2 --eval_every=2"
    argv = [*flags.split(), f"--dataset={tmp_path / 'images.npy'}", f"--workdir={tmp_path / 'run'}"]
    assert cli.main(gan.EXPERIMENT, argv) == 0
    assert capsys.readouterr().out.count("judge: none, as these images") == 1
    config = json.loads((tmp_path / "run/config.json").read_text())["flags"]
    for prefix in ("", "critic_"):
        own = [config[prefix + name] for name in ("optimizer", "eps", "eps_inside_root", "clip_value")]
        assert own == ["rmsprop", 1e-7, True, 1.0]
    assert config["in_order"] is True
    assert list(json.loads((tmp_path / "run/summary.json").read_text())["metrics"]) == ["test_energy_distance"]
    assert {path.name for path in tmp_path.iterdir()} == {"images.npy", "run"}


GAMES = {
    "grey": f"{TINY} --conditional --penalty_every=2 --diff_augment=color,cutout",
    "book": "--preset=chollet --width=2 --latent=2 --batch_size=4 --log_every=2 --eval_every=2",
}


@pytest.mark.parametrize("game", GAMES)
def test_a_game_that_is_continued_ends_with_the_same_parameters(game, tmp_path, capsys):
    """Averages, lazy penalties, dropout and both optimisers go on where they were; the contract has other critics."""
    np.save(tmp_path / "images.npy", np.random.default_rng(0).integers(0, 256, (30, 24, 24, 3), np.uint8))
    flags = GAMES[game].split() + [f"--dataset={tmp_path / 'images.npy'}"] * (game == "book")
    for name, steps in (("straight", (4,)), ("continued", (1, 3, 4))):
        for count in steps:
            argv = [*flags, "--judge=none", f"--steps={count}", f"--workdir={tmp_path / name}"]
            assert cli.main(gan.EXPERIMENT, argv) == 0
    ends = [json.loads((tmp_path / name / "summary.json").read_text()) for name in ("straight", "continued")]
    assert ends[0]["params_sha256"] == ends[1]["params_sha256"]
    assert ends[0]["metrics"] == ends[1]["metrics"]
    assert ("one channel" in capsys.readouterr().out) is (game == "grey")


def test_points(tmp_path, capsys):
    flags = "--hidden=8 --critic_hidden=8 --steps=4 --log_every=2 --eval_every=2 --batch_size=8"
    assert cli.main(mixtures.EXPERIMENT, [*flags.split(), f"--workdir={tmp_path / 'run'}"]) == 0
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert list(summary["metrics"]) == ["test_modes", "test_good", "test_energy_distance"]
    assert (tmp_path / "run/samples/clouds.png").exists()
    capsys.readouterr()
    refused(
        capsys, cli.main(gan.EXPERIMENT, ["--sample_only", f"--workdir={tmp_path / 'run'}"]), "holds a run of points"
    )
    for path in (tmp_path / "run/samples").iterdir():  # a report needs none of them
        path.unlink()
    assert cli.main(mixtures.EXPERIMENT, [*flags.split(), f"--workdir={tmp_path / 'run'}"]) == 0
    capsys.readouterr()
    refused(capsys, cli.main(mixtures.EXPERIMENT, ["--dataset=cube"]), "unknown mixture 'cube'; known: ring, grid")


def test_games_side_by_side(tmp_path, capsys, monkeypatch):
    for name, value in {"CHUNK": 4, "SAMPLES": 200, "SHOWN": 50}.items():
        monkeypatch.setattr(modes, name, value)
    monkeypatch.setitem(mixtures.EXPERIMENT.defaults, "hidden", "8")
    (chapter,) = modes.modes([f"--workdir={tmp_path}", "--games=r1,minimax", "--seeds=2", "--steps=6"])
    assert [row[0].text for row in chapter.tables[0].rows] == ["r1", "minimax"]
    assert (tmp_path / "report.html").exists()
    assert "modes," in capsys.readouterr().out
    assert np.isfinite(float(chapter.tables[0].rows[0][2].text.split(" %")[0]))
    with pytest.raises(Refused, match="--games must name presets"):
        modes.modes([f"--workdir={tmp_path}", "--games="])


def test_a_seed_among_others_is_the_run_with_that_seed(monkeypatch):
    monkeypatch.setattr(modes, "CHUNK", 4)
    setting = conduct.read(mixtures.EXPERIMENT, parse(mixtures.EXPERIMENT, ["--steps=6", "--hidden=8"]))
    (stage,) = mixtures.EXPERIMENT.plan(setting)
    *_, last = loop.train([stage], jax.random.key(1), 6)
    states = modes.states_after(stage.technique, stage.source, 2, 6)
    assert states.step.tolist() == [6, 6]
    for ours, alone in zip(*map(jax.tree.leaves, (states.params, last.state.params)), strict=True):
        np.testing.assert_allclose(ours[1], alone, atol=1e-4)
