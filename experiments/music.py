"""Polyphonic music, written step by step: chord by chord, or note by note within each chord.

python -m experiments.music                                        melodies, embedded
python -m experiments.music --preset=jsb --data_dir=DATA           chorales by J. S. Bach, chord by chord
python -m experiments.music --preset=jsb_notes --data_dir=DATA     note by note
python -m experiments.music --preset=nottingham --data_dir=DATA    folk tunes with chords
python -m experiments.music --dataset=FOLDER                       MIDI files of your own

Eight pieces play in the report, and are MIDI files beside it. What was measured: experiments/results/music.md.
"""

import dataclasses
import sys
from typing import Any

import numpy as np

from jaxgen.core.config import fitted, knob
from jaxgen.data.music import pieces
from jaxgen.figures import scores
from jaxgen.run import cli, memory_reader
from jaxgen.run.experiment import Data, Experiment, Reader, Watch
from jaxgen.run.flags import DATA, RunFlags
from jaxgen.techniques.music import chords

LARGE: dict[str, Any] = {"learning_rate": 2e-3, "temperature": 1.0, "notes": "note"}
JSB: dict[str, Any] = {
    **LARGE,
    "dataset": "jsb",
    "window": 256,
    "steps": 1500,
    "eval_every": 50,
    "beats_per_minute": 80.0,
}
PRESETS: dict[str, dict[str, Any]] = {
    "jsb": {**JSB, "notes": "chord", "learning_rate": 5e-3, "dropout": 0.2, "steps": 2500},
    "jsb_notes": JSB,
    "nottingham": {**LARGE, "dataset": "nottingham", "window": 200, "steps": 3000, "eval_every": 250},
}
sounding = lambda default, text, **bounds: knob(default, text, free=True, group="samples", **bounds)


@dataclasses.dataclass(frozen=True)
class MusicFlags(RunFlags):
    """The flags of music."""

    dataset: str = knob("tunes", f"{', '.join(pieces.NAMES)}, or the path of a folder of MIDI files", group=DATA)
    steps_per_beat: int = knob(4, "of MIDI files: steps of a quarter note", lower=1, upper=96, group=DATA)
    window: int = knob(
        256, "steps of the longest training piece: longer ones are cut", lower=2, upper=100_000, group=DATA
    )
    temperature: float = sounding(1.0, "of what is composed: 1 is the network's own distribution", lower=0.0, upper=1e6)
    beats_per_minute: float = sounding(100.0, "of what is played", lower=10.0, upper=1000.0)
    sample_rate: int = sounding(11_025, "of WAV files, samples a second", lower=4000, upper=192_000)


def cut(split: pieces.Split, window: int) -> dict[str, np.ndarray]:
    """A split's pieces as columns, longer ones as several of at most `window` steps."""
    parts = [
        roll[start : min(length, start + window)]
        for roll, length in zip(split.roll, split.length)
        for start in range(0, length, window)
    ]
    return pieces.padded(parts)._asdict()


def read(flags: MusicFlags, config: Any) -> Data:
    """Pieces. Raises Refused, see `pieces.load`."""
    every = pieces.load(flags.dataset, flags.data_dir, flags.steps_per_beat)
    training = cut(every.train, flags.window)
    longest, splits = training["roll"].shape[1], [training, every.valid._asdict(), every.test._asdict()]
    most = max(int(split.roll.sum(-1).max()) for split in (every.train, every.valid, every.test))
    facts = {"longest": longest, "most": most}
    data = memory_reader.data_of(facts, splits, flags.batch_size, "pieces", every.sha256, every)
    chords.make(fitted(config, facts))
    return data._replace(counted=("steps", flags.batch_size * longest))


EXPERIMENT = Experiment(
    name="experiments.music",
    doc=__doc__ or "",
    title="Music",
    text="At each step of time a network says which keys of a piano sound, given all steps before; and so it composes.",
    technique=chords,
    data=Reader(MusicFlags, read),
    presets=PRESETS,
    defaults={
        "batch_size": 16,
        "window": 128,
        "temperature": 0.8,
        "learning_rate": 3e-3,
        "schedule": "cosine",
        "dropout": 0.3,
        "transposed": 5,
        "notes": "note",
        "steps": 1000,
        "log_every": 25,
        "eval_every": 50,
        "checkpoint_every": 100,
    },
    watch=Watch(scores.forming, at_start=True),
    show=scores.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
