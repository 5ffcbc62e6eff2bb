"""What a user of the classifier's script types: every wrong input gets one sentence and exit code 2."""

import numpy as np
import pytest
from worker import everything, refused

from experiments import classify
from jaxgen.run import cli

pytestmark = pytest.mark.ci  # each is tested where it is raised; one refusal from the command line is in test_bad_input

TINY = ["--dataset=digits", "--steps=2", "--batch_size=16", "--hidden=8"]
WRONG = {
    "--network=cnn --channels=4,4,4,4": "convolutions with pooling need images of at least 16 pixels a side, found 8x8",
    "--hidden=abc": "--hidden is a list of widths such as 300,100 or 100x50, not 'abc'",
    "--channels=4": "--channels is for --network=cnn, not mlp",
    "--hidden=4x2000": "--hidden",
    "--freeze=layer7": "--freeze=layer7: there is no layer 'layer7'; known: layer1, output",
    "--freeze=layer1,output": "--freeze=layer1,output leaves no layer to learn",
    "--classes=3": "--classes=3 of digits has 1 class; at least 2 are needed",
    "--classes=3,cat": "digits has no class 'cat'; known are 0, 1, 2",
    "--per_class=1000": "--per_class=1000 is more than the",
    "--draw_seed=1": "--draw_seed is for the images of --per_class",
    "--activation=swish": "sigmoid|tanh|relu|leaky_relu|rrelu|prelu|elu|selu|gelu",
    "--dropout=1": "--dropout must be at most 0.99",
    "--init_from=nowhere": "nowhere holds no run: nowhere/config.json is missing",
}


def says(capsys, tmp_path, fragment, *flags):
    refused(capsys, cli.main(classify.EXPERIMENT, [*TINY, f"--workdir={tmp_path / 'run'}", *flags]), fragment)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("flags", WRONG)
def test_wrong_flags(flags, tmp_path, capsys):
    says(capsys, tmp_path, WRONG[flags], *flags.split())
    assert everything(tmp_path) == {}


def test_sets_that_cannot_be_told_apart(tmp_path, capsys):
    pixels, label = np.zeros((40, 8, 8), np.uint8), np.arange(40) % 4
    cases = {
        "negative": (dict(labels=label - 1), "labels"),
        "fractions": (dict(labels=label + 0.5), "labels"),
        "too_few": (dict(labels=label[1:]), "labels"),
        "unlabelled": ({}, "has no classes; at least 2 are needed"),
        "all_alike": (dict(labels=0 * label), "has 1 class; at least 2 are needed"),
    }
    for name, (content, fragment) in cases.items():
        path = tmp_path / f"{name}.npz"
        np.savez(path, images=pixels, **content)
        before = everything(tmp_path)
        says(capsys, tmp_path, fragment, f"--dataset={path}")
        says(capsys, tmp_path, str(path), f"--dataset={path}")
        assert everything(tmp_path) == before
