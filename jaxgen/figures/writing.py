"""What a language model writes: during training, for the report, and on its own."""

import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.config import built
from jaxgen.core.types import Refused, State, Technique
from jaxgen.data.text import vocabulary
from jaxgen.data.text.texts import Text
from jaxgen.figures import samples
from jaxgen.ops.generation import padded
from jaxgen.run import text_reader
from jaxgen.run.train import load_named
from jaxgen.run.workdir import read_config
from jaxgen.techniques.text import language

TEMPERATURES = (0.2, 0.5, 1.0, 1.2)  # the book's
JUDGED = 16  # samples of each temperature that the report's statistics are of
BLOCK = 2**20  # tokens decoded at once
SAMPLES = "samples/samples.jsonl"  # in a run's directory


def writer(
    config: language.Config, prompt: str, length: int, top_k: int = 0, top_p: float = 1.0, stop: bool = False
) -> Callable[[Any, jax.Array, Any], np.ndarray]:
    """(params, keys [S], temperatures [S]) -> S continuations of the prompt, tokens [S, length]; one compiled program.

    Raises Refused where the prompt is empty, or has characters that the network does not know.
    """
    tokens = vocabulary.encode(prompt, config.vocabulary, config.level)
    if not len(tokens):
        raise Refused("there is nothing to continue: give a --prompt")
    window, count = padded(tokens, language.width_of(config, len(tokens)))
    sample = language.sampler(config, length, top_k, top_p, stop)
    many = jax.jit(jax.vmap(sample, (None, 0, None, None, 0)))
    return lambda params, keys, temperatures: np.asarray(many(params, keys, window, count, jnp.float32(temperatures)))


def beginning(text: Text, flags: text_reader.TextFlags) -> str:
    """What samples continue: --prompt, or a piece of the validation split that the seed draws."""
    if flags.sampling.prompt:
        return flags.sampling.prompt.lower() if flags.lowercase else flags.sampling.prompt
    tokens = text.valid.tokens if len(text.valid.tokens) else text.train.tokens
    count = min(60 if text.level == "char" else 20, len(tokens))
    first = np.random.default_rng(flags.seed).integers(len(tokens) - count + 1)
    return vocabulary.decode(tokens[first : first + count], text.vocabulary, text.level)


def watcher(
    flags: text_reader.TextFlags, config: language.Config, prompt: str
) -> Callable[[Path], Callable[[int, int, State], None]]:
    """file -> what `run.train` calls at each evaluation: samples at the book's temperatures, printed and kept there.

    Its lines are {"step", "temperature", "prompt", "text"}; where a run was resumed, a step may come twice.

    Raises Refused where the prompt cannot be read.
    """
    asked = flags.sampling
    write = writer(config, prompt, asked.length, asked.top_k, asked.top_p)

    def watch(file, stage, step, state):
        keys = jax.random.split(text_reader.key_of_samples(flags, step), len(TEMPERATURES))
        rows = []
        for temperature, tokens in zip(TEMPERATURES, write(state.params, keys, TEMPERATURES)):
            said = vocabulary.decode(tokens, config.vocabulary, config.level)
            print(f"\n--- step {step}, temperature {temperature}\n{prompt}|{said}", flush=True)
            rows.append({"step": step, "temperature": temperature, "prompt": prompt, "text": said})
        file.parent.mkdir(exist_ok=True)
        with file.open("a", encoding="utf-8") as out:
            out.write("\n" * torn(file))
            out.writelines(f"{json.dumps(row)}\n" for row in rows)

    return lambda file: functools.partial(watch, file)


def torn(file: Path) -> bool:
    """Whether the file's last line has no end, because its writer was killed."""
    with file.open("rb") as found:
        found.seek(max(0, file.stat().st_size - 1))
        return found.read() not in (b"", b"\n")


def judged(
    technique: Technique, state: State, text: Text, flags: text_reader.TextFlags, config: language.Config, prompt: str
) -> list[samples.Judged]:
    """A row for each of TEMPERATURES: of JUDGED samples, and the entropy over as many pieces of held-out text."""
    asked, known = flags.sampling, words_of(text)
    write = writer(config, prompt, asked.length, asked.top_k, asked.top_p)
    uncertain = jax.jit(jax.vmap(technique.infer["uncertainty"], (None, None, 0)))
    tokens = text.valid.tokens if len(text.valid.tokens) else text.train.tokens
    firsts = np.linspace(0, len(tokens) - config.context, JUDGED).astype(int)
    held_out = np.stack([tokens[first : first + config.context] for first in firsts]).astype(np.int32)
    rows = []
    for number, temperature in enumerate(TEMPERATURES):
        same = np.full(JUDGED, temperature, np.float32)
        keys = jax.random.split(text_reader.key_of_samples(flags, 2**31 - 1 - number), JUDGED)
        bits = np.asarray(uncertain(state, keys[0], {"tokens": held_out, "temperature": same}))
        written = write(state.params, keys, same)
        found = [vocabulary.decode(each, config.vocabulary, config.level) for each in written]
        # The first half of a window has little before it.
        rows.append(samples.judged(temperature, float(bits[:, config.context // 2 :].mean()), found, known))
    return rows


def words_of(text: Text) -> set[str]:
    """The words of the training split."""
    found: set[str] = set()
    for first in range(0, len(text.train.tokens), BLOCK):
        part = text.train.tokens[first : first + BLOCK]
        found |= samples.words(vocabulary.decode(part, text.vocabulary, text.level))
    return found


def sample(flags: text_reader.TextFlags) -> None:
    """Prints --count continuations of --prompt, or of what it continued in training, by the run in --workdir.

    Raises Refused where there is no such run, or the prompt cannot be read.
    """
    found = read_config(flags.workdir)
    last, asked = found["stages"][-1], flags.sampling
    if last["technique"] != language.__name__:
        raise Refused(f"{flags.workdir} holds a run of {last['technique']}, which writes no text")
    config = built(language.Config, {**last["config"], "vocabulary": tuple(last["config"]["vocabulary"])})
    prompt = asked.prompt.lower() if found["flags"]["lowercase"] else asked.prompt
    if not prompt:
        before = samples.read_samples(Path(os.path.expanduser(flags.workdir)) / SAMPLES)
        prompt = before[-1]["prompt"] if before else ""
    write = writer(config, prompt, asked.length, asked.top_k, asked.top_p, asked.stop)
    _, _, state = load_named(flags.workdir)
    if asked.temperature == 0:
        print("temperature 0: greedy, always the most probable token", file=sys.stderr)
    keys = jax.random.split(text_reader.key_of_samples(flags, 0), asked.count)
    for number, tokens in enumerate(write(state.params, keys, np.full(asked.count, asked.temperature)), 1):
        if asked.count > 1:
            print(f"--- {number} of {asked.count}")
        print(prompt + joint(config) + vocabulary.decode(ended(tokens, config), config.vocabulary, config.level))


def ended(tokens: np.ndarray, config: language.Config) -> np.ndarray:
    """The tokens up to the first of the ends of sentences that all after it are."""
    if config.level == "char":
        return tokens
    others = np.flatnonzero(tokens != config.vocabulary.index(vocabulary.END))
    return tokens[: others[-1] + 1 if len(others) else 0]


def joint(config: language.Config) -> str:
    """What stands between a prompt and its continuation."""
    return "" if config.level == "char" else " "
