"""Images of classes and channels from the command line."""

import json

import pytest
from games import hardly_trained
from PIL import Image
from worker import refused

from experiments import visualize
from jaxgen.run import cli

pytestmark = pytest.mark.ci

TINY = "--steps=4 --log_every=2 --eval_every=2 --checkpoint_every=2"


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return hardly_trained(tmp_path_factory.mktemp("networks") / "network")


def go(network, workdir, *more):
    return cli.main(visualize.EXPERIMENT, [*TINY.split(), f"--network={network}", f"--workdir={workdir}", *more])


def test_classes_print_their_probabilities_on_the_way(network, tmp_path, capsys):
    assert go(network, tmp_path / "run", "--targets=3-5,9") == 0
    printed = capsys.readouterr().out
    assert "class of output: 3, 4, 5, 9" in printed
    looks = [line for line in printed.splitlines() if line.startswith("after ")]
    assert [line.split()[1] for line in looks] == ["0", "2", "4"]
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert list(summary["metrics"]) == ["last_probability"]
    assert {"images.png", "measured.png", "progress.gif"} <= {
        path.name for path in (tmp_path / "run/samples").iterdir()
    }


def test_channels_in_fourier_coefficients(network, tmp_path):
    more = ["--preset=lucid", "--targets=0,1", "--size=24", "--diversity=0.5", "--layer=layer1"]
    assert go(network, tmp_path / "run", *more) == 0
    assert list(json.loads((tmp_path / "run/summary.json").read_text())["metrics"]) == ["last_objective"]


def test_a_judge_and_the_strongest_real_images(network, tmp_path, capsys):
    judge = hardly_trained(tmp_path / "judge")
    assert go(network, tmp_path / "run", "--targets=3,9", f"--judge={judge}", "--examples=digits") == 0
    assert "judge: a classifier of 8x8x1 images" in capsys.readouterr().out
    metrics = json.loads((tmp_path / "run/summary.json").read_text())["metrics"]
    assert list(metrics) == ["last_judge_probability", "last_judge_agrees", "last_probability"]
    # The judge has the parameters of the network itself, and so takes the images for the same.
    assert metrics["last_judge_probability"]["value"] == pytest.approx(metrics["last_probability"]["value"], rel=1e-5)
    with Image.open(tmp_path / "run/samples/examples.png") as picture:
        assert picture.width > 2 * picture.height  # two rows of five
    assert "which never saw one before" in (tmp_path / "run/report.html").read_text()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("--targets=cat", "there is no 'cat'; known: 0, 1, 2"),
        ("--what=channel --layer=layer1 --targets=0-2", "2 is not among 0-1"),
        ("--what=channel --layer=conv", "no activation 'conv'; the nearest: "),
        ("--size=24", "reads images of 8 x 8 pixels"),
        ("--what=neuron --layer=layer2", "--what=neuron --layer=layer2"),
        ("--size=1", "takes images of at least 2 pixels a side"),
        ("--what=channel --layer=layer1 --judge=auto", "--judge is of classes, and --what=channel has none"),
        ("--judge=nowhere", "nowhere"),
        ("--examples=glyphs", "--examples=glyphs has images of (28, 28, 1), and the network reads (8, 8, 1)"),
    ],
)
def test_what_cannot_be_shown(more, sentence, network, tmp_path, capsys):
    refused(capsys, go(network, tmp_path / "run", *more.split()), sentence)
    assert not (tmp_path / "run").exists()


def test_a_judge_of_other_classes(network, tmp_path, capsys):
    judge = hardly_trained(tmp_path / "judge", "glyphs")
    capsys.readouterr()
    refused(capsys, go(network, tmp_path / "run", f"--judge={judge}"), "apart, and not 0, 1, 2, 3, 4, 5, 6, 7, 8, 9")
