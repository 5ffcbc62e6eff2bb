"""Modes of stacked digits, counted through a judge that was not trained."""

import collections
import math
import types

import jax
import numpy as np
import pytest

from jaxgen.data.examples import Examples
from jaxgen.figures import stacked_modes
from jaxgen.figures.fidelity import seeing
from jaxgen.run.judges import Judge
from jaxgen.techniques.adversarial.judging import judge_net

SPEC = ("", "6", "tanh", "", "")
COUNT = 40


def test_modes_are_counted_as_one_image_after_the_other(monkeypatch):
    x = np.random.default_rng(0).random((COUNT, 48)).astype(np.float32) ** 9  # few bright pixels: several digits
    monkeypatch.setattr(stacked_modes, "SAMPLES", COUNT)
    monkeypatch.setattr(stacked_modes, "drawn", lambda technique, state, label, seed: x)
    net = judge_net(SPEC, (4, 4, 1), 10)
    judge = Judge("", SPEC, dict(jax.jit(net.init)(jax.random.key(1), x[:1, :16])), 0.5)
    counts = collections.Counter()
    logits = jax.jit(lambda x: net.apply(judge.variables, x)[0])
    for image in x.reshape(-1, 4, 4, 3):
        counts[tuple(int(np.argmax(logits(image[..., n].reshape(1, 16)))) for n in range(3))] += 1
    assert len(counts) > 20
    expected = sum(count / COUNT * math.log(1000 * count / COUNT) for count in counts.values())

    setting = types.SimpleNamespace(
        config=types.SimpleNamespace(shape=(4, 4, 3)),
        data=types.SimpleNamespace(examples=types.SimpleNamespace(classes=("000",))),
    )
    result = types.SimpleNamespace(stage=types.SimpleNamespace(technique=None), state=None)
    nines = Examples(np.full((5, 16), 9, np.uint8), np.full(5, 9, np.int32))
    table = stacked_modes.table(setting, result, judge, nines)
    samples, digits = ([cell.text for cell in row] for row in table.rows)
    assert samples[:2] == ["samples", f"{len(counts)}"]
    assert float(samples[2]) == pytest.approx(expected, abs=6e-4)
    assert digits == ["test digits", "1", "6.908"]
    numbers = stacked_modes.classes_of(seeing(SPEC, (4, 4, 1), 10), judge.variables, x)
    assert collections.Counter((n // 100, n // 10 % 10, n % 10) for n in numbers.tolist()) == counts
