"""Sequences as the data of a run: lines of a text, images row by row, drawings movement by movement."""

import dataclasses
from typing import Any, Literal, NamedTuple

import numpy as np

from jaxgen.core.config import fitted, knob
from jaxgen.core.types import Refused
from jaxgen.data import rows
from jaxgen.data.examples import Dataset
from jaxgen.data.images import sets
from jaxgen.data.strokes import sketches
from jaxgen.data.strokes.sketches import Sketches
from jaxgen.data.text import lines, texts
from jaxgen.data.text.texts import Text
from jaxgen.run import memory_reader
from jaxgen.run.experiment import Data, Reader
from jaxgen.run.flags import DATA, RunFlags
from jaxgen.techniques.autoencoders import sequence

SETS = {"lines": "pydocs", "rows": "glyphs", "movements": "letters"}


@dataclasses.dataclass(frozen=True)
class SequenceFlags(RunFlags):
    """The flags of sequences."""

    sequences: Literal["lines", "rows", "movements"] = knob(
        "lines", "of a text's characters, of images' rows of pixels, of a pen's movements", group=DATA
    )
    dataset: str = knob("", "a text, a set of images or of sketches (pydocs, glyphs, letters)", free=True, group=DATA)
    longest: int = knob(
        20, "characters of the longest line, or points of the longest drawing", lower=1, upper=10_000, group=DATA
    )
    shortest: int = knob(0, "characters of the shortest training line; 0: half of the longest", lower=0, group=DATA)


class Columns(NamedTuple):
    """A split of sequences."""

    x: np.ndarray  # [N, L] tokens, or [N, L, S]
    length: np.ndarray  # [N] int32


class Sequences(NamedTuple):
    """What figures show."""

    flags: SequenceFlags
    test: Columns
    label: np.ndarray  # [N] class numbers of `test`; [0] where there are none
    source: Text | Dataset | Sketches


def read(flags: SequenceFlags, config: Any) -> Data:
    """Sequences. Raises Refused, see the sets' own readers, and where a batch is larger than the training split."""
    data = {"lines": of_lines, "rows": of_rows, "movements": of_movements}[flags.sequences](flags)
    sequence.make(fitted(config, data.facts))
    return data


def name(flags: SequenceFlags) -> str:
    """The set's."""
    return flags.dataset or SETS[flags.sequences]


def of_lines(flags: SequenceFlags) -> Data:
    """Lines of a text's characters; splits are those of `experiments.text`."""
    shortest = flags.shortest or -(-flags.longest // 2)
    if shortest > flags.longest:
        raise Refused(f"--shortest={shortest} is more than --longest={flags.longest}")
    text, size = texts.load(name(flags), flags.data_dir), flags.batch_size
    facts = {"longest": flags.longest, "elements": "tokens", "size": len(text.vocabulary)}
    x = lines.successive(text.test, flags.longest)
    test = Columns(x, np.full(len(x), flags.longest, np.int32))
    train = lines.drawn(text.train, size, shortest, flags.longest)
    valid, judged = (lines.holdout(split, size, flags.longest) for split in (text.valid, text.test))
    epoch = max(1, len(text.train.tokens) // (size * flags.longest))
    shown = Sequences(flags, test, np.zeros(0, np.int32), text)
    return Data(facts, train, valid, judged, epoch, text.sha256, shown, "test", ("lines", size))


def of_rows(flags: SequenceFlags) -> Data:
    """Images, row by row from above."""
    images = sets.load(name(flags), flags.data_dir)
    height, width, channels = images.shape
    parts = []
    for split in (images.train, images.valid, images.test):
        x = rows.read(split.image, slice(None)).reshape(-1, height, width * channels)
        parts.append(Columns(x, np.full(len(x), height, np.int32)))
    facts = {"longest": height, "elements": "pixels", "size": width * channels}
    return of_columns(flags, facts, parts, images.test.label, images)


def of_movements(flags: SequenceFlags) -> Data:
    """Drawings, movement by movement."""
    every = sketches.load(name(flags), flags.data_dir, flags.longest)
    parts = [Columns(split.strokes, split.length) for split in (every.train, every.valid, every.test)]
    if every.left_out:
        print(f"{every.left_out:,} drawings of more than {flags.longest} points are left out")
    facts = {"longest": every.longest, "elements": "movements", "size": 3}
    return of_columns(flags, facts, parts, every.test.label, every)


def of_columns(flags: SequenceFlags, facts: dict[str, Any], parts: list[Columns], label: Any, every: Any) -> Data:
    """Three splits in memory as the data of a run."""
    shown, splits = Sequences(flags, parts[2], label, every), [part._asdict() for part in parts]
    return memory_reader.data_of(facts, splits, flags.batch_size, "sequences", every.sha256, shown)


SEQUENCES = Reader(SequenceFlags, read)
