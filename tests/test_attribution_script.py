"""What speaks for a class, from the command line: pictures, numbers, and what is refused."""

import json

import numpy as np
import pytest
from games import hardly_trained
from weight_files import drawn, pickled, write_keras, write_pth
from worker import refused

from experiments import attribution, halves
from jaxgen.run import cli

pytestmark = pytest.mark.ci


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return hardly_trained(tmp_path_factory.mktemp("networks") / "network")


def go(network, workdir, *more):
    quick = [] if any(flag.startswith("--pairs") for flag in more) else ["--points=4"]
    argv = [f"--network={network}", f"--workdir={workdir}", *quick, *more]
    return cli.guarded("attribution", lambda: attribution.attribution(argv))


def test_the_most_probable_class_of_an_image_of_its_set(network, tmp_path, capsys):
    assert go(network, tmp_path, "--points=300") == 0
    out = capsys.readouterr().out
    assert "network: a classifier of 8x8x1 images" in out
    assert "image: test image 0 of digits, of class" in out
    (classes,) = (line for line in out.splitlines() if line.startswith("classes: "))
    assert f"target: the logit of class {classes.split()[1]}\n" in out
    (gap,) = (line.split()[-3] for line in out.splitlines() if line.startswith("integrated"))
    assert float(gap.rstrip(",")) < 0.05
    names = {"image", "grad_cam", "integrated_gradients", "occlusion", "activations_layer1"}
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == names
    assert "Completeness of 300 points" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        (["--image=digits/7", "--target=3", "--baseline=white"], ["test image 7 of", "the logit of class 3"]),
        (["--target=layer1/1", "--image=china", "--height=20"], ["china, 20 x 30 pixels", "of channel 1 of layer1"]),
        (["--image=flower"], ["image: flower, 8 x 8 pixels"]),
        (["--target=output/2,layer1:0.5"], ["target: the logit of class 2 + 0.5 x the mean square of layer1"]),
    ],
)
def test_other_images_and_targets(more, lines, network, tmp_path, capsys):
    assert go(network, tmp_path, *more) == 0
    out = capsys.readouterr().out
    assert all(line in out for line in lines), out


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("--target=cat", "has neither such a class (known: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9) nor such a layer (output"),
        ("--layer=layer9", "no activation 'layer9'; the nearest: layer2, layer1"),
        ("--layer=output", "--layer=output of the classifier has no positions; layer1 have"),
        ("--target=layer1/0 --layer=layer2", "has no positions"),
        ("--target=layer1/99", "channels go from 0 to 1, not to 99"),
        ("--image=nowhere.jpg", "there is no file or folder nowhere.jpg"),
        ("--image=digits/180", "the test images of digits go from 0 to 179, not to 180"),
        ("--height=20 --image=china", "--height=20: the classifier reads images of 8 x 8 pixels only"),
        ("--network=squeezenet --target=cat", "squeezenet has no activation 'cat'"),
        ("--network=squeezenet --target=7 --data_dir=.", "no weights of squeezenet with its classifier"),
        ("--pairs=2", "is no network with convolutions for the images of experiments.halves"),
        ("--pairs=2 --image=china", "--image is not for --pairs, whose images are digits"),
        ("--baseline=red", "--baseline"),
    ],
)
def test_what_cannot_be_asked(more, sentence, network, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    refused(capsys, go(network, tmp_path / "run", *more.split()), sentence)
    assert not (tmp_path / "run").exists()


FIRST = {"block1_conv1/kernel:0": drawn(3, 3, 3, 64), "block1_conv1/bias:0": drawn(64)}
SMALL = {"block1_conv1/kernel:0": drawn(3, 3, 3, 8), "block1_conv1/bias:0": drawn(8)}


def truncated(path):
    write_keras(path, {"block1_conv1": FIRST})
    path.write_bytes(path.read_bytes()[:-100])


WRONG = {
    "block1_conv1 of vgg16: expected kernel (3, 3, 3, 64), found (3, 3, 3, 8)": (
        "--target=block1_conv1/0",
        lambda path: write_keras(path, {"block1_conv1": SMALL}),
    ),
    "the file holds no layer of vgg16, but conv1": (
        "",
        lambda path: write_keras(path, {"conv1": {"conv1/kernel:0": drawn(3, 3, 3, 8)}}),
    ),
    "lacks block1_conv2, needed for block1_conv2": (
        "--target=block1_conv2/3",
        lambda path: write_keras(path, {"block1_conv1": FIRST}),
    ),
    "is truncated": ("", truncated),
    "posix.system": ("", lambda path: write_pth(path, {}, b"cposix\nsystem\n" + pickled({})[2:])),
}


@pytest.mark.parametrize(("sentence", "flag", "write"), [(says, *how) for says, how in WRONG.items()])
def test_weights_that_cannot_be_used(sentence, flag, write, tmp_path, capsys):
    pytest.importorskip("h5py")
    write(tmp_path / "weights.h5")
    code = go("vgg16", tmp_path / "run", f"--weights={tmp_path}/weights.h5", "--image=china", *flag.split())
    refused(capsys, code, sentence)
    assert not (tmp_path / "run").exists()


def test_the_deepest_block_that_a_partial_file_holds(tmp_path, capsys):
    pytest.importorskip("h5py")
    write_keras(tmp_path / "weights.h5", {"block1_conv1": FIRST})
    assert go("vgg16", tmp_path / "run", f"--weights={tmp_path}/weights.h5", "--image=china", "--height=32") == 0
    out = capsys.readouterr().out
    assert "of block1_conv1\n" in out
    assert "classes: " not in out


def test_maps_of_pairs_by_a_network_of_halves(tmp_path, capsys):
    argv = f"--channels=2,3 --steps=2 --batch_size=8 --log_every=2 --workdir={tmp_path / 'network'}"
    assert cli.main(halves.EXPERIMENT, argv.split()) == 0
    config = json.loads((tmp_path / "network/config.json").read_text())
    assert config["stages"][0]["config"]["shape"] == [8, 16, 1]
    argv = ["--pairs=5", "--split=valid", f"--network={tmp_path / 'network'}", f"--workdir={tmp_path / 'run'}"]
    assert cli.guarded("attribution", lambda: attribution.attribution(argv)) == 0
    out = capsys.readouterr().out
    assert "5 pairs of digits of the valid split, " in out
    shares = [float(line.split("%")[0].split()[-1]) for line in out.splitlines() if " of the mass; " in line]
    assert len(shares) == 3
    assert np.all((np.array(shares) >= 0) & (np.array(shares) <= 100))
    assert {path.name for path in (tmp_path / "run/figures").iterdir()} == {"pairs.png", "worst_pairs.png"}
    assert "Wilson" in (tmp_path / "run/report.html").read_text()
