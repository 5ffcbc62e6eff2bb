"""The language models that race have the sizes they are told, and answer with what they did."""

import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from text_racers import SMALL, shrink

from benchmarks import __main__ as benchmarks
from benchmarks import text
from benchmarks.contenders import text_jax, text_keras, text_sampling_jax, text_sizes
from experiments.text import COMMAND
from jaxgen.run import cli


@pytest.fixture
def small(monkeypatch):
    shrink(monkeypatch)


@pytest.mark.parametrize("training", text_sizes.SIZES)
def test_ours_has_the_sizes_that_all_are_told(training):
    config, _ = text_jax.setting(training)
    found = (len(config.vocabulary), config.batch, config.context, config.width)
    assert found == text_sizes.SIZES[training]
    assert (config.predict, config.windows) == {
        "windows": ("last", "strided"),
        "carried": ("all", "stream"),
        "transformer": ("all", "random"),
    }[training]
    if training == "transformer":
        assert (config.layers, config.heads) == (text_sizes.LAYERS, text_sizes.HEADS)
    else:
        assert (config.model, config.layers, config.embedding) == ("lstm", 1, 0)


@pytest.mark.parametrize("training", text_sizes.SIZES)
def test_the_work_is_what_is_counted(training, small, monkeypatch):
    """A window of the book's has one target, the others as many as they have tokens."""
    told, steps = [], []

    def chunk(step, take, state, arrays, rows, length, key):
        batch = jax.eval_shape(take, arrays, key, jnp.int32(0))
        steps.append((length, batch["tokens"].shape))
        return state, {}, True

    monkeypatch.setattr(text_jax.loop, "chunk", chunk)
    monkeypatch.setattr(text_jax.jax, "jit", lambda f: lambda key: jax.eval_shape(f, key))
    monkeypatch.setattr(text_jax, "serve", lambda work, amount: told.append((work(), amount)[1]))
    text_jax.main(training)
    (length, (batch, tokens)), targets = steps[0], 1 if training == "windows" else SMALL[training].context
    assert (batch, tokens) == (SMALL[training].batch, SMALL[training].context + 1)
    assert told == [length * batch * targets]


def test_what_is_written_is_counted_and_is_new_each_time(small, monkeypatch):
    told, streams = [], 3
    monkeypatch.setattr(text_sampling_jax, "LENGTH", 20)
    monkeypatch.setattr(text_sampling_jax, "serve", lambda *given: told.append(given))
    text_sampling_jax.main(streams)
    ((work, amount),) = told
    first, second = work(), work()
    assert first.size == amount == 20 * streams
    assert (first != second).any()
    assert (first[0] != first[1]).any()


def test_kerass_windows_and_draws():
    tokens = np.arange(50, dtype=np.uint8)
    x, y = text_keras.examples(tokens, 4, 3)
    assert x.tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    assert y.tolist() == [4, 7, 10]
    draw, p = np.random.default_rng(0), np.float32([0.1, 0.2, 0.7])
    found = np.bincount([text_keras.drawn(p, 0.5, draw) for _ in range(4000)], minlength=3) / 4000
    np.testing.assert_allclose(found, p**2 / np.sum(p**2), atol=0.03)


ONE, MANY = ["compiled whole", "PyTorch", "PyTorch, LSTMCell"], ["fused", "fused, 2 host devices"]
CONTENDERS = {
    text.windows: [[*MANY, "PyTorch", "Keras on JAX", "Keras on PyTorch"]],
    text.carried: [[*MANY, "PyTorch"]],
    text.sampling: [[*ONE, "Keras on JAX", "Keras on PyTorch"], ONE],
    text.transformer: [[*MANY, "PyTorch", "PyTorch, torch.compile"]],
}


@pytest.mark.parametrize("installed", [{"torch", "keras", "jax"}, {"torch", "jax"}, {"keras", "jax"}, {"jax"}])
@pytest.mark.parametrize("measure", CONTENDERS)
def test_a_race_is_a_row_for_each_contender(measure, installed, monkeypatch):
    monkeypatch.setattr(text, "have", lambda package: package in installed)
    monkeypatch.setattr(text, "race", lambda contenders, rounds, seconds: {name: speeds(name) for name in contenders})

    def speeds(name):
        return {"PyTorch": [1.0, 4.5, 4.0], "Keras on JAX": [1.0, 1.0, 2.0]}.get(name, [3.0, 9.0, 6.0])

    def runs(name):
        needs = {"torch"} if "PyTorch" in name else set()
        return needs | ({"keras"} if "Keras" in name else set()) <= installed

    rows, expected = measure(3), [[name for name in names if runs(name)] for names in CONTENDERS[measure]]
    assert [row["contender"] for row in rows] == [name for names in expected for name in names]
    assert len({tuple(row) for row in rows}) == 1  # a table
    assert [value for name, value in rows[0].items() if name.endswith("_per_second")] == [6.0]
    assert rows[0].get("against_pytorch") == (2.0 if "torch" in installed else None)
    if measure == text.sampling:
        assert [row["streams"] for row in rows] == [1] * len(expected[0]) + [64] * len(expected[1])
        assert rows[0].get("against_keras") == (3.0 if "keras" in installed else None)
        assert rows[-1].get("against_keras") is None


def test_the_first_process_trains_and_the_rest_are_timed(monkeypatch):
    commands = []

    def ran(command, check, env, **silent):
        assert command[1:3] == ["-m", "experiments.text"]
        assert not any(name.startswith("XLA_") for name in env)
        commands.append([each for each in command[3:] if "prompt" not in each])
        cli.parse(COMMAND, commands[-1])

    monkeypatch.setattr(subprocess, "run", ran)
    monkeypatch.setattr(text.time, "perf_counter", iter([0, 50, 50, 60, 60, 61, 61, 64, 64, 66]).__next__)
    (row,) = text.start(3)
    assert (row["seconds"], row["blocks"]) == (2, [1, 3, 2])
    assert ["--sample_only" in command for command in commands] == [False, *[True] * 4]
    assert all("--length=400" in command for command in commands[1:])


def test_a_race_is_told_by_its_own_words_where_a_module_has_several():
    assert "LSTM-512" in benchmarks.heading(benchmarks.RACES["text_carried"])
    assert "The VAE" in benchmarks.heading(benchmarks.RACES["vae"])
    assert benchmarks.heading(lambda rounds: []) == ""
