"""Flags, presets, help, resuming and loading."""

import json
import signal

import chex
import jax
import pytest
import worker
from worker import everything, go, refused

from experiments import vae as vae_experiment
from experiments.vae import PRESETS
from jaxgen.core.config import knobs, values
from jaxgen.core.progress import Policy
from jaxgen.core.types import Refused
from jaxgen.optim.settings import Settings, chosen
from jaxgen.run import cli, image_reader, train, workdir
from jaxgen.run.experiment import updates
from jaxgen.run.flags import RunFlags
from jaxgen.run.load import load
from jaxgen.run.parsing import parse
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
    flags = parse(worker.EXPERIMENT, ["--dataset=digits", "--epochs=2147483647", "--cooldown=0.1"]).flags
    with pytest.raises(Refused, match="can be counted"):
        updates(flags, epoch=14)


@pytest.mark.ci
def test_without_steps_and_epochs_a_run_is_one_pass(tmp_path):
    bare = worker.EXPERIMENT._replace(defaults={})
    argv = [each for each in worker.TINY if not each.startswith("--steps")]
    assert cli.main(bare, [*argv, f"--workdir={tmp_path / 'run'}"]) == 0
    assert json.loads((tmp_path / "run/summary.json").read_text())["steps"] == 1437 // 16


@pytest.mark.ci
def test_batches_in_parts_resume_load_and_are_another_configuration(tmp_path, capsys):
    refused(capsys, go(tmp_path, "--accumulate=3"), "--accumulate=3 must divide --batch_size=16")
    assert not (tmp_path / "run").exists()
    assert go(tmp_path, "--accumulate=2", "--steps=2") == 0
    assert go(tmp_path, "--accumulate=2") == 0
    assert go(tmp_path / "whole", "--accumulate=2") == 0
    (_, resumed), (_, whole) = (load(each / "run") for each in (tmp_path, tmp_path / "whole"))
    chex.assert_trees_all_equal(resumed.params, whole.params)
    capsys.readouterr()
    refused(capsys, go(tmp_path), "accumulate: 2 there, null now")


@pytest.mark.parametrize("said", ["--schedule=cosine", "--schedule=one_cycle", "--warmup=0.1", "--cooldown=0.5"])
def test_schedules_that_look_at_the_end_fix_the_length(said):
    for argv, group in ((["--steps=7", said], "flags"), (["--steps=7"], "free")):
        identity = workdir.identity(parse(worker.EXPERIMENT, argv).flags, [])
        assert identity[group]["steps"] == 7


@pytest.mark.ci
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
    def read(*argv, **defaults):
        parsed = parse(worker.EXPERIMENT._replace(defaults=defaults), argv)
        return parsed.flags, parsed.config

    flags, config = read(steps=7, latent=9)
    assert (flags.steps, flags.epochs, config.latent, flags.workdir) == (7, None, 9, "runs/worker")
    flags, config = read("--preset=chollet", steps=7, latent=9)
    assert (flags.steps, flags.epochs, config.latent, flags.optimizer) == (None, 10, 2, "rmsprop")
    assert read("--preset=iwae")[0].settings.eps == 5e-6
    flags, config = read("--preset=chollet", "--latent=5", "--steps=3", steps=7)
    assert (flags.steps, flags.epochs, config.latent, config.network) == (3, None, 5, "conv")


SAID = {
    "optimizer": "rmsprop",
    "beta2": 0.5,
    "eps": 0.1,
    "eps_inside_root": True,
    "schedule": "power",
    "decay_power": 2.0,
    "l2": 0.1,
    "cooldown": 0.2,
}


ANOTHER = {"--l2=0.5": {**SAID, "l2": 0.5}}
ANOTHER["--optimizer=adagrad"] = {"optimizer": "adagrad", "schedule": "power", "decay_power": 2.0}
ANOTHER["--optimizer=adagrad"] |= {"l2": 0.1, "cooldown": 0.2}
ANOTHER["--schedule=cosine"] = {k: v for k, v in SAID.items() if k != "decay_power"} | {"schedule": "cosine"}


@pytest.mark.parametrize("given", ANOTHER)
def test_what_a_preset_says_to_its_optimiser_is_no_business_of_another(given):
    """And so with its schedule; penalties and the like stay."""
    experiment = worker.EXPERIMENT._replace(presets={"said": SAID})
    flags = parse(experiment, ["--preset=said", given]).flags
    found, plain = values(flags), values(RunFlags())
    assert {name: value for name, value in found.items() if name in SAID and value != plain[name]} == ANOTHER[given]


def test_performance_scheduling_is_a_plateau():
    policy = lambda *said: train.policy_of(parse(worker.EXPERIMENT, said).flags)
    assert policy("--schedule=performance", "--plateau_factor=0.1") == Policy(plateau=1, plateau_factor=0.1)
    assert policy("--schedule=performance", "--plateau=3") == policy("--plateau=3") == Policy(plateau=3)
    assert policy("--min_delta=0.5") == Policy(min_delta=0.5)


def test_whatever_a_batch_system_warns_with_is_noted(capsys):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with train.stop_signals() as stops:
            for number in ("HUP", "USR1", "USR2", "XCPU", "TERM"):
                signal.raise_signal(signal.Signals[f"SIG{number}"])
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert stops == [signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU, signal.SIGTERM]
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_flagfile(tmp_path):
    file = tmp_path / "flags"
    file.write_text("--latent=7\n--steps=3\n")
    flags, _, config, *_ = parse(worker.EXPERIMENT, [f"--flagfile={file}", "--steps=4"])
    assert (config.latent, flags.steps) == (7, 4)


def test_data_dir_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("JAXGEN_DATA", "/somewhere")
    assert parse(worker.EXPERIMENT, [])[0].data_dir == "/somewhere"
    assert parse(worker.EXPERIMENT, ["--data_dir=here"])[0].data_dir == "here"


def test_help_is_short_and_names_every_flag(capsys):
    assert cli.main(vae_experiment.EXPERIMENT, ["--help"]) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) < 120
    assert all(f"--{knob.name}=" in text for knob in [*knobs(vae.Config), *knobs(image_reader.ImageFlags)])
    assert all(preset in text for preset in PRESETS)


@pytest.mark.ci
def test_load_gives_technique_and_state(tmp_path):
    """With the settings that the run was trained with, at its rate as it stands."""
    said = ["--optimizer=momentum", "--momentum=0.5", "--l2=0.1", "--clip_norm=1", "--weight_decay=0.1"]
    assert go(tmp_path, *said, "--schedule=piecewise", "--boundaries=2", "--plateau=1", "--plateau_factor=0.3") == 0
    technique, state = load(tmp_path / "run")
    assert int(state.step) == 4
    image = technique.infer["sample"](state, jax.random.key(0), ())
    assert image.shape == (64,)
    settings = Settings(momentum=0.5, l2=0.1, clip_norm=1.0, weight_decay=0.1)
    same = vae.make(vae.Config(shape=(8, 8, 1), hidden=8, latent=2), chosen("momentum", settings))
    batch = technique.example(jax.random.key(1))
    ours, theirs = (jax.jit(each.step)(state, batch)[0] for each in (technique, same))
    chex.assert_trees_all_equal(ours.params, theirs.params)
    with pytest.raises(Refused, match="holds no run"):
        load(tmp_path)
