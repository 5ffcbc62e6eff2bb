"""The sequence autoencoder against loops over single sequences."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from jaxgen.core import loop
from jaxgen.core.config import changed
from jaxgen.core.types import Source, Stage
from jaxgen.ops.corruption import substituted
from jaxgen.techniques.autoencoders import sequence, transcription
from jaxgen.techniques.autoencoders.sequence import Config

KEY = jax.random.key(0)
SMALL = changed(Config(), {"longest": 6, "size": 4, "units": 7, "code": 5})
LENGTH = np.array([1, 3, 6], np.int32)
TOKENS = np.random.default_rng(0).integers(0, 4, (3, 6)).astype(np.int32)
STATE = jax.jit(sequence.make(SMALL).init)(KEY)  # the same with and without forcing, and however long


@functools.partial(jax.jit, static_argnums=0)
def encoded(config, state, x, length):
    net = sequence.network(config)
    return net.apply({"params": state.params}, x, length, method="encode")


@functools.partial(jax.jit, static_argnums=0)
def written_from(config, state, code):
    return transcription.writing(config, sequence.network(config), state.params, code)


@functools.partial(jax.jit, static_argnums=0)
def measured(config, state, x, length, mask):
    fold = sequence.make(config).evaluate
    return fold.finish(fold.add(state, KEY, fold.start(), {"x": x, "length": length}, mask))


def test_a_code_is_that_of_a_loop_over_the_sequence_alone():
    params = jax.tree.map(np.asarray, STATE.params)
    for x, length, code in zip(TOKENS, LENGTH, encoded(SMALL, STATE, TOKENS, LENGTH)):
        h = c = np.zeros(7)
        for token in x[:length]:
            z = params["read_kernel"][token] + params["read_bias"] + h @ params["read_recurrent"]
            i, f, o, g = np.split(z, 4)
            c = expit(f) * c + expit(i) * np.tanh(g)
            h = expit(o) * np.tanh(c)
        squeeze = params["squeeze"]
        expected = np.append(h, c) @ squeeze["kernel"] + squeeze["bias"]
        np.testing.assert_allclose(code, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("elements", ["tokens", "movements"])
def test_padding_changes_nothing(elements):
    rng, config = np.random.default_rng(1), changed(SMALL, {"elements": elements, "size": 4 - (elements != "tokens")})
    state = jax.jit(sequence.make(config).init)(KEY)
    x = TOKENS if elements == "tokens" else rng.normal(size=(3, 6, 3)).astype(np.float32)
    padded = np.concatenate([x, x[:, ::-1][:, :3]], 1)
    codes = [encoded(config, state, each, LENGTH) for each in (x, padded)]
    np.testing.assert_allclose(*codes, rtol=1e-5, atol=1e-6)
    longer, every = changed(config, {"longest": 9}), np.ones(3, bool)
    short, long = measured(config, state, x, LENGTH, every), measured(longer, state, padded, LENGTH, every)
    for name, value in short.items():
        np.testing.assert_allclose(value, long[name], rtol=1e-5)


def test_what_is_written_begins_and_ends_with_the_end():
    x, three = jnp.array([[1, 2, 3, 0, 0, 0]], jnp.int32), jnp.array([3], jnp.int32)
    to_write = transcription.written(SMALL, x, three)
    assert to_write.target.tolist() == [[3, 2, 1, 4, 4, 4, 4]]
    assert to_write.before.tolist() == [[4, 3, 2, 1, 4, 4, 4]]
    assert to_write.counted.tolist() == [[True] * 4 + [False] * 3]
    assert to_write.inside.tolist() == [[True] * 3 + [False] * 4]
    assert transcription.written(changed(SMALL, {"backwards": False}), x, three).target.tolist() == [
        [1, 2, 3, 4, 4, 4, 4]
    ]
    assert transcription.written(changed(SMALL, {"forcing": False}), x, three).before.tolist() == [[4] * 7]


@pytest.mark.parametrize("backwards", [True, False])
def test_what_was_written_is_read_back(backwards):
    config = changed(SMALL, {"backwards": backwards})
    read = jax.jit(lambda elements: transcription.as_read(config, elements, jnp.int32(0)))
    target = np.asarray(transcription.written(config, jnp.asarray(TOKENS), jnp.asarray(LENGTH)).target)
    for row, x, length in zip(target, TOKENS, LENGTH.tolist()):
        again = read(row)
        assert int(again["length"]) == length
        assert again["x"].tolist() == [*x[:length].tolist(), *[0] * (6 - length)]
    endless = read(np.ones(7, np.int32))
    assert (int(endless["length"]), endless["x"].tolist()) == (6, [1] * 6)


@pytest.mark.parametrize("forcing", [True, False])
def test_step_by_step_it_writes_what_it_does_at_once(forcing):
    config = changed(SMALL, {"forcing": forcing})
    code = encoded(config, STATE, TOKENS, LENGTH)
    own = np.asarray(written_from(config, STATE, code))
    before = np.concatenate([np.full((3, 1), 4), own[:, :-1] if forcing else np.full((3, 6), 4)], 1).astype(np.int32)
    decode = lambda before, code: sequence.network(config).apply(
        {"params": STATE.params}, before, code, method="decode"
    )
    assert np.array_equal(jax.jit(decode)(before, code).argmax(-1), own)


def test_errors_are_counted_over_real_sequences_alone():
    mask = np.array([True, True, False])
    own = np.asarray(written_from(SMALL, STATE, encoded(SMALL, STATE, TOKENS, LENGTH)))
    wrong = total = spoilt = 0
    for made, x, length in zip(own[mask], TOKENS[mask], LENGTH.tolist()):
        errors = [made[n] != x[length - 1 - n] for n in range(length)]
        wrong, total = wrong + sum(errors), total + length
        spoilt += any(errors) or made[length] != 4
    metrics = measured(SMALL, STATE, TOKENS, LENGTH, mask)
    np.testing.assert_allclose(metrics["wrong"], wrong / total, rtol=1e-6)
    np.testing.assert_allclose(metrics["not_whole"], spoilt / 2, rtol=1e-6)


def test_tokens_are_substituted_with_a_probability():
    x = jnp.zeros((200, 50), jnp.int32)
    after = np.asarray(jax.jit(lambda key: substituted(key, x, 0.4, 4))(KEY))
    assert abs((after > 0).mean() - 0.3) < 0.02  # a quarter of the substitutes are as they were
    assert set(np.unique(after)) == {0, 1, 2, 3}


def test_it_learns_to_copy():
    """Three of five tokens: 125 sequences, most of which it has seen; before, four of five tokens are wrong."""
    config = changed(Config(), {"longest": 3, "size": 5, "units": 24, "code": 12, "learning_rate": 2e-2})
    technique, three = sequence.make(config), jnp.full(32, 3, jnp.int32)
    tokens = lambda key: jax.random.randint(key, (32, 3), 0, 5, jnp.int32)
    take = lambda arrays, key, n: {"x": tokens(jax.random.fold_in(key, n)), "length": three}
    (event,) = loop.train([Stage(technique, Source((), take), 300)], KEY, 300)
    batch, every = jax.jit(tokens)(jax.random.key(1)), np.ones(32, bool)
    first = measured(config, jax.jit(technique.init)(KEY), batch, three, every)
    assert first["wrong"] > 0.6
    assert measured(config, event.state, batch, three, every)["wrong"] < 0.05
