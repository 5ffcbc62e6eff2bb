"""Flags, presets, help, resuming and loading."""

import json

import jax
import pytest
import worker
from worker import everything, go, refused

from experiments import vae as vae_experiment
from experiments.vae import PRESETS
from jaxgen import cli, stages
from jaxgen.core.config import knobs
from jaxgen.core.types import Refused
from jaxgen.data import images
from jaxgen.techniques.autoencoders import vae


def test_the_same_command_resumes_and_another_one_is_refused(tmp_path, capsys):
    assert go(tmp_path) == 0
    capsys.readouterr()
    before = everything(tmp_path)
    refused(capsys, go(tmp_path, "--latent=3", "--seed=1"), "seed: 0 there, 1 now; latent: 2 there, 3 now")
    assert everything(tmp_path) == before
    assert go(tmp_path, "--steps=6") == 0
    assert "going on at step 4" in capsys.readouterr().err
    assert len((tmp_path / "run/metrics.jsonl").read_bytes().splitlines()) == 3


def test_more_updates_than_can_be_counted():
    flags, _ = cli.parse(worker.COMMAND, ["--dataset=digits", "--epochs=2147483647", "--cooldown=0.1"])
    with pytest.raises(Refused, match="can be counted"):
        stages.optimizer(flags, images.load("digits"))


def test_a_run_that_cools_down_has_its_length(tmp_path, capsys):
    assert go(tmp_path, "--cooldown=0.5") == 0
    rates = [json.loads(line)["train"]["rate"] for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert rates == pytest.approx([1e-3, 0.5e-3])
    capsys.readouterr()
    refused(capsys, go(tmp_path, "--cooldown=0.5", "--steps=6"), "steps: 4 there, 6 now")
    assert go(tmp_path, "--cooldown=0.5") == 0
    assert int(cli.load(tmp_path / "run")[1].step) == 4


def test_divergence_names_the_last_good_checkpoint(tmp_path, capsys):
    assert go(tmp_path) == 0
    capsys.readouterr()
    flags = ["--learning_rate=1e30", "--optimizer=sgd", f"--workdir={tmp_path / 'wild'}", "--steps=20"]
    assert go(tmp_path, *flags) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "training diverged" in last
    assert "checkpoint" in last
    assert not list((tmp_path / "wild/checkpoints").glob("[0-9]*")), "parameters that are not finite were kept as good"


def test_presets_flags_and_defaults_in_order():
    parse = lambda *argv, **defaults: cli.parse(worker.COMMAND._replace(defaults=defaults), argv)
    flags, config = parse(steps=7, latent=9)
    assert (flags.steps, flags.epochs, config.latent, flags.workdir) == (7, None, 9, "runs/worker")
    flags, config = parse("--preset=chollet", steps=7, latent=9)
    assert (flags.steps, flags.epochs, config.latent, flags.optimizer) == (None, 10, 2, "rmsprop")
    assert parse("--preset=iwae")[0].epsilon == 5e-6
    assert parse("--preset=iwae", "--optimizer=sgd")[0].epsilon is None
    flags, config = parse("--preset=chollet", "--latent=5", "--steps=3", steps=7)
    assert (flags.steps, flags.epochs, config.latent, config.network) == (3, None, 5, "conv")


@pytest.mark.parametrize("error", [MemoryError(), jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: 9 TB")])
def test_too_little_memory_is_a_sentence(error, capsys):
    def work():
        raise error

    assert cli.guarded("vae", work) == 2
    assert capsys.readouterr().err.startswith("vae: out of memory")
    with pytest.raises(jax.errors.JaxRuntimeError):
        cli.guarded("vae", lambda: (_ for _ in ()).throw(jax.errors.JaxRuntimeError("INTERNAL: a bug")))


def test_flagfile(tmp_path):
    file = tmp_path / "flags"
    file.write_text("--latent=7\n--steps=3\n")
    flags, config = cli.parse(worker.COMMAND, [f"--flagfile={file}", "--steps=4"])
    assert (config.latent, flags.steps) == (7, 4)


def test_data_dir_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("JAXGEN_DATA", "/somewhere")
    assert cli.parse(worker.COMMAND, [])[0].data_dir == "/somewhere"
    assert cli.parse(worker.COMMAND, ["--data_dir=here"])[0].data_dir == "here"


def test_help_is_short_and_names_every_flag(capsys):
    assert cli.main(vae_experiment.COMMAND, ["--help"]) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) < 65
    assert all(f"--{knob.name}=" in text for knob in [*knobs(vae.Config), *knobs(cli.RunFlags)])
    assert all(preset in text for preset in PRESETS)


def test_load_gives_technique_and_state(tmp_path):
    assert go(tmp_path) == 0
    technique, state = cli.load(tmp_path / "run")
    assert int(state.step) == 4
    image = technique.infer["sample"](state, jax.random.key(0), ())
    assert image.shape == (64,)
    with pytest.raises(Refused, match="holds no run"):
        cli.load(tmp_path)
