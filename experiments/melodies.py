"""Melodies, written note by note by the language models of text: where a note begins, which it is, how long it lasts.

python -m experiments.melodies                                      38 melodies, embedded; a transformer
python -m experiments.melodies --model=lstm --layers=1              the same with an LSTM
python -m experiments.melodies --preset=oneills                     2,000 Irish tunes of the package music21; an LSTM
python -m experiments.melodies --dataset=PATH                       an .abc file or a folder of them

Eight pieces play in the report, and are MIDI files beside it. What was measured: experiments/results/music.md.
"""

import dataclasses
import functools
import sys
from typing import Any

from experiments import text
from jaxgen.core.config import fitted, knob
from jaxgen.data.music import melodies
from jaxgen.data.text import reading
from jaxgen.data.text.reading import Reading
from jaxgen.data.text.texts import check_context
from jaxgen.figures import melodic
from jaxgen.run import cli
from jaxgen.run.experiment import Choice, Data, Experiment, Reader, Watch
from jaxgen.run.flags import DATA, RunFlags

NETWORKS = {"transformer": text.NETWORKS["transformer"], **text.NETWORKS}  # which of them validates best is first
PRESETS: dict[str, dict[str, Any]] = {
    # Its tunes are in few keys; moved to all of them they teach less of the others (experiments/results/music.md).
    "oneills": {
        "dataset": "oneills",
        "transposed": 0,
        "model": "lstm",
        "layers": 1,
        "width": 192,
        "dropout": 0.2,
        "learning_rate": 4e-3,
        "schedule": "cosine",
        "clip_norm": 1.0,
        "steps": 5000,
        "eval_every": 500,
        "checkpoint_every": 500,
        "patience": 0,
        "keep_best": True,
        "temperature": 0.9,
    },
}
sounding = functools.partial(knob, free=True, group="samples")


@dataclasses.dataclass(frozen=True)
class MelodyFlags(RunFlags):
    """The flags of melodies."""

    dataset: str = knob(
        "tunes", f"{', '.join(melodies.NAMES)}, or the path of an .abc file or a folder of them", group=DATA
    )
    transposed: int = knob(
        6, "semitones that training tunes are moved by at most, either way; 6: to all twelve keys", lower=0, upper=6,
        group=DATA,
    )  # fmt: skip
    context: int = knob(
        96, "tokens in a window, three a note; a transformer and a convolution see no more", lower=6, upper=2**20,
        group=DATA,
    )  # fmt: skip
    notes: int = sounding(100, "of a composed piece, at most", lower=1, upper=10_000)
    temperature: float = sounding(1.0, "of what is composed: 1 is the network's own distribution", lower=0.0, upper=1e6)
    beats_per_minute: float = sounding(100.0, "of what is played", lower=10.0, upper=1000.0)
    sample_rate: int = sounding(11_025, "of WAV files, samples a second", lower=4000, upper=192_000)


def read(flags: MelodyFlags, config: Any) -> Data:
    """Windows of the training tunes, in the keys that they are moved to; every token of the two other splits once.

    Raises Refused, see `melodies.load`, and where a split has no room for a window.
    """
    every, size = melodies.load(flags.dataset, flags.data_dir, flags.transposed), flags.batch_size
    check_context(every.text, flags.context)
    if every.unread or every.repeated:
        print(f"tunes left out: {every.unread:,} that cannot be read, {every.repeated:,} that repeat another one")
    how = Reading(level="note", context=flags.context)
    facts = {"vocabulary": every.text.vocabulary, "batch": size, "reading": how}
    carries = fitted(config, facts).carries
    updates = reading.epoch(len(every.text.train.tokens), size, how)
    train = reading.source(every.text.train, size, how)
    valid, test = (reading.holdout(split, size, how, carries) for split in (every.text.valid, every.text.test))
    counted = ("tokens", size * flags.context)
    return Data(facts, train, valid, test, updates, every.text.sha256, every, "test", counted)


EXPERIMENT = Experiment(
    name="experiments.melodies",
    doc=__doc__ or "",
    title="Melodies",
    text="A melody is a text of three tokens a note: its place in the bar, its pitch, its length. A network is trained "
    "to predict the next token from those before it, on tunes that are moved to other keys; and so it "
    "composes, from the end of a tune to the next.",
    technique=Choice("model", "the network", NETWORKS),
    data=Reader(MelodyFlags, read),
    presets=PRESETS,
    defaults={
        "layers": 2,
        "width": 128,
        "dropout": 0.3,
        "batch_size": 16,
        "steps": 1000,
        "log_every": 50,
        "eval_every": 50,
        "checkpoint_every": 250,
        "patience": 6,
    },
    anew=text.anew,
    watch=Watch(melodic.forming),
    show=melodic.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
