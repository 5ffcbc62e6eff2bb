"""The table of pre-trainings, end to end: rows, resuming, refusals."""

import json

import jax
import numpy as np
import pytest

from experiments import pretraining
from jaxgen.run import cli

pytestmark = pytest.mark.ci

TINY = ["--units=5", "--seeds=2", "--batch_size=300", "--pretrain_epochs=1", "--epochs=2"]


def go(workdir, *flags):
    return cli.guarded("pretraining", lambda: pretraining.pretraining([*TINY, f"--workdir={workdir}", *flags]))


def test_rows_are_kept_and_only_new_ones_are_trained(tmp_path, capsys, monkeypatch):
    assert go(tmp_path, "--rows=decay,none") == 0
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert list(rows) == ["decay", "none"]
    assert all(len(values) == 2 for row in rows.values() for values in row.values())
    assert rows["decay"]["test error"] != rows["none"]["test error"]
    made, own = [], pretraining.trained
    monkeypatch.setattr(pretraining, "trained", lambda name, *rest: (made.append(name), own(name, *rest))[1])
    capsys.readouterr()
    assert go(tmp_path, "--rows=decay,boltzmann,none") == 0
    out = capsys.readouterr().out
    assert made == ["boltzmann"]
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert rows["boltzmann"]["norm"] != rows["none"]["norm"]  # of the layer as it was before the labels
    assert f"weight decay: test error {100 * np.mean(rows['decay']['test error']):.1f} %" in out
    assert {path.stem for path in (tmp_path / "figures").glob("*.png")} == {"boltzmann", "decay", "none"}
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert go(tmp_path, "--rows=decay", "--units=6") == 2
    assert "holds rows of other flags (units: 5 there, 6 now)" in capsys.readouterr().err


def test_weight_decay_is_of_the_layer_alone():
    """A penalty is part of the optimiser, which keeps no trace of it in its State: the update shows it."""
    flags, _ = pretraining.alone("pretraining", pretraining.Flags, [*TINY, "--rows=decay,plain", "--decay=10"])
    data, _, stages = pretraining.planned(flags)
    batch = data.train.take(data.train.arrays, jax.random.key(0), 0)
    moved = {}
    for name, (layer, last) in stages.items():
        for part, stage in (("layer", layer), ("last", last)):
            state = jax.jit(stage.technique.init)(jax.random.key(0))
            moved[part, name] = np.asarray(jax.jit(stage.technique.step)(state, batch)[0].params["encoder_0"]["kernel"])
    assert np.abs(moved["layer", "decay"] - moved["layer", "plain"]).max() > 1e-4
    np.testing.assert_array_equal(moved["last", "decay"], moved["last", "plain"])


def test_measures_of_an_encoder():
    rng = np.random.default_rng(0)
    layer = {"kernel": np.float32(rng.normal(size=(4, 3))), "bias": np.float32(rng.normal(size=3) + 2)}
    x = np.float32(rng.uniform(size=(6, 4)))
    code = lambda x: jax.nn.sigmoid(x @ layer["kernel"] + layer["bias"])
    jacobians = np.asarray(jax.vmap(jax.jacrev(code))(x))
    norm, saturated = pretraining.encoder_measures(layer, x)
    assert float(norm) == pytest.approx(np.sqrt(np.square(jacobians).sum((1, 2))).mean(), rel=1e-5)
    codes = 1 / (1 + np.exp(-(x @ layer["kernel"] + layer["bias"][None])))
    assert float(saturated) == pytest.approx(((codes < 0.05) | (codes > 0.95)).mean())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("--rows=contractive,largest", "not largest; known: contractive, boltzmann, gaussian, masking, kl, decay"),
        ("--masked=1.5", "--masked must be at most 1.0"),
        ("--units=0", "--units must be at least 1"),
        ("--batch_size=5000", "batch"),
        ("--dataset=none", "none"),
    ],
)
def test_wrong_flags_are_refused_before_anything_is_trained(wrong, message, tmp_path, capsys):
    assert go(tmp_path / "new", wrong) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
