"""Style transfer from the command line: what a run leaves, how it goes on, and what is refused."""

import json

import numpy as np
import pytest
from games import hardly_trained
from PIL import Image
from worker import refused

from experiments import style
from jaxgen.figures import stylized
from jaxgen.ops.colours import LUMINANCE
from jaxgen.run import cli, style_targets
from jaxgen.run.parsing import parse

pytestmark = pytest.mark.ci

LAYERS = "--content_layers=layer1:0.1 --style_layers=layer1"
TINY = f"{LAYERS} --height=24 --steps=12 --log_every=2 --eval_every=2 --checkpoint_every=2"


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return hardly_trained(tmp_path_factory.mktemp("networks") / "network")


def go(network, workdir, *more):
    return cli.main(style.EXPERIMENT, [*TINY.split(), f"--network={network}", f"--workdir={workdir}", *more])


def metrics(workdir):
    return {name: each["value"] for name, each in json.loads((workdir / "summary.json").read_text())["metrics"].items()}


def test_the_style_comes_near_and_the_result_says_how_it_was_made(network, tmp_path, capsys):
    assert go(network, tmp_path / "run", "--scales=2") == 0
    summary, measured = json.loads((tmp_path / "run/summary.json").read_text()), metrics(tmp_path / "run")
    assert measured["last_style"] < 0.2 * measured["first_style"]
    assert measured["first_content"] < 1e-6 < measured["last_content"] < measured["random_content"]
    parts = sum(measured[f"last_{name}"] for name in ("content", "style", "variation"))
    np.testing.assert_allclose(measured["last_loss"], parts, rtol=1e-5)
    assert {"last_style_layer1", "last_content_layer1"} <= measured.keys()
    assert [stage["config"]["shape"] for stage in summary["stages"]] == [[17, 25, 3], [24, 36, 3]]
    with Image.open(tmp_path / "run/samples/stylized.png") as picture:
        assert picture.size == (36, 24)
        assert json.loads(picture.text["jaxgen"])["scales"] == 2
    assert {"content.png", "style.png", "progress.gif"} <= {p.name for p in (tmp_path / "run/samples").iterdir()}
    assert "network: a classifier of 8x8x1 images" in capsys.readouterr().out


@pytest.mark.parametrize("crash", [2, 6, 10])
def test_a_run_that_was_interrupted_ends_with_the_same_bytes(crash, network, tmp_path, monkeypatch):
    """In any scale, at its end or within a line search."""
    more = ["--scales=2", "--start=noise"]
    assert go(network, tmp_path / "whole", *more) == 0
    painted = stylized.painted

    def interrupted(*args):
        if len(list((tmp_path / "parts/samples").glob("step-*"))) == crash // 2:
            raise KeyboardInterrupt
        return painted(*args)

    monkeypatch.setattr(stylized, "painted", interrupted)
    assert go(network, tmp_path / "parts", *more) != 0
    monkeypatch.setattr(stylized, "painted", painted)
    assert go(network, tmp_path / "parts", *more) == 0
    for name in ("stylized.png", "progress.gif"):
        assert (tmp_path / "whole/samples" / name).read_bytes() == (tmp_path / "parts/samples" / name).read_bytes()


def halves(tmp_path):
    """Masks [427, 640] of the left and of the right."""
    left = np.zeros((427, 640), np.uint8)
    left[:, :320] = 255
    for name, mask in (("left", left), ("right", 255 - left)):
        Image.fromarray(mask).save(tmp_path / f"{name}.png")
    return f"--masks={tmp_path}/left.png,{tmp_path}/right.png"


def test_styles_masks_tiles_and_an_average(network, tmp_path):
    more = ["--style=flower,china", "--style_weights=3,1", halves(tmp_path), "--tile=40", "--average=0.5"]
    more += ["--optimizer=adam", "--learning_rate=0.02", "--height=48", "--distance=moments", "--style_scale=0.7"]
    assert go(network, tmp_path / "run", *more) == 0
    measured = metrics(tmp_path / "run")
    assert measured["last_loss"] < measured["first_loss"]
    assert {"style1.png", "style2.png"} <= {p.name for p in (tmp_path / "run/samples").iterdir()}


def test_colours_are_kept(network, tmp_path):
    """Of luminance exactly; matched ones end nearer to the content's histograms than the style's own."""
    pixels = lambda path: np.asarray(Image.open(path), np.float64) / 255
    for colours in ("style", "luminance", "matched", "histogram"):
        assert go(network, tmp_path / colours, f"--colours={colours}", "--height=32") == 0
    content = pixels(tmp_path / "style/samples/content.png")
    kept, luma = pixels(tmp_path / "luminance/samples/stylized.png"), np.array(LUMINANCE)
    chroma = lambda image: image - (image @ luma)[..., None]
    inside = ((kept > 0) & (kept < 1)).all(-1)  # what was clipped cannot keep its colour
    np.testing.assert_allclose(chroma(kept)[inside], chroma(content)[inside], atol=1.5 / 255)
    assert inside.mean() > 0.5
    ordered = lambda image: np.sort(image.reshape(-1, 3), 0)
    results = {name: pixels(tmp_path / name / "samples/stylized.png") for name in ("style", "matched", "histogram")}
    apart = {name: np.abs(ordered(each) - ordered(content)).mean() for name, each in results.items()}
    assert max(apart["matched"], apart["histogram"]) < 0.7 * apart["style"], apart


def test_a_style_of_16_bits_of_cmyk_and_a_strip(network, tmp_path):
    grey = np.linspace(0, 65535, 40 * 50).reshape(40, 50).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "deep.png")
    Image.new("CMYK", (50, 40), (10, 200, 30, 40)).save(tmp_path / "print.jpg")
    styles = f"--style={tmp_path}/deep.png,{tmp_path}/print.jpg"
    assert go(network, tmp_path / "run", styles, "--colours=matched", "--steps=2") == 0
    assert style_targets.style_size((40, 4000), (100, 150), 1.0) == (32, 2449)
    assert style_targets.style_size((300, 400), (100, 150), 2.0) == (200, 267)


def test_what_cannot_be_painted(network, tmp_path, capsys):
    Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(tmp_path / "dot.png")
    Image.fromarray(np.zeros((3, 400, 3), np.uint8)).save(tmp_path / "strip.png")
    masks = halves(tmp_path)
    for more, sentence in (
        ("--style=", "--style names no image"),
        ("--style=nowhere.jpg", "there is no file or folder nowhere.jpg"),
        ("--style_weights=1,2", "one for each of 1 style"),
        ("--style=flower,china --style_weights=0,0", "not all 0"),
        ("--style=flower,china --style_weights=1,-1", "at least 0"),
        ("--style_weights=a", "are to be numbers"),
        (f"--style={tmp_path}/strip.png", "at most 100 times as long as wide"),
        (f"--content={tmp_path}/dot.png --height=0", "is too small: the classifier takes"),
        (f"{masks}", "are 2 for 1 styles"),
        (f"--masks={tmp_path}/dot.png", "has 1 x 1 pixels, the content 427 x 640"),
        ("--content_layers=layer7", "no activation 'layer7'"),
        ("--style_layers=a//b", "--style_layers is a list of layers"),
        ("--style_layers=layer2", "layer2 of the classifier has no positions"),
        ("--pool=mean", "means instead of maxima are of pretrained networks"),
        ("--tile=16", "leaves nothing beside margins"),
        ("--steps=1 --scales=2", "are too few for 2 stages"),
    ):
        refused(capsys, go(network, tmp_path / "run", *more.split()), sentence)
        assert not (tmp_path / "run").exists(), more


def test_a_network_that_learnt_nothing_says_so(tmp_path, capsys):
    flags = "--content_layers=block1_conv2:0.1 --style_layers=block1_conv1,block2_conv1 --height=32 --pool=mean"
    small = ["--steps=4", "--log_every=2", "--eval_every=4", f"--workdir={tmp_path}/run"]
    assert cli.main(style.EXPERIMENT, [*flags.split(), *small]) == 0
    assert "network: vgg19 with random weights, without any training" in capsys.readouterr().out
    measured = metrics(tmp_path / "run")
    assert measured["last_loss"] < measured["first_loss"]
    assert "random weights" in (tmp_path / "run/report.html").read_text()


def test_presets_are_commands():
    for preset in style.PRESETS:
        parsed = parse(style.EXPERIMENT, [f"--preset={preset}"])
        assert parsed.config.learning_rate == 1.0
        assert parsed.flags.optimizer == "lbfgs"
