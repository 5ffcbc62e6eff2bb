"""The autoencoders' script from end to end with tiny flags: numbers, pictures, exact resuming, refusals."""

import json
import os
import signal
import subprocess
import sys
import time

import floors
import numpy as np
import pytest
from worker import everything, refused

from experiments import autoencoder
from jaxgen.run import cli
from jaxgen.run.load import load
from jaxgen.run.parsing import parse

pytestmark = pytest.mark.ci

TINY = ["--dataset=digits", "--steps=4", "--batch_size=16", "--log_every=2", "--eval_every=2"]
KINDS = {  # flags -> metrics on the test split, pictures
    "--latent=2": (["cross_entropy", "squared_error"], {"reconstructions", "filters", "codes", "plane"}),
    "--kind=sparse --latent=6": (["cross_entropy", "squared_error", "kl_activations"], {"reconstructions", "filters"}),
    "--kind=denoising --loss=squared --latent=3 --hidden=8,5": (
        ["squared_error_restored", "squared_error_corrupted", "squared_error"],
        {"reconstructions"},
    ),
    "--kind=contractive --preset=plane --hidden=6 --epochs=1 --batch_size=400": (
        ["cross_entropy", "squared_error", "jacobian"],
        {"reconstructions", "codes", "plane"},
    ),
    "--preset=painter --channels=2,3": (
        ["cross_entropy", "squared_error", "cross_entropy_without_switches", "squared_error_without_switches"],
        {"reconstructions"},
    ),
}


def go(workdir, *flags):
    given = [flag for flag in TINY if flag.split("=")[0] not in {each.split("=")[0] for each in flags}]
    given = [flag for flag in given if "--epochs" not in " ".join(flags) or "--steps" not in flag]
    return cli.main(autoencoder.EXPERIMENT, [*given, f"--workdir={workdir}", *flags])


@pytest.mark.parametrize("flags", KINDS)
def test_a_run_measures_and_draws(flags, tmp_path, capsys):
    assert go(tmp_path / "run", *flags.split()) == 0
    names, pictures = KINDS[flags]
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert list(summary["metrics"]) == [f"test_{name}" for name in names]
    assert all(len(metric["definition"]) > 20 for metric in summary["metrics"].values())
    assert {path.stem for path in (tmp_path / "run/samples").glob("*.png")} == pictures
    assert f"report: {tmp_path / 'run/report.html'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "flags",
    ["--kind=denoising", "--kind=contractive --jacobian=hutchinson --hidden=6", "--preset=painter --channels=2"],
)
def test_a_run_that_is_continued_ends_with_the_same_parameters(flags, tmp_path):
    """What is drawn, corruption and signs, goes on where it was."""
    for name, steps in (("straight", (4,)), ("continued", (1, 3, 4))):
        for count in steps:
            assert go(tmp_path / name, *flags.split(), "--latent=5", f"--steps={count}") == 0
    ends = [json.loads((tmp_path / name / "summary.json").read_text()) for name in ("straight", "continued")]
    assert ends[0]["params_sha256"] == ends[1]["params_sha256"]
    assert ends[0]["metrics"] == ends[1]["metrics"]


def start(workdir):
    """As users do, without the compiler flags that make the other tests fast."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("XLA_", "JAX_"))} | {"JAX_PLATFORMS": "cpu"}
    flags = ["--dataset=digits", "--steps=1000", "--log_every=10", "--eval_every=100", "--checkpoint_every=10"]
    command = [sys.executable, "-m", "experiments.autoencoder", "--kind=denoising", *flags, f"--workdir={workdir}"]
    return subprocess.Popen(command, env=env, cwd=floors.root(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.slow  # starts processes
def test_killed_it_ends_at_the_same_bytes(tmp_path):
    log = tmp_path / "killed/metrics.jsonl"
    process = start(tmp_path / "killed")
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and not (log.exists() and len(log.read_bytes().splitlines()) > 20):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 20 < len(log.read_bytes().splitlines()) < 100
    for name in ("killed", "whole"):
        process = start(tmp_path / name)
        _, err = process.communicate(timeout=200)
        assert process.returncode == 0, err
    killed, whole = (json.loads((tmp_path / name / "summary.json").read_text()) for name in ("killed", "whole"))
    assert killed["params_sha256"] == whole["params_sha256"]
    assert killed["metrics"] == whole["metrics"]
    assert int(load(tmp_path / "killed")[1].step) == 1000


WRONG = {
    "--latent=0": "--latent must be at least 1, not 0",
    "--hidden=abc": "--hidden is a list of widths such as 300,100 or 100x50, not 'abc'",
    "--kind=stacked": "--kind=dense|sparse|denoising|contractive|convolutional",
    "--kind=convolutional --channels=2,2,2,2": "they need at least 16 x 16 pixels, not 8 x 8",
    "--kind=convolutional --channels=": "--channels is empty; --kind=dense has no convolutions",
    "--kind=convolutional --unpooling=evenly": "--unpooling=evenly is for --down=pooled or switches",
    "--k=3": "--k is for --kind=sparse, not dense",
    "--kind=sparse --sparsity=largest --k=33": "--k=33 activations cannot be kept of a code of --latent=32",
    "--kind=sparse --activation=relu": "--sparsity=kl compares probabilities: it needs --activation=sigmoid",
    "--kind=sparse --target=1": "--target must be at most 0.999, not 1.0",
    "--kind=denoising --corrupted=1.1": "--corrupted must be at most 1.0, not 1.1",
    "--kind=denoising --sigma=-1": "--sigma must be at least 0.0, not -1.0",
}


def test_wrong_flags(tmp_path, capsys):
    for flags, fragment in WRONG.items():
        if "stacked" in flags:
            assert go(tmp_path / "run", *flags.split()) == 2
            assert fragment.removeprefix("--kind=") in capsys.readouterr().err
        else:
            refused(capsys, go(tmp_path / "run", *flags.split()), fragment)
    images = np.full((40, 8, 8), 0.5, np.float32)
    np.save(tmp_path / "images.npy", images - 1)
    before = everything(tmp_path)
    refused(capsys, go(tmp_path / "run", f"--dataset={tmp_path / 'images.npy'}"), "expected floats in [0, 1]")
    assert everything(tmp_path) == before


def test_a_wide_code_without_a_regulariser_is_said(tmp_path, capsys):
    said = lambda *flags: (go(tmp_path / flags[0], *flags, "--steps=1"), "may learn to copy" in capsys.readouterr().out)
    assert said("--latent=64") == (0, True)
    assert said("--latent=63") == (0, False)
    assert said("--kind=sparse", "--latent=64") == (0, False)
    other = [f"--init_from={tmp_path / '--latent=64'}", "--latent=64", "--activation=tanh"]
    refused(capsys, go(tmp_path / "other", *other), "another activation (relu) than this one (tanh)")
    assert go(tmp_path / "switches", "--preset=painter", "--channels=2", "--steps=1") == 0
    capsys.readouterr()
    other = [f"--init_from={tmp_path / 'switches'}", "--preset=painter", "--channels=2", "--down=pooled"]
    refused(capsys, go(tmp_path / "other", *other), "another down (switches) than this one (pooled)")


def test_presets_have_the_networks_of_their_sources():
    widths = {
        "lecture": ("", 32, "sigmoid", "activated", True, "squared"),
        "keras": ("", 32, "relu", "activated", False, "cross_entropy"),
        "deep": ("1000,500,250", 30, "relu", "linear", False, "cross_entropy"),
        "plane": ("1000,500,250", 2, "relu", "linear", False, "cross_entropy"),
    }
    assert {*widths, "painter"} == autoencoder.PRESETS.keys()
    for preset, expected in widths.items():
        network = parse(autoencoder.EXPERIMENT, [f"--preset={preset}"]).config.network
        fields = (network.hidden, network.latent, network.activation, network.code, network.tied, network.loss)
        assert fields == expected
