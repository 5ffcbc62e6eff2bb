"""Dreams from the command line: what a run leaves, how it goes on, and what is refused."""

import json

import numpy as np
import pytest
from games import hardly_trained
from PIL import Image
from worker import refused

from experiments import dream
from jaxgen.figures import dreams
from jaxgen.run import cli

pytestmark = pytest.mark.ci

TINY = "--height=24 --octaves=3 --octave_scale=1.3 --steps=12 --log_every=2 --eval_every=2 --checkpoint_every=2"


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return hardly_trained(tmp_path_factory.mktemp("networks") / "network")


def go(network, workdir, *more):
    return cli.main(dream.EXPERIMENT, [*TINY.split(), f"--network={network}", f"--workdir={workdir}", *more])


def test_a_dream_is_brighter_to_the_network_and_says_how_it_was_made(network, tmp_path, capsys):
    assert go(network, tmp_path / "run") == 0
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    first, last = (summary["metrics"][f"{name}_loss"]["value"] for name in ("first", "last"))
    assert last > first
    assert [stage["config"]["shape"] for stage in summary["stages"]] == [[14, 21, 3], [18, 27, 3], [24, 36, 3]]
    with Image.open(tmp_path / "run/samples/dream.png") as picture:
        assert picture.size == (36, 24)
        assert json.loads(picture.text["jaxgen"])["octaves"] == 3
    assert {"before.png", "progress.gif"} <= {path.name for path in (tmp_path / "run/samples").iterdir()}
    assert "network: a classifier of 8x8x1 images" in capsys.readouterr().out
    sizes = dream.sizes((427, 640, 3), 4, 1.4)
    assert sizes == [(155, 233), (217, 326), (305, 457), (427, 640)]


@pytest.mark.parametrize("crash", [2, 6, 10])
def test_a_dream_that_was_interrupted_ends_with_the_same_bytes(crash, network, tmp_path, monkeypatch):
    """In any octave, at its end or between two of its updates."""
    more = ["--jitter=3", "--frames=1", "--optimizer=adam"]
    assert go(network, tmp_path / "whole", *more) == 0
    picture = dreams.picture

    def interrupted(stage, state):
        if len(list((tmp_path / "parts/samples").glob("step-*"))) == crash // 2:
            raise KeyboardInterrupt
        return picture(stage, state)

    monkeypatch.setattr(dreams, "picture", interrupted)
    assert go(network, tmp_path / "parts", *more) != 0
    monkeypatch.setattr(dreams, "picture", picture)
    assert go(network, tmp_path / "parts", *more) == 0
    for name in ("dream.png", "progress.gif"):
        assert (tmp_path / "whole/samples" / name).read_bytes() == (tmp_path / "parts/samples" / name).read_bytes()


def test_a_guide_tiles_and_frames(network, tmp_path, capsys):
    more = ["--guide=flower", "--tile=16", "--frames=2", "--zoom=1.5", "--layers=layer1", "--octaves=2"]
    assert go(network, tmp_path / "run", *more) == 0
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert len(summary["stages"]) == 4
    capsys.readouterr()
    refused(capsys, go(network, tmp_path / "run", *more, "--guide=china"), "run holds another configuration (data: ")


def test_what_cannot_be_dreamt(network, tmp_path, capsys):
    Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(tmp_path / "dot.png")
    for more, sentence in (
        ("--layers=layer7", "no activation 'layer7'; the nearest: layer2, layer1"),
        ("--layers=a//b", "--layers is a list of layers"),
        ("--image=nowhere.jpg", "there is no file or folder nowhere.jpg"),
        (f"--image={tmp_path}/dot.png --height=0", "is too small: the classifier takes 2 pixels a side, and 0 x 0"),
        ("--steps=2", "are too few for 3 stages"),
        ("--guide=flower --layers=layer1/0", "--guide excites whole layers"),
        ("--network=nothing", "is neither a directory nor a network"),
        (f"--weights={tmp_path}/dot.png", "--weights and --download are of vgg16"),
        ("--layers=output", "reads images of 8 x 8 pixels"),
    ):
        refused(capsys, go(network, tmp_path / "run", *more.split()), sentence)
        assert not (tmp_path / "run").exists()
