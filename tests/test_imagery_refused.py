"""Bad files of images and weights, from the command line: a sentence and exit code 2, and nothing is written."""

import pickle

import numpy as np
import pytest
import weight_files
from PIL import Image
from worker import refused

from experiments import dream, visualize
from jaxgen.nets.pretrained.networks import network
from jaxgen.run import cli

pytestmark = pytest.mark.ci

SCRIPTS = {"dream": (dream.EXPERIMENT, "--layers"), "visualize": (visualize.EXPERIMENT, "--what=channel --layer")}


def layers(name, deepest):
    """Random weights of the layers down to an activation: name -> weight -> array, as Keras names them."""
    fixed = network(name)
    shapes = {layer.name: layer.shapes for layer in fixed.layers if layer.name in fixed.needs((deepest,))}
    named = lambda layer, weight: f"{layer}/{weight}:0"
    return {
        layer: {named(layer, weight): weight_files.drawn(*shape) for weight, shape in weights.items()}
        for layer, weights in shapes.items()
    }


class Hostile:
    """What would write a file, were its pickle run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("script", SCRIPTS)
def test_weights(script, tmp_path, capsys):
    experiment, flag = SCRIPTS[script]
    weight_files.write_keras(tmp_path / "partial.h5", layers("vgg16", "block2_conv2"))
    whole = (tmp_path / "partial.h5").read_bytes()
    (tmp_path / "truncated.h5").write_bytes(whole[: len(whole) // 2])
    weight_files.write_pth(tmp_path / "hostile.pth", {}, pickle.dumps(Hostile(tmp_path / "written"), 2))
    (tmp_path / "empty.h5").write_bytes(b"")
    cases = (
        ("vgg16", "partial.h5", "block3_conv2", "partial.h5: the file lacks block3_conv1, block3_conv2"),
        ("squeezenet", "partial.h5", "fire2", "the file holds no layer of squeezenet, but block1_conv1"),
        ("vgg16", "truncated.h5", "block1_conv1", "truncated.h5 is truncated: expected "),
        ("vgg16", "hostile.pth", "block1_conv1", "hostile.pth holds more than tensors: a pickle of io.open"),
        ("vgg16", "empty.h5", "block1_conv1", "empty.h5 is empty"),
        ("vgg16", "missing.h5", "block1_conv1", "there is no file"),
        ("vgg16", "partial.h5", "block1_conv7", "no activation 'block1_conv7'; the nearest: block1_conv"),
    )
    for name, file, layer, sentence in cases:
        argv = f"--network={name} --weights={tmp_path / file} {flag}={layer} --workdir={tmp_path / 'run'}".split()
        refused(capsys, cli.main(experiment, argv), sentence)
        assert not (tmp_path / "run").exists()
    assert not (tmp_path / "written").exists()


def test_the_first_layer_that_does_not_fit_is_named_with_both_shapes(tmp_path, capsys):
    other = layers("vgg16", "block1_conv2")
    other["block1_conv2"]["block1_conv2/kernel:0"] = weight_files.drawn(3, 3, 64, 48)
    weight_files.write_keras(tmp_path / "other.h5", other)
    argv = f"--network=vgg16 --weights={tmp_path / 'other.h5'} --layers=block1_conv2 --workdir={tmp_path / 'run'}"
    sentence = "other.h5: block1_conv2 of vgg16: expected kernel (3, 3, 64, 64), found (3, 3, 64, 48)"
    refused(capsys, cli.main(dream.EXPERIMENT, argv.split()), sentence)


def test_images(tmp_path, capsys, monkeypatch):
    weight_files.write_keras(tmp_path / "vgg16.h5", layers("vgg16", "block2_conv1"))
    Image.fromarray(np.zeros((1, 4000, 3), np.uint8)).save(tmp_path / "line.png")
    Image.fromarray(np.zeros((300, 300, 3), np.uint8)).save(tmp_path / "bomb.png")
    (tmp_path / "text.jpg").write_text("no image")
    Image.fromarray(np.arange(4800, dtype=np.uint8).reshape(40, 40, 3)).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:200])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5_000)
    for file, sentence in (
        ("line.png", "has 4000 x 1 pixels; at most 100 times as long as wide"),
        ("bomb.png", "bomb.png declares too many pixels"),
        ("text.jpg", "text.jpg is no image that Pillow can read"),
        ("cut.png", "cut.png cannot be read: image file is truncated"),
        ("missing.jpg", "there is no file or folder"),
    ):
        argv = f"--network=vgg16 --weights={tmp_path / 'vgg16.h5'} --layers=block2_conv1 --image={tmp_path / file}"
        refused(capsys, cli.main(dream.EXPERIMENT, [*argv.split(), f"--workdir={tmp_path / 'run'}"]), sentence)
        assert not (tmp_path / "run").exists()
