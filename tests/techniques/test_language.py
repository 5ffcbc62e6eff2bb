"""Language models: what they see, how a split is measured, what is trained on, what is written."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.config import changed
from jaxgen.core.evaluation import evaluate
from jaxgen.core.types import Refused
from jaxgen.data.text import reading, windows
from jaxgen.data.text.texts import Split
from jaxgen.optim.textbook import adam
from jaxgen.techniques.text import gpt, gru, language, lstm, wavenet

KEY = jax.random.key(0)
SMALL = {"vocabulary": tuple("abcdef"), "batch": 1, "context": 8, "width": 8}
LSTM = lstm.network(changed(lstm.Config(), SMALL))
MODELS = {
    "lstm": LSTM,
    "gru": gru.network(changed(gru.Config(), {**SMALL, "layers": 2})),
    "conv": wavenet.network(changed(wavenet.Config(), {**SMALL, "layers": 2, "cycle": 2})),
    "transformer": gpt.network(changed(gpt.Config(), {**SMALL, "heads": 2})),
}
EACH = pytest.mark.parametrize("model", ["lstm", *(pytest.param(name, marks=pytest.mark.ci) for name in [*MODELS][1:])])
TEXT = np.random.default_rng(0).integers(0, 6, 45).astype(np.uint8)


def altered(model, **fields):
    """The language model with other numbers in its Config; its net is the same."""
    return model._replace(config=changed(model.config, fields))


def begun(model):
    technique = language.technique(model, adam)
    return technique, jax.jit(technique.init)(KEY)


def logits(model, state, tokens):
    """[T, V] of tokens [T], from nothing."""
    run = jax.jit(lambda params, tokens: model.net.apply({"params": params}, tokens, method="logits"))
    return np.asarray(run(state.params, jnp.asarray(tokens, jnp.int32)[None])[0], np.float64)


def measured(technique, state, holdout):
    """Metric -> value."""
    return {name: metric.value for name, metric in evaluate(technique.evaluate, state, holdout, KEY).items()}


def nats(logits, targets):
    """By the definition, in float64."""
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return -np.log((p / p.sum(-1, keepdims=True))[np.arange(len(targets)), targets])


@pytest.mark.parametrize(("model", "batch"), [("lstm", 3), pytest.param("gru", 1, marks=pytest.mark.ci)])
def test_an_evaluation_that_carries_its_memory_is_one_long_pass(model, batch):
    """Exactly so in one piece; in three, each begins with a window of context and an empty memory."""
    model = altered(MODELS[model], batch=batch)
    technique, state = begun(model)
    metrics = measured(technique, state, reading.holdout(Split(TEXT), batch, model.config.reading, carries=True))
    piece, expected = -(-44 // batch), []
    for first in range(0, 44, piece):
        start, end = max(0, first - 8), min(first + piece, 44)
        each = nats(logits(model, state, TEXT[start:end]), TEXT[start + 1 : end + 1])
        expected.extend(each[first - start :])
    assert len(expected) == 44
    assert metrics["nats_per_token"] == pytest.approx(np.mean(expected), rel=1e-5)
    assert metrics["bits_per_char"] == pytest.approx(np.mean(expected) / math.log(2), rel=1e-5)


@pytest.mark.ci
@pytest.mark.parametrize("model", ["conv", "transformer"])
@pytest.mark.parametrize("overlap", [0, 5])
def test_an_evaluation_in_windows(model, overlap):
    model = altered(MODELS[model], overlap=overlap, batch=4)
    technique, state = begun(model)
    metrics = measured(technique, state, reading.holdout(Split(TEXT), 4, model.config.reading, carries=False))
    expected, first = [], 0
    while len(expected) < 44:
        window = TEXT[first : first + 9]
        expected.extend(nats(logits(model, state, window[:-1]), window[1:])[overlap if first else 0 :])
        first += 8 - overlap
    assert metrics["nats_per_token"] == pytest.approx(np.mean(expected), rel=1e-5)


@pytest.mark.ci
def test_only_the_last_token_of_a_window_is_learnt_and_counted():
    model = altered(LSTM, predict="last", windows="strided", batch=4)
    technique, state = begun(model)
    every = np.lib.stride_tricks.sliding_window_view(TEXT, 9)
    last = [nats(logits(model, state, each[:-1])[-1:], each[-1:])[0] for each in every]
    metrics = measured(technique, state, reading.holdout(Split(TEXT), 4, model.config.reading, carries=False))
    assert metrics["nats_per_token"] == pytest.approx(np.mean(last), rel=1e-5)
    batch = {"tokens": every[:4], "fresh": np.ones(4, bool)}
    _, trained = jax.jit(technique.step)(state, batch)
    expected = {"loss": np.mean(last[:4]), "bits_per_char": np.mean(last[:4]) / math.log(2)}
    assert {name: float(trained[name]) for name in expected} == pytest.approx(expected, rel=1e-5)


@pytest.mark.ci
def test_hidden_states_go_on_from_step_to_step_until_they_are_fresh():
    technique, state = begun(altered(LSTM, learning_rate=1e-12))
    step = jax.jit(technique.step)
    batch = lambda first, fresh: {"tokens": TEXT[None, first : first + 9], "fresh": np.array([fresh])}
    whole = nats(logits(LSTM, state, TEXT[:16]), TEXT[1:17])
    state, first = step(state, batch(0, True))
    after, second = step(state, batch(8, False))
    _, anew = step(state, batch(8, True))
    assert float(first["loss"]) == pytest.approx(whole[:8].mean(), rel=1e-5)
    assert float(second["loss"]) == pytest.approx(whole[8:].mean(), rel=1e-5)
    assert float(anew["loss"]) != pytest.approx(whole[8:].mean(), rel=1e-4)
    assert jax.tree.map(jnp.shape, after.carry) == {"memory": (((1, 8), (1, 8)),)}


SENTENCE = {"level": "word", "vocabulary": ("<unk>", "<end>", "ala", "ma", "kota"), "embedding": 3}
WORDS = lstm.network(changed(LSTM.config, SENTENCE))


@pytest.mark.ci
def test_words_are_measured_by_characters_too():
    technique, state = begun(WORDS)
    split = Split(TEXT % 5, (1 + TEXT).astype(np.uint8))
    metrics = measured(technique, state, windows.pieces(split, 1, 8))
    total = nats(logits(WORDS, state, split.tokens[:-1]), split.tokens[1:]).sum()
    assert next(iter(metrics)) == "perplexity"
    assert metrics["perplexity"] == pytest.approx(math.exp(total / 44), rel=1e-5)
    assert metrics["bits_per_char"] == pytest.approx(total / math.log(2) / split.widths[1:].sum(), rel=1e-5)


def drawn(model, length, temperature, keys=1, stop=True, prompt=TEXT[:3], state=None):
    """Samples [keys, length]."""
    sample = jax.jit(jax.vmap(language.sampler(model, length, stop=stop), (None, 0, None, None, None)))
    window = np.zeros(model.width(len(prompt)), np.int32)
    window[: len(prompt)] = prompt[-len(window) :]
    state = state or begun(model)[1]
    keys = jax.random.split(KEY, keys)
    return np.asarray(sample(state.params, keys, window, min(len(prompt), len(window)), jnp.float32(temperature)))


@pytest.mark.ci
@pytest.mark.parametrize("model", MODELS)
def test_greedy_samples_are_the_largest_logits_one_after_the_other(model):
    model, text = MODELS[model], list(TEXT[:3])
    _, state = begun(model)
    (tokens,) = drawn(model, 5, 0.0, state=state)
    for token in tokens:  # 8 tokens in all: within a transformer's context
        assert token == logits(model, state, np.array(text))[-1].argmax()
        text.append(token)


@pytest.mark.ci
def test_a_transformer_writes_on_beyond_its_context():
    model = MODELS["transformer"]
    _, state = begun(model)
    (tokens,) = drawn(model, 11, 0.0, state=state)
    text = [*TEXT[:3], *tokens]
    # 4 tokens are fed after each reading of a window, of the last 4 at most.
    for first, last in ((0, 4), (4, 8), (8, 11)):
        seen = text[max(0, 3 + first - 4) : 3 + first]
        for token in tokens[first:last]:
            assert token == logits(model, state, np.array(seen))[-1].argmax()
            seen.append(token)


@pytest.mark.ci
def test_words_stop_at_the_end_of_a_sentence_and_are_never_unknown():
    tokens = drawn(WORDS, 40, 1.0, keys=50, prompt=[2])
    assert not (tokens == 0).any()
    ends = tokens == 1
    assert ends.any(1).mean() > 0.9
    assert all(row[np.argmax(row) :].all() for row in ends if row.any())
    on = drawn(WORDS, 40, 1.0, keys=50, stop=False, prompt=[2])
    assert not all(row[np.argmax(row == 1) :].all() for row in on == 1)


@pytest.mark.ci
def test_entropy_is_that_of_the_reweighted_distribution():
    technique, state = begun(LSTM)
    bits = jax.jit(technique.infer["uncertainty"])(state, KEY, {"tokens": TEXT[:8], "temperature": jnp.float32(0.5)})
    p = np.exp(2.0 * logits(LSTM, state, TEXT[:8]))
    p /= p.sum(-1, keepdims=True)
    np.testing.assert_allclose(bits, -(p * np.log2(p)).sum(-1), rtol=1e-4)


def test_sizes_that_do_not_go_together_are_refused():
    for module, fields, message in (
        (lstm, {"vocabulary": ("a",)}, "two tokens or more, found 1"),
        (gpt, {"heads": 3}, "--width=8 cannot be divided among --heads=3"),
        (wavenet, {"overlap": 8}, "--overlap=8 leaves nothing of --context=8"),
    ):
        with pytest.raises(Refused, match=message):
            module.make(changed(module.Config(), {**SMALL, **fields}))
