"""Texts as the data of a run."""

import dataclasses
import functools
import re
from typing import Any

from jaxgen.core.config import fitted, knob, nested
from jaxgen.core.types import Refused
from jaxgen.data.text import reading, texts
from jaxgen.data.text.reading import Reading
from jaxgen.data.text.texts import Text
from jaxgen.run.experiment import LARGEST, Data, Reader
from jaxgen.run.flags import DATA, RunFlags

shapeless = functools.partial(knob, free=True, group="samples")  # a knob that shapes no training


@dataclasses.dataclass(frozen=True)
class Sampling:
    """What is written with a trained network."""

    sample_only: bool = shapeless(False, "train nothing: continue --prompt from the run in --workdir")
    prompt: str = shapeless("", "text to continue; empty: a piece of the validation split, the same throughout a run")
    temperature: float = shapeless(
        0.5, "of --sample_only: 1 is the network's own distribution, 0 its most probable token", lower=0.0, upper=1e6
    )
    top_k: int = shapeless(0, "choose among so many of the most probable tokens; 0: all", lower=0, upper=LARGEST)
    top_p: float = shapeless(
        1.0, "choose among the most probable tokens that hold this mass together", above=0.0, upper=1.0
    )
    length: int = shapeless(400, "tokens of a sample", lower=1, upper=10**6)
    count: int = shapeless(1, "samples of --sample_only", lower=1, upper=10**5)
    stop: bool = shapeless(True, "at the level of words, a sample of --sample_only ends with its sentence")


@dataclasses.dataclass(frozen=True)
class TextFlags(RunFlags):
    """The flags of an experiment on a text."""

    corpus: str = knob(
        "pydocs", "a named text, tfds:NAME, or the path of a UTF-8 file or a folder of .txt", free=True, group=DATA
    )
    lowercase: bool = knob(False, "make the text lower-case", group=DATA)
    splits: str = knob("90/5/5", "percent of the text to train, validate and test on, in this order", group=DATA)
    min_count: int = knob(2, "least occurrences of a word in the vocabulary", lower=1, upper=LARGEST, group=DATA)
    vocabulary_size: int = knob(
        1024, "most tokens of --level=bpe, the 256 bytes among them", lower=257, upper=2**20, group=DATA
    )
    merges: str = knob(
        "",
        "of --level=bpe: a folder with vocab.json and merges.txt; empty: learnt from the training split",
        free=True,
        group=DATA,
    )
    reading: Reading = nested(Reading())
    sampling: Sampling = nested(Sampling())


def text(flags: TextFlags) -> Text:
    """The text that the flags name. Raises Refused, see `texts`, and where a split has no room for a window."""
    if not re.fullmatch(r"\d{1,3}/\d{1,3}/\d{1,3}", flags.splits):
        raise Refused(f"--splits are three percentages such as 90/5/5, not {flags.splits[:50]!r}")
    shares = tuple(int(share) for share in flags.splits.split("/"))
    if not shares[1]:
        raise Refused(f"--splits={flags.splits} leaves nothing to validate on: the second share must not be 0")
    of_tokens = (flags.reading.level, flags.lowercase, flags.min_count, shares, flags.vocabulary_size, flags.merges)
    loaded = texts.load(flags.corpus, flags.data_dir, *of_tokens)
    texts.check_context(loaded, flags.reading.context)
    return loaded


def read(flags: TextFlags, config: Any) -> Data:
    """Windows of the training split; every token of the two other splits once.

    Where there is no test split, the validation split is judged. `config` says by its `carries` whether hidden states
    go on from window to window.

    Raises Refused, see `text`, and where the training split is too short for a batch, or no token would be evaluated.
    """
    loaded, size = text(flags), flags.batch_size
    facts = {"vocabulary": loaded.vocabulary, "batch": size, "reading": flags.reading}
    carries = fitted(config, facts).carries
    holdout = lambda split: reading.holdout(split, size, flags.reading, carries)
    updates = reading.epoch(len(loaded.train.tokens), size, flags.reading)
    train, valid = reading.source(loaded.train, size, flags.reading), holdout(loaded.valid)
    test, judged = (holdout(loaded.test), "test") if len(loaded.test.tokens) else (valid, "valid")
    counted = ("tokens", size * flags.reading.context)
    return Data(facts, train, valid, test, updates, loaded.sha256, loaded, judged, counted)


TEXTS = Reader(TextFlags, read)
