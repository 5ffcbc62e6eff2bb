"""What a trained language model writes on its own: --sample_only.

L    tokens of a sample
"""

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np

from jaxgen.core.config import built
from jaxgen.core.types import Refused
from jaxgen.data.text import vocabulary
from jaxgen.figures.writing import SAMPLES, decoded, key_of_samples, writer
from jaxgen.run import gpt2_files, watched
from jaxgen.run.experiment import LARGEST
from jaxgen.run.load import load_run
from jaxgen.run.text_reader import Sampling, TextFlags
from jaxgen.run.workdir import read_config
from jaxgen.techniques.text.model import LanguageModel


def sample_only(flags: TextFlags, modules: Mapping[str, ModuleType]) -> Callable[[], None] | None:
    """With --sample_only, the work that prints samples of the run in --workdir; None otherwise."""
    return functools.partial(print_samples, flags, list(modules.values())) if flags.sampling.sample_only else None


def print_samples(flags: TextFlags, modules: list[ModuleType]) -> None:
    """Prints --count continuations of --prompt, or of what the run in --workdir continued in training.

    Of GPT-2, where --init_from is its file.

    Raises Refused where there is no run of one of the modules, or the prompt cannot be read.
    """
    if gpt2_files.is_file(flags.init_from):
        print_all(*gpt2_files.writing(flags), flags.sampling.prompt, flags)
        return
    config, sampling = read_config(flags.workdir), flags.sampling
    stage, by_name = config["stages"][-1], {module.__name__: module for module in modules}
    if stage["technique"] not in by_name:
        raise Refused(f"{flags.workdir} holds a run of {stage['technique']}, which writes no text")
    module, fields = by_name[stage["technique"]], stage["config"]
    if fields["level"] == "note":
        raise Refused(f"{flags.workdir} holds a run of melodies, which writes no text")
    model = module.network(built(module.Config, {**fields, "vocabulary": tuple(fields["vocabulary"])}))
    prompt = sampling.prompt.lower() if config["flags"]["lowercase"] else sampling.prompt
    history = watched.history(Path(os.path.expanduser(flags.workdir)), SAMPLES, LARGEST)
    if history and not prompt:
        prompt = history[max(history)][-1]["prompt"]
    print_all(model, load_run(flags.workdir).state.params, prompt, flags)


def print_all(model: LanguageModel, params: Any, prompt: str, flags: TextFlags) -> None:
    """Prints --count continuations. Raises Refused where the prompt cannot be read."""
    sampling = flags.sampling
    if sampling.temperature == 0:
        print("temperature 0: greedy, always the most probable token", file=sys.stderr)
    for number, text in enumerate(continuations(model, params, prompt, sampling, flags.seed), 1):
        if sampling.count > 1:
            print(f"--- {number} of {sampling.count}")
        print(text)


def continuations(model: LanguageModel, params: Any, prompt: str, sampling: Sampling, seed: int) -> Iterator[str]:
    """The prompt with what a trained network goes on with, `sampling.count` times.

    Raises Refused where the prompt cannot be read.
    """
    write = writer(model, prompt, sampling.length, sampling.top_k, sampling.top_p, sampling.stop)
    keys = jax.random.split(key_of_samples(seed, 0), sampling.count)
    joint = " " if model.config.reading.level == "word" else ""
    for tokens in write(params, keys, np.full(sampling.count, sampling.temperature)):
        yield prompt + joint + decoded(model, until_end(model, tokens))


def until_end(model: LanguageModel, tokens: np.ndarray) -> np.ndarray:
    """The tokens [L] up to the first of the ends of sentences that all after it are."""
    if model.config.reading.level != "word":
        return tokens
    others = np.flatnonzero(tokens != model.config.vocabulary.index(vocabulary.END))
    return tokens[: others[-1] + 1 if len(others) else 0]
