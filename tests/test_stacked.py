"""Stacked autoencoders from end to end with tiny flags: pictures, exact resuming in each stage, refusals."""

import json

import numpy as np
import pytest
from worker import everything, refused

from experiments import stacked
from jaxgen.core.types import Refused
from jaxgen.data.examples import recut
from jaxgen.data.images import sets
from jaxgen.run import cli
from jaxgen.run.conduct import conduct
from jaxgen.run.experiment import Watch
from jaxgen.run.load import load_run
from jaxgen.run.parsing import parse

pytestmark = pytest.mark.ci

TINY = ["--hidden=7", "--latent=6", "--batch_size=16", "--pretrain_steps=4", "--steps=4", "--log_every=2"]
TINY += ["--eval_every=2", "--checkpoint_every=2"]
TOPS = {  # flags -> stages, the first metric, pictures
    "": (3, "test_cross_entropy", {"reconstructions", "filters"}),
    "--hidden= --latent=2": (2, "test_cross_entropy", {"reconstructions", "filters", "codes", "plane", "components"}),
    "--top=classifier": (3, "test_accuracy", {"confusion", "mistakes", "filters"}),
    "--top=classifier --freeze --patience=1": (3, "test_accuracy", {"confusion", "mistakes", "filters"}),
    "--top=classifier --pretrain_steps=0": (0, "test_accuracy", {"confusion", "mistakes", "filters"}),
}


class Killed(Exception):
    """Leaves a run as SIGKILL does: without a word."""


def go(workdir, *flags):
    return cli.main(stacked.EXPERIMENT, [*TINY, f"--workdir={workdir}", *flags])


@pytest.mark.parametrize("flags", TOPS)
def test_a_run_measures_and_draws(flags, tmp_path):
    assert go(tmp_path / "run", *flags.split()) == 0
    stages, first, pictures = TOPS[flags]
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert next(iter(summary["metrics"])) == first
    assert len(summary.get("stages", [])) == stages
    assert {path.stem for path in (tmp_path / "run/samples").glob("*.png")} == pictures
    assert ("5-NN" in (tmp_path / "run/report.html").read_text()) == ("components" in pictures)


@pytest.mark.parametrize("step", [2, 6, 10])
def test_left_in_any_stage_it_ends_at_the_same_bytes(step, tmp_path):
    """In the second stage the carry holds a layer, in the third nothing."""

    def look(setting, stages):
        def at(number, total, state):
            if total == step:
                raise Killed
            return []

        return at

    flags = [*TINY, "--top=classifier"]
    with pytest.raises(Killed):
        conduct(stacked.EXPERIMENT._replace(watch=Watch(look)), [*flags, f"--workdir={tmp_path / 'killed'}"])
    for name in ("killed", "whole"):
        conduct(stacked.EXPERIMENT, [*flags, f"--workdir={tmp_path / name}"])
    ends = [json.loads((tmp_path / name / "summary.json").read_text()) for name in ("killed", "whole")]
    assert ends[0]["params_sha256"] == ends[1]["params_sha256"]
    assert ends[0]["metrics"] == ends[1]["metrics"]


def test_a_layer_that_has_not_ended_is_loaded_and_started_from(tmp_path, capsys):
    assert go(tmp_path / "run") == 0
    technique, state = load_run(tmp_path / "run")[1:]
    assert set(technique.infer) == {"encode", "decode", "reconstruct"}
    assert set(state.params) == {"encoder_0", "encoder_1", "decoder_0", "decoder_1"}
    assert go(tmp_path / "further", f"--init_from={tmp_path / 'run'}") == 0
    assert "stages before stage 2 are left out" in capsys.readouterr().err
    wrong = [f"--init_from={tmp_path / 'run'}", "--activation=tanh"]
    refused(capsys, go(tmp_path / "other", *wrong), "another activation (sigmoid) than this one (tanh)")


WRONG = {
    "--latent=0": "--latent must be at least 1, not 0",
    "--hidden=7;6": "--hidden is a list of widths such as 300,100 or 100x50, not '7;6'",
    "--pretraining=largest": "plain|masking|salt_and_pepper|gaussian|contractive|kl|l1",
    "--strength=2": "--strength=2 of --pretraining=masking is a share",
    "--pretrain_steps=-1": "--pretrain_steps must be at least 0, not -1",
    "--freeze": "--freeze is for --top=classifier",
    "--validate=5000": "of the 1,617 images of digits that do not test, 5,000 cannot validate",
}


def test_wrong_flags(tmp_path, capsys):
    for flag, fragment in WRONG.items():
        refused(capsys, go(tmp_path / "run", flag), fragment)
    np.save(tmp_path / "images.npy", np.zeros((40, 8, 8), np.uint8))
    before = everything(tmp_path)
    refused(capsys, go(tmp_path / "run", f"--dataset={tmp_path / 'images.npy'}", "--top=classifier"), "class")
    assert everything(tmp_path) == before


def test_a_set_is_cut_anew():
    images = sets.load("digits")
    for count in (400, 10):
        cut = recut(images, count)
        assert (len(cut.valid.label), len(cut.train.label)) == (count, 1617 - count)
        whole = lambda each: np.concatenate([each.valid.image, each.train.image])
        np.testing.assert_array_equal(whole(cut), whole(images))
        assert cut.test is images.test
        assert cut.sha256 != images.sha256
    with pytest.raises(Refused, match="0 cannot validate"):
        recut(images, 0)


def test_presets_have_the_networks_of_their_sources():
    layers = lambda config: (config.network.hidden, config.network.latent, config.network.code, config.top)
    expected = {
        "denoising": ("1000,1000", 1000, "activated", "classifier"),
        "rifai": ("", 1000, "activated", "classifier"),
        "deep": ("1000,500,250", 30, "linear", "autoencoder"),
    }
    assert expected == {
        name: layers(parse(stacked.EXPERIMENT, [f"--preset={name}"]).config) for name in stacked.PRESETS
    }
