"""The scripts that compare what codes are good for: one small run of each, and what they refuse."""

import json

import numpy as np
import pytest

from experiments import codes, restore
from jaxgen.run import cli


def code_of(function, *flags):
    return cli.guarded("codes", lambda: function(list(flags)))


@pytest.mark.slow
def test_kinds_stand_beside_pixels_and_components(tmp_path, capsys):
    flags = [f"--workdir={tmp_path}", "--kinds=dense,clustered", "--seeds=2", "--steps=4", "--held_out=9", "--sizes=3"]
    assert code_of(codes.compare, *flags) == 0
    out = capsys.readouterr().out
    assert "10 codes of digits after 4 updates; means of 2 seeds with their ranges" in out
    rows = {line.split(":")[0]: line for line in out.splitlines() if "; ARI " in line}
    assert list(rows) == ["pixels", "PCA, 10", "dense", "clustered"]
    summaries = {path.parent.name: json.loads(path.read_text()) for path in tmp_path.glob("*/summary.json")}
    assert summaries.keys() == {"dense0", "dense1", "dense_3_0", "clustered0", "clustered1"}
    errors = [summaries[f"dense{n}"]["metrics"]["test_squared_error"]["value"] for n in (0, 1)]
    assert f"squared error {sum(errors) / 2:.4g} ({min(errors):.4g} to {max(errors):.4g})" in rows["dense"]
    assert "anomalies 0." in rows["PCA, 10"]
    assert "anomalies –" in rows["pixels"]
    drawn = {path.stem for path in tmp_path.glob("**/*.png")}
    assert {"neighbours", "filled_block", "filled_half", "compression", "singular_values"} <= drawn
    before = (tmp_path / "dense0/metrics.jsonl").read_bytes()
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert code_of(codes.compare, *flags[:1], "--kinds=dense", "--seeds=1", *flags[3:5]) == 0
    assert (tmp_path / "dense0/metrics.jsonl").read_bytes() == before


@pytest.mark.slow
def test_networks_stand_beside_filters(tmp_path, capsys):
    flags = ["--trained=masking", "--levels=0.1,0.5", "--steps=4", "--latent=8", "--test_corruption=salt_and_pepper"]
    assert code_of(restore.compare, f"--workdir={tmp_path}", *flags) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split(":")[0] for line in lines if "; 0.5 " in line]
    assert rows == ["corrupted", "median, 3 x 3", "median, 5 x 5", "PCA", "trained on masking"]
    assert {path.stem for path in tmp_path.glob("figures/*.png")} == {"restored_0", "restored_1"}


@pytest.mark.ci
@pytest.mark.parametrize(
    ("function", "wrong", "message"),
    [
        (codes.compare, "--kinds=dense,deep", "--kinds: no kind 'deep'; known are dense, sparse"),
        (codes.compare, "--kinds=,", "--kinds must name kinds"),
        (codes.compare, "--latent=0", "--latent must be at least 1, not 0"),
        (codes.compare, "--latent=65", "--latent and --sizes are at most 64"),
        (codes.compare, "--sizes=3,99", "--latent and --sizes are at most 64"),
        (codes.compare, "--held_out=0-8", "has 1; at least 2 are needed"),
        (codes.compare, "--held_out=x", "digits has no class 'x'"),
        (codes.compare, "--also=--k=3", "--k is for --kind=sparse, not dense"),
        (restore.compare, "--trained=blur", "--trained: no corruption 'blur'"),
        (restore.compare, "--trained=,", "--trained: it names none"),
        (restore.compare, "--levels=0.1,x", "--levels are numbers above 0"),
        (restore.compare, "--test_corruption=masking --levels=1.5", "at most 1 for masking"),
    ],
)
def test_wrong_flags_are_refused_before_anything_is_trained(function, wrong, message, tmp_path, capsys):
    assert code_of(function, f"--workdir={tmp_path / 'new'}", *wrong.split()) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.ci
def test_what_the_images_do_not_allow_is_refused(tmp_path, capsys):
    images = np.zeros((60, 8, 8), np.uint8)
    np.save(tmp_path / "plain.npy", images)
    np.savez(tmp_path / "many.npz", images=images, labels=np.arange(60) % 20)
    for name, message in (("plain.npy", "has no classes"), ("many.npz", "20 clusters, one a class")):
        assert code_of(codes.compare, f"--workdir={tmp_path / 'new'}", f"--dataset={tmp_path / name}") == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
