"""Every script from end to end with tiny flags; the tour's own promises."""

import json
import sys

import jax
import numpy as np
import pytest
from sklearn.svm import SVC

from experiments import tour, vae
from jaxgen.data.images import sets
from jaxgen.figures.latents import vmapped
from jaxgen.run import cli
from jaxgen.run.load import load

TINY = "--steps=6 --batch_size=32 --hidden=8 --log_every=2 --eval_every=2"


@pytest.mark.parametrize(
    "more",
    [
        "--latent=2",
        pytest.param("--latent=3 --likelihood=gaussian --importance_samples=7", marks=pytest.mark.ci),
        pytest.param("--preset=chollet --epochs=1 --batch_size=400", marks=pytest.mark.slow),
    ],
)
def test_vae_draws_and_reports_everything(more, tmp_path, capsys):
    workdir = tmp_path / "run"
    flags = f"--dataset=digits --workdir={workdir} {TINY} {more}"
    if "--epochs" in more:
        flags = flags.replace("--steps=6", "")
    assert cli.main(vae.EXPERIMENT, flags.split()) == 0
    summary = json.loads((workdir / "summary.json").read_text())
    assert summary["technique"] == "jaxgen.techniques.autoencoders.vae"
    likelihood = "gaussian" if "gaussian" in more else "greyscale"
    names = ("negative_elbo", "reconstruction", "kl", *(["nll"] if "importance" in more else []))
    assert {f"test_{name}_{likelihood}" for name in names} == set(summary["metrics"])
    assert all("nats per image" in metric["definition"] for metric in summary["metrics"].values())
    assert summary["steps"] == (1438 // 400 if "--epochs" in more else 6)
    drawn = {path.name for path in (workdir / "samples").iterdir()}
    wanted = {"samples.png", "reconstructions.png", "interpolations.png", "concepts.png", "codes.png"}
    assert wanted <= drawn
    assert ("manifold.png" in drawn) is ("--latent=3" not in more)
    assert (workdir / "report.html").stat().st_size > 10_000
    assert "test_negative_elbo" in capsys.readouterr().out
    assert len(list((workdir / "tensorboard").iterdir())) == 2  # of training, and of what was measured in the end
    log = (workdir / "metrics.jsonl").read_text()
    assert cli.main(vae.EXPERIMENT, flags.split()) == 0  # is shown again without training
    assert (workdir / "metrics.jsonl").read_text() == log
    ignored = {"date": "", "memory": {}}  # of the process that wrote it
    assert json.loads((workdir / "summary.json").read_text()) | ignored == summary | ignored


@pytest.mark.ci
def test_vae_on_a_file_without_labels_and_with_colours(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (200, 6, 5, 3), np.uint8)
    np.savez(tmp_path / "colours.npz", images=pixels)
    flags = f"--dataset={tmp_path / 'colours.npz'} --workdir={tmp_path / 'run'} {TINY} --network=conv --latent=2"
    assert cli.main(vae.EXPERIMENT, flags.split()) == 0
    drawn = {path.name for path in (tmp_path / "run/samples").iterdir()}
    assert "manifold.png" in drawn
    assert "concepts.png" not in drawn


@pytest.mark.ci
def test_without_the_reports_packages_training_still_succeeds(tmp_path, monkeypatch, capsys):
    for package in ("matplotlib", "matplotlib.figure", "jinja2", "tensorboardX.event_file_writer"):
        monkeypatch.setitem(sys.modules, package, None)
    flags = f"--dataset=digits --workdir={tmp_path / 'run'} {TINY} --latent=2".split()
    assert cli.main(vae.EXPERIMENT, flags) == 0
    assert (tmp_path / "run/summary.json").exists()
    assert not (tmp_path / "run/report.html").exists()
    assert capsys.readouterr().err.count("jaxgen[report]") == 2


@pytest.mark.ci
def test_the_tour_runs_its_chapters_and_ends_with_one_report(tmp_path, monkeypatch, capsys):
    small = tour.trained("A title", vae.EXPERIMENT, f"--dataset=digits {TINY} --latent=2")
    monkeypatch.setattr(tour, "CHAPTERS", {"one": small, "two": small, "long": small._replace(long=True)})
    tour.tour([f"--workdir={tmp_path}"])
    page = (tmp_path / "report.html").read_text()
    assert page.count("<img") == 2 * len(list((tmp_path / "one/samples").glob("[a-z]*[a-z].png"))) + 2
    assert not (tmp_path / "long").exists()
    assert capsys.readouterr().out.strip().endswith(str(tmp_path / "report.html"))
    assert cli.guarded("tour", lambda: tour.tour(["--only=three"])) == 2
    assert "known: one, two, long" in capsys.readouterr().err


@pytest.mark.slow
def test_the_tours_glyphs_are_legible(tmp_path):
    """A classifier fitted on real glyphs reads at least 60 % of the decoded test codes as their class."""
    stop = tour.CHAPTERS["vae"]
    assert stop.work([*stop.flags.split(), f"--workdir={tmp_path / 'vae'}"])
    glyphs = sets.load("glyphs")
    reader = SVC(C=10).fit(glyphs.train.image[:6000] / 255.0, glyphs.train.label[:6000])
    real = reader.score(glyphs.test.image / 255.0, glyphs.test.label)
    technique, state = load(tmp_path / "vae")
    decoded = np.asarray(vmapped(technique, "reconstruct")(state, jax.random.key(0), glyphs.test.image))
    read = reader.score(decoded, glyphs.test.label)
    print(f"read as their class: {real:.1%} of real test glyphs, {read:.1%} of decoded ones")
    assert real > 0.9
    assert read >= 0.6
