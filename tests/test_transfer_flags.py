"""A classifier that starts from another run: what it takes over, and what is refused."""

import sys

import chex
import jax
import numpy as np
import pytest
import worker
from worker import everything, refused

from experiments import classify
from jaxgen.run import cli
from jaxgen.run.load import load

pytestmark = pytest.mark.slow  # every test trains networks with convolutions

NETWORK = ["--network=cnn", "--channels=3", "--hidden=6", "--batch_norm"]
TINY = ["--dataset=digits", "--steps=1", "--batch_size=32", "--eval_every=2"]
STILL = ["--optimizer=sgd", "--learning_rate=1e-30"]  # too little to change a float32


@pytest.fixture(autouse=True)
def without_plots(monkeypatch):
    """Quicker."""
    for package in ("matplotlib", "matplotlib.figure", "jinja2", "tensorboardX.event_file_writer"):
        monkeypatch.setitem(sys.modules, package, None)


def go(workdir, *flags):
    return cli.main(classify.EXPERIMENT, [*TINY, *NETWORK, f"--workdir={workdir}", *flags])


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A run of the classes 0 to 4."""
    workdir = tmp_path_factory.mktemp("runs") / "source"
    assert go(workdir, "--classes=0-4", "--steps=4", "--learning_rate=0.1") == 0
    return workdir


def states(workdir, source):
    return load(workdir)[1], load(source)[1]


def test_with_the_same_classes_the_output_comes_too(source, tmp_path):
    """Bit for bit, and the running statistics of what is frozen."""
    freeze = "--freeze=layer1,layer2"
    assert go(tmp_path / "run", f"--init_from={source}", "--classes=0-4", freeze, *STILL) == 0
    ours, theirs = states(tmp_path / "run", source)
    chex.assert_trees_all_equal((ours.params, ours.carry), (theirs.params, theirs.carry))
    assert int(ours.step) == 1


@pytest.mark.parametrize("classes", ["4,3,2,1,0", "7,8,9"])
def test_of_other_classes_the_output_starts_anew(classes, source, tmp_path):
    """Be they only in another order: the rest is taken bit for bit, and statistics move on from theirs."""
    assert go(tmp_path / "run", f"--init_from={source}", f"--classes={classes}", "--freeze=layer1", *STILL) == 0
    ours, theirs = states(tmp_path / "run", source)
    output = ours.params["output"]["kernel"]
    assert output.shape == (6, len(classes.split(",")))
    assert not np.isin(output, theirs.params["output"]["kernel"]).any()
    for name in ("layer1", "layer2"):
        chex.assert_trees_all_equal(ours.params[name], theirs.params[name])
    stats, before = ours.carry["batch_stats"], theirs.carry["batch_stats"]
    chex.assert_trees_all_equal(stats["layer1"], before["layer1"])
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max() / np.abs(b).max(), stats["layer2"], before["layer2"])
    assert all(0 < each < 0.5 for each in jax.tree.leaves(moved))


def test_other_architectures_are_named(source, tmp_path, capsys):
    colours = tmp_path / "colours.npz"
    np.savez(colours, images=np.zeros((60, 8, 8, 3), np.uint8), labels=np.arange(60) % 3)
    (tmp_path / "nothing").mkdir()
    assert worker.go(tmp_path, f"--workdir={tmp_path / 'vae'}", "--steps=1") == 0
    capsys.readouterr()
    before = everything(tmp_path)

    def says(fragment, *flags, init_from=source):
        refused(capsys, go(tmp_path / "run", f"--init_from={init_from}", "--classes=0-4", *flags), fragment)

    there = f"--init_from={source} is another architecture: layer1.linear.kernel is [3, 3, 1, 3] there and"
    says(f"{there} [3, 3, 3, 3] here", f"--dataset={colours}", "--classes=0-2")
    of_another = "is a run of jaxgen.techniques.autoencoders.vae, and this is one of jaxgen.techniques.vision.cnn"
    says(of_another, init_from=tmp_path / "vae")
    network = ["--network=mlp", "--hidden=6", f"--init_from={source}", f"--workdir={tmp_path / 'run'}"]
    of_another = "is a run of jaxgen.techniques.vision.cnn, and this is one of jaxgen.techniques.vision.mlp"
    refused(capsys, cli.main(classify.EXPERIMENT, [*TINY, *network]), of_another)
    says("nothing holds no run", init_from=tmp_path / "nothing")
    says("there is no layer 'layer3'; known: layer1, layer2, output", "--freeze=layer3")
    assert everything(tmp_path) == before


def test_another_activation_is_another_architecture(source, tmp_path, capsys):
    """Its arrays have the same shapes."""
    assert go(tmp_path / "run", f"--init_from={source}", "--classes=0-4", "--activation=tanh") == 2
    assert "another activation (relu) than this one (tanh)" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
