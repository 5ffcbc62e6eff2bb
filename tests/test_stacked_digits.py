"""A game on stacked digits, with a judge of single ones."""

import json

import pytest
from made import idx_set

from experiments import classify, gan
from jaxgen.data.images import stacked
from jaxgen.figures import stacked_modes
from jaxgen.run import cli

FLAGS = "--dataset=stacked_mnist --network=dense --hidden=8 --critic_hidden=8 --latent=2 --steps=2 --batch_size=8"


@pytest.mark.ci
def test_a_judge_of_single_digits_counts_modes_in_the_report(tmp_path, capsys, monkeypatch):
    quick = {"network": "cnn", "channels": "2", "hidden": "6", "steps": 2, "batch_size": 8}
    monkeypatch.setitem(classify.PRESETS, "judge", quick)
    monkeypatch.setattr(stacked, "SIZES", {"train": 300, "valid": 20, "test": 80})
    monkeypatch.setattr(stacked_modes, "SAMPLES", 50)
    idx_set(tmp_path / "data/mnist")
    argv = [*FLAGS.split(), "--eval_every=2", f"--data_dir={tmp_path / 'data'}", f"--workdir={tmp_path / 'run'}"]
    assert cli.main(gan.EXPERIMENT, argv) == 0
    assert capsys.readouterr().out.count("% right on its test split") == 1
    (judge,) = tmp_path.glob("judge_*")
    config = json.loads((judge / "config.json").read_text())["stages"][0]["config"]
    assert (config["shape"], config["labels"]) == ([28, 28, 1], list("0123456789"))
    assert list(json.loads((tmp_path / "run/summary.json").read_text())["metrics"]) == ["test_energy_distance"]
    assert "modes of 1,000" in (tmp_path / "run/report.html").read_text()
