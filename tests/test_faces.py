"""VAEs of deep features from the command line: what a run leaves, both VAEs side by side, refusals."""

import json
import shutil

import pytest
from games import hardly_trained
from worker import everything, refused

from experiments import faces, perceptual
from jaxgen.run import cli

pytestmark = pytest.mark.ci

TINY = ["--dataset=digits", "--coder=mlp", "--latent=3", "--steps=2", "--batch_size=16"]


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    return [hardly_trained(folder / name) for name in ("one", "other")]


def go(workdir, network, *flags):
    argv = [*TINY, "--layers=layer1:100", f"--network={network}", f"--workdir={workdir}", *flags]
    return cli.main(perceptual.EXPERIMENT, argv)


def test_a_run_measures_and_draws_and_is_the_same_if_streamed(networks, tmp_path):
    """With the network beside examples that stay on the device, or are read from the host."""
    for name, flags in (("resident", []), ("streamed", ["--resident_mb=0"])):
        assert go(tmp_path / name, networks[0], "--mirror", *flags) == 0
    summaries = [json.loads((tmp_path / name / "summary.json").read_text()) for name in ("resident", "streamed")]
    assert list(summaries[0]["metrics"]) == ["test_loss", "test_features", "test_kl", "test_squared_error"]
    assert summaries[0]["params_sha256"] == summaries[1]["params_sha256"]
    assert (tmp_path / "resident/samples/reconstructions.png").exists()


def test_both_side_by_side(networks, tmp_path, capsys):
    argv = [*TINY, "--attribute=3", f"--network={networks[0]}", "--layers=layer1:100", f"--judge={networks[1]}"]
    chapters = faces.faces([*argv, f"--workdir={tmp_path / 'faces'}"])
    assert [len(table.rows) for table in chapters[0].tables] == [3, 4]
    pictures = {"reconstructions.png", "moved-plain.png", "moved-perceptual.png"}
    assert {path.name for path in (tmp_path / "faces/figures").glob("*.png")} == pictures
    assert "the VAE of deep features, '3' goes: by -" in capsys.readouterr().out
    shutil.copytree(tmp_path / "faces", tmp_path / "none", ignore=shutil.ignore_patterns("figures"))
    (tables, *_) = [
        chapter.tables for chapter in faces.faces([*argv, "--attribute=", f"--workdir={tmp_path / 'none'}"])
    ]
    assert [row[1:] for row in tables[0].rows] == [row[1:] for row in chapters[0].tables[0].rows]
    assert {path.name for path in (tmp_path / "none/figures").glob("*.png")} == {"reconstructions.png"}


def test_what_cannot_be_used(networks, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    before = everything(tmp_path)
    for flags, sentence in (
        (["--layers=layer9"], "no activation 'layer9'"),
        (["--layers=layer1/2"], "--layers compares whole layers, not channel 2 of layer1"),
        (["--layers="], "--layers must be given"),
        (["--network=squeezenet", f"--data_dir={tmp_path}", "--layers=fire2"], "there are no weights of squeezenet"),
        (["--weights=none.h5"], "--weights and --download are of"),
        (["--coder=rnn"], "mlp"),
    ):
        code = go(tmp_path / "run", networks[0], *flags)
        refused(capsys, code, sentence)
    both = [*TINY, f"--network={networks[0]}", "--layers=layer1", f"--workdir={tmp_path / 'faces'}"]
    for flags, sentence in (
        ([f"--judge={networks[0]}", "--attribute=3"], "is the network of the training"),
        ([f"--judge={networks[1]}", "--attribute=ten"], "--attribute=ten is no class of digits"),
    ):
        refused(capsys, cli.guarded("faces", lambda argv=[*both, *flags]: faces.faces(argv)), sentence)
    assert everything(tmp_path) == before
