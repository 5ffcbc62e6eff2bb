"""Games that are refused, before anything is trained or written."""

import numpy as np
import pytest
from games import TINY, hardly_trained
from worker import refused

from experiments import gan
from jaxgen.run import cli

pytestmark = pytest.mark.ci


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    return hardly_trained(tmp_path_factory.mktemp("judges") / "judge")


def test_what_cannot_be_played_is_refused_before_a_judge_is_trained(tmp_path, capsys):
    for flags, sentence in (
        ("--halvings=4", "images of 8x8 pixels can be halved 3 times"),
        ("--critic_norm=batch", "needs the slope of each image's own score"),
        ("--batch_size=1 --judge=none", "--batch_size=1: samples are compared"),
    ):
        argv = [*TINY.split(), f"--workdir={tmp_path / 'run'}", *flags.split()]
        refused(capsys, cli.main(gan.EXPERIMENT, argv), sentence)
        assert not list(tmp_path.iterdir())


def test_conditional_networks_go_on_with_the_same_classes_alone(tmp_path, capsys):
    run = [*TINY.split(), "--judge=none", "--conditional", "--classes=0-4", f"--workdir={tmp_path / 'run'}"]
    assert cli.main(gan.EXPERIMENT, run) == 0
    capsys.readouterr()
    other = [*run[:-2], "--classes=5-9", f"--workdir={tmp_path / 'other'}", f"--init_from={tmp_path / 'run'}"]
    refused(capsys, cli.main(gan.EXPERIMENT, other), "that run has another labels")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--classes=0-4", "was trained on the labels 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, not 0, 1, 2, 3, 4"),
        ("--batch_size=2000", "a batch of 2000 is larger than the set"),
        ("--halvings=4", "images of 8x8 pixels can be halved 3 times"),
        ("--critic_steps=0", "--critic_steps must be at least 1, not 0"),
        ("--dataset=glyphs", "was trained on the shape 8, 8, 1, not 28, 28, 1"),
    ],
)
def test_wrong_flags(flags, sentence, judge, tmp_path, capsys):
    argv = [*TINY.split(), f"--judge={judge}", f"--workdir={tmp_path / 'run'}", *flags.split()]
    refused(capsys, cli.main(gan.EXPERIMENT, argv), sentence)
    assert not (tmp_path / "run").exists()


def test_a_split_that_is_too_small_to_judge_beside(tmp_path, capsys):
    pixels, labels = np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8), np.arange(30) % 10
    np.savez(tmp_path / "few.npz", images=pixels, labels=labels)
    judge = hardly_trained(tmp_path / "judge", tmp_path / "few.npz")
    capsys.readouterr()
    argv = [*TINY.split(), f"--dataset={tmp_path / 'few.npz'}", f"--judge={judge}"]
    refused(capsys, cli.main(gan.EXPERIMENT, [*argv, f"--workdir={tmp_path / 'run'}"]), "split has 3; choose")


def test_what_is_no_judge_and_no_generator(judge, tmp_path, capsys):
    run = [*TINY.split(), "--judge=none", f"--workdir={tmp_path / 'run'}"]
    assert cli.main(gan.EXPERIMENT, run) == 0
    capsys.readouterr()
    other = [*TINY.split(), f"--judge={tmp_path / 'run'}", f"--workdir={tmp_path / 'other'}"]
    refused(capsys, cli.main(gan.EXPERIMENT, other), "a judge is a classifier: --network=cnn")
    refused(capsys, cli.main(gan.EXPERIMENT, ["--sample_only", f"--workdir={judge}"]), "which has no generator")
    asked = ["--sample_only", "--of_class=1", f"--workdir={tmp_path / 'run'}"]
    refused(capsys, cli.main(gan.EXPERIMENT, asked), "was not trained with --conditional")
