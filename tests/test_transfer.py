"""The comparison of transferred layers with a start from scratch, end to end."""

import json

import numpy as np
import pytest

from experiments import classify, transfer
from jaxgen.run import cli
from jaxgen.run.experiment import nothing

SMALL = ["--steps=4", "--log_every=2", "--eval_every=4"]


@pytest.mark.slow
def test_every_seed_is_trained_three_times(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(transfer, "NETWORK", ["--network=mlp", "--hidden=8,8"])
    monkeypatch.setattr(transfer, "KNOWN", SMALL)
    monkeypatch.setattr(transfer, "NEW", SMALL)
    monkeypatch.setattr(classify, "EXPERIMENT", classify.EXPERIMENT._replace(show=nothing))  # most of the time
    flags = [f"--workdir={tmp_path}", "--dataset=digits", "--per_class=5", "--seeds=2", "--freeze=layer1"]
    assert cli.guarded("transfer", lambda: transfer.transfer(flags)) == 0
    out = capsys.readouterr().out
    assert "means of 2 seeds with their ranges" in out
    summaries = {path.parent.name: json.loads(path.read_text()) for path in tmp_path.glob("*/summary.json")}
    kinds = ("known", "transferred", "from_scratch")
    assert set(summaries) == {f"{kind}{seed}" for kind in kinds for seed in (0, 1)}
    accuracy = lambda name: summaries[name]["metrics"]["test_accuracy"]["value"]
    gained = [accuracy(f"transferred{n}") - accuracy(f"from_scratch{n}") for n in (0, 1)]
    assert (
        f"gained, seed by seed: {100 * np.mean(gained):.2f} % ({100 * min(gained):.2f} to {100 * max(gained):.2f})"
        in out
    )
    drawn = {name: json.loads((tmp_path / name / "config.json").read_text())["data"] for name in summaries}
    assert drawn["transferred0"] == drawn["from_scratch0"] != drawn["from_scratch1"] == drawn["transferred1"]
    assert summaries["transferred1"]["config"]["init_from"] == str(tmp_path / "known1")
    assert summaries["from_scratch1"]["config"]["freeze"] == ""
    assert (tmp_path / "report.html").stat().st_size > 10_000


@pytest.mark.ci
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("--known=0-4,x", "digits has no class 'x'"),
        ("--new=5-x", "digits has no class '5-x'"),
        ("--new=7", "1 class"),
        ("--freeze=layer9", "there is no layer 'layer9'"),
        ("--per_class=1000", "--per_class=1000 is more than"),
        ("--seeds=1", "--seeds must be at least 2"),
    ],
)
def test_wrong_flags_are_refused_before_anything_is_trained(wrong, message, tmp_path, capsys):
    flags = [f"--workdir={tmp_path / 'new'}", "--dataset=digits", wrong]
    assert cli.guarded("transfer", lambda: transfer.transfer(flags)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
