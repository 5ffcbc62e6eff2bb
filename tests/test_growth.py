"""Samplers and growth with size: rows of small cases, and the exponent by hand."""

import ast
import math
import subprocess
import sys

import floors
import pytest

from benchmarks.contender import Work
from benchmarks.loops import growth, samplers
from jaxgen.techniques.autoencoders import vae
from jaxgen.techniques.vision import mlp

SMALL = {"hidden": 16, "batch": 8, "updates": 2, "dataset": "digits"}


@pytest.mark.ci
def test_samplers_and_growth(monkeypatch):
    monkeypatch.setattr(samplers, "BLOCK", 0.001)
    cases = {name: technique for name, technique in vae.tiny().items() if name == "vae_mlp"}
    (row,) = samplers.measure(1, {**cases, "none": mlp.tiny()["classifier_mlp"]})
    assert row["technique"] == "vae_mlp"
    assert all(row[name] > 0 for name in ("first_s", "keys1_per_second", "keys16_per_second", "keys256_per_second"))
    assert 0 < row["quality"] < 1  # of pixels
    small = growth.Grown("vae", "mlp", "hidden", (1, 2), SMALL)
    (row,) = growth.measure(1, [small])
    assert row["grown"] == "vae mlp, hidden"
    assert row["x1_ms"] > 0
    assert row["x16_ms"] is None
    assert math.isfinite(row["quality"])


def test_exponents_are_slopes():
    assert growth.exponent({1: 2.0, 4: 16.0, 16: 128.0}) == pytest.approx(1.5)
    assert growth.exponent({1: 2.0}) is None
    assert growth.exponent({1: 2.0, 2: 2.0, 4: 2.0}) == pytest.approx(0.0)


def test_what_takes_too_long_is_not_grown(monkeypatch):
    sizes = []
    none = lambda loop, size: sizes.append(size.batch) or Work(lambda: None, 1.0, lambda: 1.0)
    monkeypatch.setattr(growth, "prepared", none)
    monkeypatch.setattr(growth, "fastest", lambda work: sizes[-1] * 1.0)  # 100 updates a call
    row = growth.row(growth.Grown("vae", "mlp", "batch", (1, 4, 16)))
    assert sizes == [128, 512]
    assert (row["x4_ms"], row["x16_ms"], row["exponent"]) == (5120.0, None, pytest.approx(1.0))


@pytest.mark.slow
def test_steps_on_two_devices_are_steps_on_one():
    """In a process whose CPU is two devices, which split a batch of eight."""
    code = (
        "from benchmarks.loops import devices; from jaxgen.run import machine;"
        "machine.prepare(2); devices.BLOCK = 0.01;"
        "from jaxgen.techniques.music import chords; case = chords.tiny()['music_chord'];"
        "print(devices.every({'music_chord': case}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=floors.root(), capture_output=True, text=True, check=True)
    (row,) = ast.literal_eval(done.stdout)
    assert (row["technique"], row["devices"]) == ("music_chord", "2")
    assert row["one_us"] > 0 < row["all_us"]
    assert row["against_one"] == pytest.approx(row["one_us"] / row["all_us"])
    assert 0 < row["quality"] < 100
