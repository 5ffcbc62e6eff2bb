"""Painting in one pass from the command line: what a run leaves, how it goes on, what paints with it, refusals."""

import json

import numpy as np
import pytest
from games import hardly_trained
from PIL import Image
from worker import refused

from experiments import fast_style
from jaxgen.run import cli
from jaxgen.run.load import load

pytestmark = pytest.mark.ci

TINY = "--crop=16 --width=2 --blocks=1 --steps=4 --batch_size=2 --log_every=1 --eval_every=2 --checkpoint_every=2"
LAYERS = "--content_layers=layer1 --style_layers=layer1 --style=flower,china --style_height=24 --height=20"
ADAIN = "--model=adain --crop=16 --steps=2 --batch_size=2 --log_every=1 --layer=layer1 --style_layers=layer1"


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return hardly_trained(tmp_path_factory.mktemp("networks") / "network")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photographs of unequal sizes, one of which is grey with 16 bits, and an animation."""
    path, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for number, size in enumerate([(21, 30), (26, 19), (24, 24), (22, 25)]):
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(path / f"{number}.png")
    Image.fromarray(rng.integers(0, 2**16, (20, 23)).astype(np.uint16)).save(path / "deep.png")
    frames = [Image.fromarray(frame) for frame in rng.integers(0, 256, (3, 13, 14, 3), np.uint8)]
    frames[0].save(path.parent / "moving.gif", save_all=True, append_images=frames[1:], duration=70)
    return path


@pytest.fixture(scope="module")
def run(network, folder, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "two"
    assert go(network, workdir, TINY, LAYERS, f"--dataset={folder} --image_size=20 --slow=3") == 0
    return workdir


def go(network, workdir, *more):
    return cli.main(fast_style.EXPERIMENT, [*" ".join(more).split(), f"--network={network}", f"--workdir={workdir}"])


def paint(workdir, *more):
    return cli.main(fast_style.EXPERIMENT, [f"--workdir={workdir}", *more])


def test_a_run_paints_and_measures_each_term_at_the_start_and_at_the_end(run):
    metrics = json.loads((run / "summary.json").read_text())["metrics"]
    assert next(iter(metrics)) == "test_loss"  # the headline
    for name in ("loss", "content", "style", "variation", "style_share", "content_layer1", "style_layer1"):
        assert {f"test_{name}", f"test_first_{name}"} <= metrics.keys()
    pictures = {path.name for path in (run / "samples").iterdir()}
    assert {"painted-1.png", "between.png", "style-china.png", "slow-1-flower.png"} <= pictures
    with Image.open(run / "samples/painted-1.png") as picture:
        assert picture.size == (3 * 20 + 2 * 4, 20)
    assert "times faster" in (run / "report.html").read_text()


def test_a_run_that_was_stopped_ends_with_the_same_parameters(run, network, folder, tmp_path, capsys):
    flags = (TINY, LAYERS, f"--dataset={folder} --image_size=20")
    assert go(network, tmp_path / "parts", *flags, "--steps=2") == 0
    assert go(network, tmp_path / "parts", *flags, "--slow=3 --slow_content=1e3") == 0
    slow = [(path / "samples/slow-1-flower.png").read_bytes() for path in (run, tmp_path / "parts")]
    assert slow[0] != slow[1]
    assert "its content weighing 1000 times as much" in (tmp_path / "parts/report.html").read_text()
    sha = [json.loads((path / "summary.json").read_text())["params_sha256"] for path in (run, tmp_path / "parts")]
    assert sha[0] == sha[1]
    capsys.readouterr()
    refused(capsys, go(network, run, *flags, "--style=flower"), "holds another configuration")


def test_an_image_a_folder_and_an_animation_are_painted(run, folder, capsys):
    assert paint(run, f"--stylize_only={folder}") == 0
    names = {path.name for path in (run / "stylized").iterdir()}
    assert names == {f"{n}-{s}.png" for n in ("0", "1", "2", "3", "deep") for s in ("flower", "china")}
    with Image.open(run / "stylized/1-china.png") as picture:
        assert picture.size == (19, 26)
    assert paint(run, f"--stylize_only={folder.parent}/moving.gif", "--mix=flower:0.5,china:0.5") == 0
    with Image.open(run / "stylized/moving-flower-0.5+china-0.5.gif") as picture:
        assert (picture.n_frames, picture.size, picture.info["duration"]) == (3, (14, 13), 70)
    assert "megapixels a second" in capsys.readouterr().out
    assert paint(run, f"--stylize_only={folder}/0.png,{folder}/2.png", "--mix=china") == 0
    technique, state = load(run)
    image = np.asarray(Image.open(folder / "0.png"))
    expected = technique.infer["stylize"](state, None, {"image": image, "weights": np.array([0, 1], np.float32)})
    with Image.open(run / "stylized/0-china.png") as picture:
        np.testing.assert_allclose(np.asarray(picture) / 255, expected, atol=0.01)


def test_adain_paints_in_a_style_that_it_was_not_trained_on(run, network, folder, tmp_path, capsys):
    assert (
        go(network, tmp_path / "any", ADAIN, f"--style={folder} --dataset={folder} --image_size=20 --new_style=china")
        == 0
    )
    assert (tmp_path / "any/samples/between.png").exists()
    assert paint(tmp_path / "any", f"--stylize_only={folder}/0.png", "--style=china", "--strength=0.5") == 0
    assert (tmp_path / "any/stylized/0-china.png").exists()
    capsys.readouterr()
    refused(capsys, paint(tmp_path / "any", "--stylize_only=china", "--mix=a"), "--mix is of networks that learnt")
    refused(capsys, paint(tmp_path / "any", "--stylize_only=china", "--style="), "--style names no image")


def test_what_cannot_be_trained_or_painted(run, network, folder, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for more, sentence in (
        ("--style=", "--style names no image"),
        ("--style=nowhere.jpg", "there is no file or folder nowhere.jpg"),
        (f"--dataset={tmp_path}/empty", "no images"),
        (f"--style={tmp_path}/empty", "no images"),
        ("--new_style=china", "--new_style is of --model=adain"),
        ("--dataset=digits", "has images without colours"),
        (f"--dataset={folder} --image_size=20 --crop=32", "--crop=32 is larger than the images of"),
        ("--style_layers=layer9", "no activation 'layer9'"),
        ("--style_layers=", "--style_layers must be given"),
    ):
        refused(capsys, go(network, tmp_path / "run", TINY, LAYERS, more), sentence)
        assert not (tmp_path / "run").exists()
    refused(capsys, go(network, tmp_path / "run", ADAIN, "--style=flower --style_height=12"), "is smaller than --crop")
    for workdir, more, sentence in (
        (network, "--stylize_only=china", "which paints no images in one pass"),
        (run, "--stylize_only=china --network=vgg19", "holds a run with cnn, not with --network=vgg19"),
        (run, "--stylize_only=china --mix=monet", "there is no style 'monet'; known: flower, china"),
        (run, "--stylize_only=china --mix=china:0", "their sum is above 0"),
        (run, "--stylize_only=china --mix=china:much", "the weight of china is a number"),
        (run, "--stylize_only=china --strength=0.5", "--strength is of --model=adain"),
        (run, f"--stylize_only={tmp_path}/empty", "no images"),
        (tmp_path / "none", "--stylize_only=china", "none"),
    ):
        refused(capsys, paint(workdir, *more.split()), sentence)
