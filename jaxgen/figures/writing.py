"""What a language model writes: while it trains, for the report, and on its own.

S    samples
L    tokens of a sample
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import Refused, Stage, State, Technique
from jaxgen.data.text import vocabulary
from jaxgen.data.text.texts import Split, Text
from jaxgen.figures import samples
from jaxgen.ops.generation import padded
from jaxgen.report.items import Lines, Table
from jaxgen.run.experiment import Result, Setting
from jaxgen.run.text_reader import TextFlags
from jaxgen.techniques.text import language
from jaxgen.techniques.text.model import LanguageModel

TEMPERATURES = (0.2, 0.5, 1.0, 1.2)  # of Chollet & Allaire
MANY = 16  # samples of each temperature that the report's statistics are of
BLOCK = 2**20  # tokens decoded at once
SAMPLES = "samples"  # what is kept while a run trains: rows {"step", "temperature", "prompt", "text"}

Writer = Callable[[Any, jax.Array, Any], np.ndarray]  # params, keys [S], temperatures [S] -> tokens [S, L]


def key_of_samples(seed: int, number: int) -> jax.Array:
    """A key to draw samples with, which nothing in training or evaluation has."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), 2**31 - 2), number)


def writer(
    model: LanguageModel, prompt: str, length: int, top_k: int = 0, top_p: float = 1.0, stop: bool = False
) -> Writer:
    """Continues the prompt by L = `length` tokens, S times in one compiled program.

    Raises Refused where the prompt is empty, or has characters that are not in the vocabulary.
    """
    tokens = vocabulary.encode(prompt, model.config.vocabulary, model.config.reading.level)
    if not len(tokens):
        raise Refused("there is nothing to continue: give a --prompt")
    window, count = padded(tokens, model.width(len(tokens)))
    sample = language.sampler(model, length, top_k, top_p, stop)
    many = jax.jit(jax.vmap(sample, (None, 0, None, None, 0)))
    return lambda params, keys, temperatures: np.asarray(many(params, keys, window, count, jnp.float32(temperatures)))


def decoded(model: LanguageModel, tokens: np.ndarray) -> str:
    """The text of tokens [L]."""
    return vocabulary.decode(tokens, model.config.vocabulary, model.config.reading.level)


def held_out(text: Text) -> Split:
    """The validation split, or the training split where there is none."""
    return text.valid if len(text.valid.tokens) else text.train


def beginning(text: Text, flags: TextFlags) -> str:
    """What samples continue: --prompt, or a piece of the validation split that the seed draws."""
    if flags.sampling.prompt:
        return flags.sampling.prompt.lower() if flags.lowercase else flags.sampling.prompt
    tokens = held_out(text).tokens
    count = min(60 if text.level == "char" else 20, len(tokens))
    first = np.random.default_rng(flags.seed).integers(len(tokens) - count + 1)
    return vocabulary.decode(tokens[first : first + count], text.vocabulary, text.level)


def look(setting: Setting, stages: Sequence[Stage]) -> Callable[[int, int, State], Iterator[Lines]]:
    """To watch in training: a sample at each of TEMPERATURES. Raises Refused where the prompt cannot be read."""
    del stages
    model, flags, prompt = of_setting(setting)
    write = writer(model, prompt, flags.sampling.length, flags.sampling.top_k, flags.sampling.top_p)

    def written(stage, step, state):
        keys = jax.random.split(key_of_samples(flags.seed, step), len(TEMPERATURES))
        texts = [decoded(model, tokens) for tokens in write(state.params, keys, TEMPERATURES)]
        pairs = list(zip(TEMPERATURES, texts))
        shown = [f"\n--- step {step}, temperature {temperature}\n{prompt}|{text}" for temperature, text in pairs]
        rows = [{"temperature": temperature, "prompt": prompt, "text": text} for temperature, text in pairs]
        yield Lines(SAMPLES, rows, "\n".join(shown))

    return written


def of_setting(setting: Setting) -> tuple[LanguageModel, TextFlags, str]:
    """A run's language model and flags, and what its samples continue."""
    return setting.module.network(setting.config), setting.flags, beginning(setting.data.examples, setting.flags)


def show(setting: Setting, result: Result) -> Iterator[Table]:
    """Statistics of samples at each temperature, and samples over training."""
    unit = {"char": "characters", "word": "words", "bpe": "tokens"}[setting.config.reading.level]
    rows = sample_statistics(setting, result.stage.technique, result.state)
    yield samples.temperature_table(rows, f"{MANY} samples of {setting.flags.sampling.length} {unit}")
    yield samples.side_by_side([row for rows in result.history(SAMPLES).values() for row in rows])


def sample_statistics(setting: Setting, technique: Technique, state: State) -> list[samples.Statistics]:
    """For each of TEMPERATURES: of MANY samples, with the entropy over as many pieces of held-out text."""
    model, flags, prompt = of_setting(setting)
    text, context = setting.data.examples, setting.config.reading.context
    real = training_words(text)
    write = writer(model, prompt, flags.sampling.length, flags.sampling.top_k, flags.sampling.top_p)
    uncertainty = jax.jit(jax.vmap(technique.infer["uncertainty"], (None, None, 0)))
    tokens = held_out(text).tokens
    firsts = np.linspace(0, len(tokens) - context, MANY).astype(int)
    pieces = np.stack([tokens[first : first + context] for first in firsts]).astype(np.int32)
    rows = []
    for number, temperature in enumerate(TEMPERATURES):
        same = np.full(MANY, temperature, np.float32)
        keys = jax.random.split(key_of_samples(flags.seed, 2**31 - 1 - number), MANY)
        bits = np.asarray(uncertainty(state, keys[0], {"tokens": pieces, "temperature": same}))
        texts = [decoded(model, each) for each in write(state.params, keys, same)]
        # The first half of a window has little before it.
        rows.append(samples.statistics(temperature, float(bits[:, context // 2 :].mean()), texts, real))
    return rows


def training_words(text: Text) -> set[str]:
    """The words of the training split."""
    words: set[str] = set()
    for first in range(0, len(text.train.tokens), BLOCK):
        part = text.train.tokens[first : first + BLOCK]
        words |= samples.words(vocabulary.decode(part, text.vocabulary, text.level))
    return words
