"""From a text and a run's flags to a Stage, and to what is measured of its State."""

import dataclasses
import functools
import re

import jax

from jaxgen.core.config import knob, nested
from jaxgen.core.sharding import spread, spread_streams
from jaxgen.core.types import Holdout, Refused, Source, Stage, Technique
from jaxgen.data.text import reading, texts
from jaxgen.data.text.texts import Split, Text
from jaxgen.optim.settings import Factory, chosen
from jaxgen.run import machine
from jaxgen.run.cli import DATA, LARGEST, RunFlags
from jaxgen.techniques.text import language

said = functools.partial(knob, free=True, group="samples")  # shapes no training


@dataclasses.dataclass(frozen=True)
class Sampling:
    """What is written with a trained network."""

    sample_only: bool = said(False, "train nothing: continue --prompt from the run in --workdir")
    prompt: str = said("", "text to continue; empty: a piece of the validation split, the same throughout a run")
    temperature: float = said(
        0.5, "of --sample_only: 1 is the network's own distribution, 0 its most probable token", lower=0.0, upper=1e6
    )
    top_k: int = said(0, "choose among so many of the most probable tokens; 0: all", lower=0, upper=LARGEST)
    top_p: float = said(1.0, "choose among the most probable tokens that hold this mass together", above=0.0, upper=1.0)
    length: int = said(400, "tokens of a sample", lower=1, upper=10**6)
    count: int = said(1, "samples of --sample_only", lower=1, upper=10**5)
    stop: bool = said(True, "at the level of words, a sample of --sample_only ends with its sentence")


@dataclasses.dataclass(frozen=True)
class TextFlags(RunFlags):
    """What an experiment on a text can be told."""

    corpus: str = knob(
        "pydocs", "a named text, tfds:NAME, or the path of a UTF-8 file or a folder of .txt", free=True, group=DATA
    )
    lowercase: bool = knob(False, "make the text lower-case", group=DATA)
    splits: str = knob("90/5/5", "percent of the text to train, validate and test on, in this order", group=DATA)
    min_count: int = knob(2, "least occurrences of a word in the vocabulary", lower=1, upper=LARGEST, group=DATA)
    sampling: Sampling = nested(Sampling())


def text(flags: TextFlags, config: language.Config) -> Text:
    """The text that the flags name. Raises Refused, see `texts`; for a split without room for a window."""
    if not re.fullmatch(r"\d{1,3}/\d{1,3}/\d{1,3}", flags.splits):
        raise Refused(f"--splits are three percentages such as 90/5/5, not {flags.splits[:50]!r}")
    shares = tuple(int(share) for share in flags.splits.split("/"))
    if not shares[1]:
        raise Refused(f"--splits={flags.splits} leaves nothing to validate on: the second share must not be 0")
    found = texts.load(flags.corpus, flags.data_dir, config.level, flags.lowercase, flags.min_count, shares)
    texts.check(found, config.context)
    return found


def fitted(config: language.Config, text: Text, flags: TextFlags) -> language.Config:
    """The Config with the text's vocabulary and the run's batch."""
    return dataclasses.replace(config, vocabulary=text.vocabulary, batch=flags.batch_size)


def epoch(flags: TextFlags, config: language.Config, text: Text) -> int:
    """Updates in a pass over the training split. Raises Refused where it is too short for one."""
    return reading.epoch(len(text.train.tokens), flags.batch_size, config.context, config.windows, config.stride)


def updates(flags: TextFlags, config: language.Config, text: Text) -> int:
    """Updates in all, from --steps or --epochs. Raises Refused where an int32 cannot count them."""
    total = flags.steps or (flags.epochs or 1) * epoch(flags, config, text)
    if total > LARGEST:
        raise Refused(f"--epochs={flags.epochs} are {total:,} updates; at most {LARGEST:,} can be counted")
    return total


def optimizer(flags: TextFlags, config: language.Config, text: Text) -> Factory:
    """The optimiser that the flags name. Raises Refused where they do not go together."""
    return chosen(flags.optimizer, flags.settings, epoch(flags, config, text), updates(flags, config, text))


def source(flags: TextFlags, config: language.Config, text: Text) -> Source:
    """Windows of the training split. Raises Refused where it is too short for a batch."""
    return reading.source(text.train, flags.batch_size, config.context, config.windows, config.stride)


def holdout(split: Split, config: language.Config) -> Holdout:
    """Every token of a split once, as this network is evaluated."""
    if language.carries(config):
        return reading.pieces(split, config.batch, config.context)
    whole = config.predict == "last"
    return reading.overlapping(split, config.batch, config.context, language.overlap(config), whole)


def stage(technique: Technique, text: Text, flags: TextFlags, config: language.Config) -> Stage:
    """Trains on the training split, evaluates on the validation split.

    Raises Refused where the text is too short for a batch, or a batch cannot be divided among the devices.
    """
    training, validation, placed = source(flags, config, text), holdout(text.valid, config), machine.shardings()
    if placed:
        batches = placed[1]
        if flags.batch_size % batches.mesh.size:
            raise Refused(f"--batch_size={flags.batch_size} cannot be divided among {batches.mesh.size} devices")
        training, validation = spread(training, batches), spread(validation, batches)
        technique = spread_streams(technique, batches)
    return Stage(technique, training, updates(flags, config, text), validation)


def key_of_samples(flags: TextFlags, number: int) -> jax.Array:
    """What samples are drawn with: nothing in training or evaluation has it."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(flags.seed), 2**31 - 2), number)
