"""The classifier's script from end to end with tiny flags: pictures, numbers, exact resuming."""

import json
import sys

import jax
import numpy as np
import pytest

from experiments import classify
from jaxgen.core import loop
from jaxgen.core.config import changed
from jaxgen.core.types import Source, Stage
from jaxgen.data.images import sets
from jaxgen.figures import signals
from jaxgen.run import cli, watched
from jaxgen.run.load import load
from jaxgen.techniques.vision import classifier, mlp

TINY = ["--dataset=digits", "--steps=6", "--batch_size=32", "--hidden=8", "--log_every=2", "--eval_every=2"]
PICTURES = {"confusion.png", "layers.png", "training.png", "mistakes.png"}


@pytest.fixture
def without_plots(monkeypatch):
    """Where the report's packages are not installed: quicker, too."""
    for package in ("matplotlib", "matplotlib.figure", "jinja2", "tensorboardX.event_file_writer"):
        monkeypatch.setitem(sys.modules, package, None)


def go(workdir, *flags):
    return cli.main(classify.EXPERIMENT, [*TINY, f"--workdir={workdir}", *flags])


def measured(workdir, network="mlp"):
    """metric -> value, of summary.json."""
    summary = json.loads((workdir / "summary.json").read_text())
    assert summary["technique"] == f"jaxgen.techniques.vision.{network}"
    assert all(len(metric["definition"]) > 20 for metric in summary["metrics"].values())
    return {name: metric["value"] for name, metric in summary["metrics"].items()}


def drawn(workdir):
    return {path.name for path in (workdir / "samples").glob("*.png")}


@pytest.mark.ci
def test_a_run_draws_and_reports_everything(tmp_path, monkeypatch, capsys):
    """Many layers are set beside other starts of themselves; here, to be quick, two are many."""
    assert signals.DEEP < 51
    monkeypatch.setattr(signals, "DEEP", 2)
    workdir = tmp_path / "run"
    assert go(workdir, "--preset=deep", "--hidden=4x2") == 0
    out, metrics, digits = capsys.readouterr().out, measured(workdir), sets.load("digits")
    technique, state = load(workdir)
    predict = jax.jit(jax.vmap(technique.infer["predict"], (None, None, 0)))
    p, label = np.asarray(predict(state, jax.random.key(0), digits.test.image)), digits.test.label
    assert metrics["test_accuracy"] == pytest.approx(np.mean(p.argmax(1) == label), rel=1e-6)
    assert metrics["test_nll"] == pytest.approx(-np.log(p[np.arange(len(p)), label]).mean(), rel=1e-4)
    assert list(metrics) == ["test_accuracy", "test_nll", "test_calibration_error"]
    assert all(name in out for name in metrics)
    assert drawn(workdir) == PICTURES | {"starts.png"}
    assert f"report: {workdir / 'report.html'}" in out
    page = (workdir / "report.html").read_text()
    assert page.count("<img") >= 5
    for words in (
        "started in three ways",
        "taken for",
        "surest mistakes",
        "From the first layer to the output",
        "over training",
    ):
        assert words in page
    config = json.loads((workdir / "summary.json").read_text())["config"]
    assert config["decay_steps"] is None
    assert "label_smoothing" in page
    assert "decay_steps" not in page, "what was left to a default that is none is no news"
    assert (config["activation"], config["initializer"]) == ("sigmoid", "xavier_uniform")


@pytest.mark.ci
def test_without_the_reports_packages_training_still_succeeds(tmp_path, without_plots, capsys):
    """And layers are measured: before training and at each evaluation, on the first 256 images."""
    workdir = tmp_path / "run"
    assert go(workdir, "--activation=tanh") == 0
    assert list(measured(workdir)) == ["test_accuracy", "test_nll", "test_calibration_error"]
    assert not (workdir / "report.html").exists()
    assert not drawn(workdir)
    assert capsys.readouterr().err.count("jaxgen[report]") == 2
    kept = {path.name: dict(np.load(path)) for path in (workdir / "samples").glob("*.npz")}
    assert sorted(kept) == [f"layers-{step:08d}.npz" for step in (0, 2, 4, 6)]
    digits, (technique, last) = sets.load("digits"), load(workdir)
    batch = {"image": digits.train.image[:256], "label": digits.train.label[:256]}
    first = loop.first_state(Stage(technique, Source((), None), 6), jax.random.key(0))
    fields = {"shape": (8, 8, 1), "labels": digits.classes, "hidden": "8", "activation": "tanh"}
    measure = jax.jit(classifier.layer_statistics(mlp.network(changed(mlp.Config(), fields))))
    for step, state in ((0, first), (6, last)):
        expected = measure(state, jax.random.key(0), batch)
        for name, values in kept[f"layers-{step:08d}.npz"].items():
            assert values.shape == (2,)
            np.testing.assert_allclose(values, expected[name], rtol=1e-4, atol=1e-7)


@pytest.mark.slow
def test_convolutions_on_floats_in_colour(tmp_path):
    rng = np.random.default_rng(0)
    label = np.arange(200) % 3
    shade = rng.random((200, 7, 6, 3)) * 0.3 + 0.3 * label[:, None, None, None]
    np.savez(tmp_path / "colours.npz", images=shade.astype(np.float32), labels=label)
    flags = ["--network=cnn", "--channels=3", "--batch_norm", "--dropout=0.3", "--flip"]
    assert go(tmp_path / "run", f"--dataset={tmp_path / 'colours.npz'}", *flags) == 0
    assert next(iter(measured(tmp_path / "run", "cnn"))) == "test_accuracy"
    assert drawn(tmp_path / "run") - {"mistakes.png"} == PICTURES - {"mistakes.png"}  # there may be none
    assert load(tmp_path / "run")[1].params["layer1"]["linear"]["kernel"].shape == (3, 3, 3, 3)


@pytest.mark.ci
def test_statistics_of_later_steps_or_other_networks_are_not_shown(tmp_path):
    """A killed run may have been further than the checkpoint it goes on from."""
    folder = tmp_path / watched.FOLDER
    folder.mkdir()
    for step, layers in ((0, 3), (2, 3), (4, 3), (6, 3), (3, 2)):
        each = np.full(layers, step, np.float32)
        np.savez(folder / f"layers-{step:08d}.npz", gradient=each, mean=each, spread=each)
    np.savez(folder / "layers-00000002.npz", gradient=np.ones(3))
    (folder / "layers-00000001.npz").write_bytes(b"damaged")
    usable = signals.usable(watched.history(tmp_path, "layers", 4), 3)
    assert list(usable) == [0, 4]
    assert usable[4]["spread"].tolist() == [4, 4, 4]
