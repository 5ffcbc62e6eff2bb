"""What language models of melodies are measured by."""

import math

import jax
import numpy as np
import pytest

from jaxgen.core.config import changed
from jaxgen.core.evaluation import evaluate
from jaxgen.data.text import windows
from jaxgen.data.text.texts import Split
from jaxgen.techniques.text import lstm


def test_melodies_are_measured_by_notes():
    """All tokens are paid for, and divided among the notes."""
    fields = {"vocabulary": tuple("abcdef"), "batch": 1, "context": 8, "width": 8, "level": "note"}
    technique, key = lstm.make(changed(lstm.Config(), fields)), jax.random.key(0)
    state = jax.jit(technique.init)(key)
    tokens = np.random.default_rng(0).integers(0, 6, 45).astype(np.uint8)
    metrics = evaluate(technique.evaluate, state, windows.pieces(Split(tokens, tokens // 3 % 2), 1, 8), key)
    total = notes = 0
    for token, nats in zip(tokens[1:], jax.jit(technique.infer["score"])(state, key, tokens)):
        total += float(nats)
        notes += token // 3 % 2
    assert list(metrics) == ["bits_per_note", "nats_per_token"]
    assert metrics["bits_per_note"].value == pytest.approx(total / math.log(2) / notes, rel=1e-5)
    assert "notes and rests" in metrics["bits_per_note"].definition
