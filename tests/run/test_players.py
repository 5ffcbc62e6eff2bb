"""Two players with an optimiser each, and a frozen network beside examples that are held in memory or streamed."""

import json
import os
import subprocess
import sys

import floors
import jax
import numpy as np
import planted_game
import pytest

from jaxgen.core.types import Refused
from jaxgen.data import sources
from jaxgen.run import cli, image_reader
from jaxgen.run.conduct import conduct
from jaxgen.run.experiment import Experiment, with_shared
from jaxgen.run.load import load_run
from jaxgen.run.parsing import parse
from jaxgen.run.players import with_own_rates

EXPERIMENT = Experiment(
    name="planted_game",
    doc="A game.",
    title="Game",
    text="",
    technique=planted_game,
    data=with_shared(image_reader.reader(), "judge", lambda flags: planted_game.judge(64)),
    presets={"fast": {"optimizer": "adam", "beta1": 0.5, "critic_optimizer": "rmsprop", "critic_beta2": 0.9}},
    defaults={"dataset": "digits", "steps": 6, "batch_size": 16, "log_every": 2, "eval_every": 3},
    players=("critic",),
)
SHARED = {"beta2": 0.8, "schedule": "cosine", "rate_floor": 0.1}
EXPERIMENT.presets["shared"] = {**SHARED, "critic_beta1": 0.3}  # of the default, which is Adam


def metrics(directory):
    rows = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "timing"} for row in rows]


@pytest.mark.ci
def test_a_streamed_set_has_a_frozen_network_beside_it(tmp_path, monkeypatch):
    """The same numbers as of a set that is held in memory, in training and in evaluation."""
    monkeypatch.setattr(sources, "CHUNK", 3000)
    for name, resident in (("memory", 1024), ("streamed", 0)):
        conduct(EXPERIMENT, [f"--resident_mb={resident}", f"--workdir={tmp_path / name}"])
    ours, theirs = (metrics(tmp_path / name) for name in ("memory", "streamed"))
    assert len(ours) == len(theirs) == 3
    for one, other in zip(ours, theirs):
        assert other["train"] == pytest.approx(one["train"], rel=1e-5)
        assert other.get("valid", {}) == pytest.approx(one.get("valid", {}), rel=1e-5)
    technique = planted_game.make(planted_game.Config(shape=(8, 8, 1), batch=16))
    assert technique.shared == ("judge",)


def test_a_technique_without_its_frozen_network_is_a_mistake_that_is_named(tmp_path):
    with pytest.raises(ValueError, match="reads \\['judge'\\] from its batches"):
        conduct(EXPERIMENT._replace(data=image_reader.reader()), [f"--workdir={tmp_path / 'run'}"])


@pytest.mark.parametrize(
    ("argv", "name", "changed"),
    [
        ([], "adam", {}),
        (["--beta1=0.5", "--l2=0.1"], "adam", {"beta1": 0.5, "l2": 0.1}),
        (["--beta1=0.5", "--critic_beta1=0.3"], "adam", {"beta1": 0.3}),
        (["--beta1=0.5", "--l2=0.1", "--critic_optimizer=sgd"], "sgd", {"l2": 0.1}),
        (["--l2=0.1", "--clip_norm=1", "--critic_l2=0"], "adam", {"clip_norm": 1.0}),
        (["--schedule=power", "--decay_power=2", "--critic_schedule=cosine"], "adam", {"schedule": "cosine"}),
        (["--preset=fast"], "rmsprop", {"beta2": 0.9}),
        (["--preset=fast", "--critic_optimizer=lion"], "lion", {}),
        (["--preset=fast", "--critic_optimizer=rmsprop"], "rmsprop", {"beta2": 0.9}),
        (["--preset=shared", "--optimizer=adam", "--schedule=cosine"], "adam", {**SHARED, "beta1": 0.3}),
        (["--preset=shared", "--optimizer=rmsprop", "--schedule=constant"], "rmsprop", {}),
    ],
)
def test_what_a_player_is_not_told_is_as_the_first_ones(argv, name, changed):
    optimizer, settings = vars(parse(EXPERIMENT, argv).players.critic).values()
    assert optimizer == name
    assert {k: v for k, v in vars(settings).items() if v != getattr(type(settings)(), k)} == changed


RATES = [  # argv, rates that are taken from the optimisers
    ([], {}),
    (["--optimizer=adam", "--critic_optimizer=adam"], {}),  # said again
    (["--preset=fast", "--critic_optimizer=rmsprop"], {}),
    (["--optimizer=adadelta"], {"learning_rate": 1.0, "critic_learning_rate": 1.0}),
    (["--optimizer=adadelta", "--learning_rate=0.2"], {"critic_learning_rate": 1.0}),
    (["--critic_optimizer=optax.prodigy"], {"critic_learning_rate": 1.0}),
    (["--preset=fast", "--optimizer=sgd"], {"learning_rate": 0.01}),
]


@pytest.mark.parametrize(("argv", "own"), RATES)
def test_an_optimiser_without_a_rate_takes_its_own(argv, own):
    parsed = parse(EXPERIMENT, argv)
    found, lines = with_own_rates(parsed)
    assert vars(found.config) == vars(parsed.config) | own
    assert [line.partition(",")[0] for line in lines] == [f"--{flag}={rate:g}" for flag, rate in own.items()]


def test_each_player_has_its_optimiser_and_rate(tmp_path, capsys):
    flags = ["--optimizer=sgd", "--critic_optimizer=momentum", "--critic_momentum=0.5"]
    rates = ["--critic_learning_rate=0.25", "--schedule=cosine"]
    argv = [*flags, *rates, f"--workdir={tmp_path / 'run'}"]
    conduct(EXPERIMENT, argv)
    assert capsys.readouterr().out.startswith("--learning_rate=0.01, the default of sgd, as none was given\n")
    _, technique, state = load_run(tmp_path / "run")
    assert jax.tree.leaves(state.opt["generator"].slots) == []
    assert len(jax.tree.leaves(state.opt["critic"].slots)) == 1
    last = metrics(tmp_path / "run")[-1]["train"]
    own = {name: value for name, value in last.items() if name.startswith("rate")}
    assert sorted(own.values()) == pytest.approx([0.01 * 0.0669873, 0.25 * 0.0669873], rel=1e-4)
    jax.jit(technique.step)(state, technique.example(jax.random.key(0)))
    with pytest.raises(Refused, match=r"critic_momentum: 0.5 there, 0.9 now"):
        conduct(EXPERIMENT, [*argv, "--critic_momentum=0.9"])


def test_wrong_flags_of_a_player_are_named(tmp_path, capsys):
    for flag, message in (
        ("--critic_optimizer=adamm", "there is no optimizer 'adamm'"),
        ("--critic_beta1=2", "--critic_beta1 must be at most"),
        ("--critic_optimizer=sgd --critic_beta1=0.5", "--optimizer=sgd has no --beta1"),
    ):
        assert cli.main(EXPERIMENT, [*flag.split(), f"--workdir={tmp_path / 'run'}"]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert cli.main(EXPERIMENT, ["--help"]) == 0
    assert "--critic_clip_norm=float" in capsys.readouterr().out


DEVICES = """
import jax, sys
from jaxgen.core import loop, sharding
from jaxgen.run import machine
machine.prepare(2)
import test_players
from jaxgen.run.conduct import on_devices, read
from jaxgen.run.parsing import parse
parsed = parse(test_players.EXPERIMENT, [])
stages = on_devices(test_players.EXPERIMENT.plan(read(test_players.EXPERIMENT, parsed)), parsed.flags)
for event in loop.train(stages, jax.random.key(0), 2, 3, layout=machine.layout()):
    last = event
chain = last.state.carry["chain"]
assert [shard.data.shape for shard in chain.addressable_shards] == [(8, 2), (8, 2)], chain.sharding
source = stages[0].source
batch = jax.jit(lambda arrays, key, n: source.take(arrays, key, n))(source.arrays, jax.random.key(0), 0)
assert [shard.data.shape for shard in batch["image"].addressable_shards] == [(8, 64), (8, 64)]
print(float(last.train["loss"]), float(last.valid["distance"].value), float(last.state.params["critic"][0]))
"""


@pytest.mark.slow  # a process with two devices
def test_two_devices_split_examples_and_chains_and_share_the_frozen_network(tmp_path):
    """Its 64 rows and 3 columns cannot be divided by a guess at shapes; the numbers are those of one device."""
    env = {**os.environ, "PYTHONPATH": ".:tests:tests/run"}
    done = subprocess.run([sys.executable, "-c", DEVICES], env=env, cwd=floors.root(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    conduct(EXPERIMENT, [f"--workdir={tmp_path / 'run'}"])
    last, state = metrics(tmp_path / "run")[-1], load_run(tmp_path / "run").state
    alone = [last["train"]["loss"], last["valid"]["distance"], float(state.params["critic"][0])]
    np.testing.assert_allclose([float(word) for word in done.stdout.split()], alone, rtol=1e-4)
