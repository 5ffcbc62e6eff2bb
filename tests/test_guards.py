"""Guards name what does not hold and, in processes that compile as users' do, tell fast convolutions from slow ones."""

import json
import os
import subprocess
import sys
import types

import floors
import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import guards, racing
from jaxgen.run import cli

# lax's own operations, whose gradients are autodiff's, called as ops.conv's.
PLANTED = """
import dataclasses, json
from jax import lax
from benchmarks import guards, racing
from jaxgen.nets import layers

def conv(x, kernel, strides=1, padding="SAME", *rest, **options):
    strides = (strides, strides) if isinstance(strides, int) else strides
    return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))

def conv_transpose(x, kernel, strides):
    return lax.conv_transpose(x, kernel, strides, "SAME")

def pool(x):
    return guards.nn.max_pool(x, (2, 2), (2, 2))

_, strided, transposed, _ = guards.LAYERS
strided, transposed = strided._replace(images=(8, 16, 16, 64)), transposed._replace(images=(16, 14, 14, 64))
guards.BATCH = 8
layers.conv = {layer}
print(json.dumps({rows}))
"""


def process(*command):
    env = {name: value for name, value in os.environ.items() if not name.startswith("XLA_")}
    return subprocess.run([sys.executable, *command], cwd=floors.root(), env=env, capture_output=True, text=True)


def planted(rows, layer="layers.conv"):
    """What guards find with slow operations in the place of ours: rows of numbers."""
    done = process("-c", PLANTED.replace("{layer}", layer).replace("{rows}", rows))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def holding(rows):
    return [row["holds"] for row in rows]


@pytest.mark.slow
def test_what_is_promised_holds(tmp_path):
    done = process("-m", "benchmarks", "--only=guards", "--rounds=4", f"--out={tmp_path / 'numbers.json'}")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "numbers.json").read_text())["rows"]["guards"]
    assert len(rows) == 2 * len(guards.LAYERS) + 3
    assert all(holding(rows))


SLOW = {  # rows, the convolution of layers, which rows hold, what the others exceed
    "transposed": (
        "guards.gradients(1, [transposed], conv_transpose=conv_transpose)[:1]",
        "",
        [False],
        10,
    ),
    "convolutions in a scan": ("guards.gradients(1, [strided], conv=conv)", "", [True, False], 10),
    "pooling": ("guards.pooling(2, pool)", "", [False], 0.5),
    "many seeds": ("guards.seeds(1, steps=1)", "conv", [True, False], 15),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_slow_operations_are_found(name):
    rows, layer, holds, least = SLOW[name]
    found = planted(rows, layer or "layers.conv")
    assert sorted(holding(found), reverse=True) == holds
    assert all(row["ratio"] > least for row in found if not row["holds"])


@pytest.mark.ci
def test_the_quietest_call_counts_and_all_take_turns(monkeypatch):
    now, calls = [0.0], []
    monkeypatch.setattr(racing, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))

    def work(name, durations):
        def call():
            calls.append(name)
            now[0] += durations.pop(0)

        return call

    blocks = ["noisy", "steady", "steady", "steady", "noisy", "noisy", "steady", "steady", "steady"]
    works = {"noisy": work("noisy", [0.01, 0.5, 0.02, 0.3]), "steady": work("steady", [9.0] + [0.04] * 6)}
    assert racing.quietest(works, 2, guards.BLOCK) == pytest.approx({"noisy": 0.02, "steady": 0.04})
    assert calls == ["noisy", "steady", *blocks]  # the first call of each compiles and does not count


@pytest.mark.ci
def test_of_two_ways_to_train_seeds_the_faster_one_has_the_bound(monkeypatch):
    assert holding([guards.row("a", ratio, bound) for ratio, bound in ((3.0, 3.0), (3.1, 3.0))]) == [True, False]
    monkeypatch.setattr(guards, "_of_seeds", lambda technique, steps: {})
    for (singly, chunked, vmapped, mapped), bounds, holds in [
        ((1.0, 2.0, 1.5, 1.05), [None, guards.SEEDS], True),
        ((2.0, 1.0, 1.0, 1.5), [guards.SEEDS, None], True),
        ((2.0, 1.0, 1.5, 1.1), [None, guards.SEEDS], False),
    ]:
        seconds = {"singly": singly, "in chunks": chunked, "vmapped": vmapped, "mapped": mapped}
        monkeypatch.setattr(guards, "quietest", lambda works, rounds, block, seconds=seconds: seconds)
        rows = guards.seeds(1)
        assert [row["bound"] for row in rows] == bounds
        assert all(holding(rows)) == holds
        assert [row["ratio"] for row in rows] == pytest.approx([8 * vmapped, 8 * mapped])


@pytest.mark.ci
def test_what_does_not_hold_is_measured_again():
    for ratios, measured in (([2.0], 1), ([4.0, 5.0, 2.0], 3), ([4.0, 5.0, 6.0, 2.0], 3)):
        left = list(ratios)
        group = lambda rounds, left=left: [guards.row("b", left.pop(0), 3.0)]
        rows = guards.measure(5, [group, lambda rounds: [guards.row("a", 1.0, 3.0)]])
        assert len(ratios) - len(left) == measured
        assert [row["ratio"] for row in rows] == [ratios[measured - 1], 1.0]


@pytest.mark.ci
def test_what_does_not_hold_is_named_on_stderr_with_exit_code_1(tmp_path, monkeypatch, capsys):
    rows = [guards.row("fast", 2.0, 3.0), guards.row("slow", 4.0, 3.0), guards.row("free", 4.0, None)]
    monkeypatch.setattr(benchmarks.limits, "LARGE", benchmarks.limits.Sizes(64, 2**12))

    def go(measured):
        monkeypatch.setitem(benchmarks.RACES, "guards", benchmarks.Race("", lambda rounds: measured))
        command = ["--only=guards", f"--out={tmp_path / 'numbers.json'}"]
        code = cli.guarded("benchmarks", lambda: benchmarks.main(command))
        assert json.loads((tmp_path / "numbers.json").read_text())["rows"]["guards"] == measured
        return code, *capsys.readouterr()

    code, out, err = go(rows)
    assert code == 1
    assert err == "benchmarks: slow is 4, at most 3\n"
    assert [line.split() for line in out.splitlines() if line.startswith(("slow", "free"))] == [
        ["slow", "4", "3", "False"],
        ["free", "4", "True"],
    ]
    code, out, err = go(rows[::2])
    assert (code, err) == (0, "")
