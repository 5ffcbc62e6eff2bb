"""Several devices and one, and what a process cannot do: each in processes of their own."""

import json
import os
import subprocess
import sys

import floors
import jax
import pytest

from jaxgen.core.types import Refused
from jaxgen.run import machine, record


def history(place):
    return record.read_rows(place / "metrics.jsonl")


@pytest.mark.slow  # starts many processes
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_two_host_devices_agree_with_one_and_resume(network, tmp_path):
    def start(name, steps, devices):
        flags = "--dataset=digits --hidden=8 --latent=2 --batch_size=64 --log_every=5 --eval_every=5"
        command = [
            sys.executable,
            "tests/worker.py",
            *flags.split(),
            f"--network={network}",
            f"--steps={steps}",
            f"--host_devices={devices}",
        ]
        # Compiled as users' runs are: quickly compiled programs round so that Adam's first updates differ by 3e-4.
        env = {k: v for k, v in os.environ.items() if not k.startswith("XLA_")} | {"PYTHONPATH": "."}
        done = subprocess.run(
            [*command, f"--workdir={tmp_path / name}", f"--compilation_cache={tmp_path}"],
            cwd=floors.root(),
            env=env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    start("two", 5, 2)
    start("two", 10, 2)
    start("two_whole", 10, 2)
    start("one", 10, 1)
    two, whole, one = (history(tmp_path / name) for name in ("two", "two_whole", "one"))
    assert [row | {"timing": {}} for row in two] == [row | {"timing": {}} for row in whole]
    for ours, theirs in zip(two, one, strict=True):
        for group in ("train", "valid"):
            assert ours[group] == pytest.approx(theirs[group], rel=1e-4)
    assert json.loads((tmp_path / "two/config.json").read_text())["free"]["host_devices"] == 2


EIGHT = """
import jax, json, sys
from experiments.vae import EXPERIMENT
from jaxgen.core.sharding import spread_whole
from jaxgen.run import machine
from jaxgen.run.conduct import conduct, read
from jaxgen.run.parsing import parse
argv = "--dataset=digits --hidden=8 --latent=2 --batch_size=50 --steps=3".split()
argv += ["--likelihood=static", "--importance_samples=2"]
argv += ["--host_devices=8", "--deterministic", "--matmul_precision=tf32"]
for name, flags in (("most", []), ("most", []), ("two", ["--devices=2"]), ("one", ["--devices=1"])):
    conduct(EXPERIMENT, [*argv, f"--workdir={sys.argv[1]}/{name}", *flags])
test = read(EXPERIMENT, parse(EXPERIMENT, argv)).data.test
shared = spread_whole(test, machine.layout(50))
images = jax.jit(lambda arrays: shared.take(arrays, 0)[0]["image"])(shared.arrays)
assert [shard.data.shape for shard in images.addressable_shards] == [(10, 64)] * 5, images.sharding
assert len(jax.tree.leaves(shared.arrays)[0].addressable_shards) == 5
"""


@pytest.mark.slow  # a process with eight devices
def test_as_many_devices_are_used_as_divide_a_batch(tmp_path):
    """In tests of the whole split and importance sampling too, also where training had ended before."""
    env = {**os.environ, "PYTHONPATH": "."}
    command = [sys.executable, "-c", EIGHT, str(tmp_path)]
    done = subprocess.run(command, cwd=floors.root(), env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("5 of 8 devices are used: more do not divide --batch_size=50") == 2
    found = {name: json.loads((tmp_path / name / "summary.json").read_text()) for name in ("most", "two", "one")}
    one = {name: pytest.approx(metric["value"], rel=1e-3) for name, metric in found["one"]["metrics"].items()}
    assert len(one) > 2
    for summary in found.values():
        assert {name: metric["value"] for name, metric in summary["metrics"].items()} == one
        assert summary["arithmetic"] == {"matmul_precision": "tensorfloat32", "deterministic": True}


APART = """
import jax, json, sys
from jaxgen.core import loop
from jaxgen.core.accumulation import accumulated, collecting
from jaxgen.core.sharding import spread_stage
from jaxgen.core.types import Source, Stage
from jaxgen.data.text.reading import Reading
from jaxgen.optim.textbook import adam
from jaxgen.run import machine
from jaxgen.techniques.text import gpt
machine.prepare(8)
sizes = dict(batch=16, reading=Reading(context=32), layers=6, width=384)
config = gpt.Config(vocabulary=tuple("abcdefgh"), learning_rate=1e-4, **sizes)
technique = gpt.make(config)
source = Source(technique.example(jax.random.key(1)), lambda arrays, key, n: arrays)
parts = accumulated(gpt.make(config, lambda rate: collecting(adam(rate), 2)), 2)
for apart, each in ((False, technique), (True, technique), (True, parts)):
    layout = machine.layout(apart=apart)
    stage = spread_stage(Stage(each, source, 6), layout)
    losses = []
    for last in loop.train([stage], jax.random.key(0), 2, layout=layout):
        losses.append(last.train["loss"])
    count, kept = sum(a.size for a in jax.tree.leaves(last.state.params)), jax.tree.leaves(last.state[2:4])
    shards = [shard for leaf in kept for shard in leaf.addressable_shards]
    most = max(sum(each.data.nbytes for each in shards if each.device == device) for device in jax.devices())
    print(json.dumps([losses, count, most, sum(leaf.nbytes for leaf in kept)]))
"""


@pytest.mark.slow  # a process with eight devices
def test_eight_devices_share_parameters_and_the_state_of_the_optimizer():
    env = {**os.environ, "PYTHONPATH": "."}
    done = subprocess.run([sys.executable, "-c", APART], cwd=floors.root(), env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (losses, count, everywhere, whole), *others = map(json.loads, done.stdout.splitlines())
    assert count > 10_000_000
    assert everywhere == whole
    assert losses[-1] < losses[0]
    for same, _, on_one, _ in others:
        assert same == pytest.approx(losses, rel=1e-5)
        assert on_one <= whole / 7


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"host_devices": 3}, "--host_devices=3 comes too late"),
        ({"deterministic": True}, "--deterministic comes too late"),
    ],
)
def test_what_a_process_cannot_do_is_refused(flags, says):
    jax.devices()
    before = jax.config.jax_num_cpu_devices, os.environ.get("XLA_FLAGS")
    with pytest.raises(Refused, match=says):
        machine.prepare(**flags)
    assert (jax.config.jax_num_cpu_devices, os.environ.get("XLA_FLAGS")) == before


@pytest.mark.parametrize(
    ("size", "limit", "processes", "says"),
    [(64, 0, 3, "--batch_size=64 cannot be divided among 3"), (64, 1, 2, "--devices=1 cannot be divided among 2")],
)
def test_a_batch_that_processes_cannot_divide_is_refused(size, limit, processes, says):
    with pytest.raises(Refused, match=says):
        machine.sharing(size, limit, processes)
    assert machine.sharing(size, 2, 2) == 2
