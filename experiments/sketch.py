"""Sketch-RNN: drawings as movements of a pen, encoded, drawn anew, completed.

python -m experiments.sketch                                       outlines of letters, as they stand in fonts
python -m experiments.sketch --preset=letters                      ... a larger network, whose codes tell them apart
python -m experiments.sketch --latent=0                            without an encoder: drawings from nothing
python -m experiments.sketch --preset=omniglot --data_dir=DATA     characters of 50 alphabets
python -m experiments.sketch --preset=sheep --data_dir=DATA        sheep
python -m experiments.sketch --dataset=PATH                        .npz of sketch-rnn, .ndjson of QuickDraw, .svg, .json

Drawings of more than --longest points are left out. What was measured: experiments/results/sketch.md.
"""

import dataclasses
import sys
from collections.abc import Iterator
from typing import Any

from jaxgen.core.config import fitted, knob
from jaxgen.data.strokes import sketches
from jaxgen.figures import redrawn, sketched
from jaxgen.report.items import Figure, Table
from jaxgen.run import cli, memory_reader
from jaxgen.run.experiment import Data, Experiment, Reader, Result, Setting, Watch
from jaxgen.run.flags import DATA, RunFlags
from jaxgen.techniques.strokes import sketch_rnn

PAPER: dict[str, Any] = {"batch_size": 100, "learning_rate": 1e-3, "clip_value": 1.0, "schedule": "cosine"}
SIZES: dict[str, Any] = {"encoder": 128, "decoder": 256, "latent": 64, "kl_decay": 0.99995}
PRESETS: dict[str, dict[str, Any]] = {
    "letters": {"encoder": 128, "decoder": 256, "latent": 32, "kl_weight": 0.02, "steps": 3000},
    "omniglot": {
        **PAPER,
        **SIZES,
        "dataset": "omniglot",
        "longest": 82,
        "steps": 4000,
        "eval_every": 500,
        "checkpoint_every": 500,
    },
    "sheep": {
        **PAPER,
        **SIZES,
        "dataset": "aaron_sheep",
        "longest": 160,
        "kl_weight": 0.02,
        "batch_size": 50,
        "learning_rate": 3e-3,
        "steps": 2500,
        "eval_every": 250,
        "checkpoint_every": 250,
    },
}


@dataclasses.dataclass(frozen=True)
class SketchFlags(RunFlags):
    """The flags of drawings."""

    dataset: str = knob("letters", f"{', '.join(sketches.NAMES)}, or the path of a file or folder", group=DATA)
    temperature: float = knob(
        0.4, "of samples and completions: 1 is the network's own distribution", lower=0.0, upper=1e6, free=True,
        group="samples",
    )  # fmt: skip
    longest: int = knob(250, "points of the longest drawing that is used", lower=1, upper=100_000, group=DATA)


def read(flags: SketchFlags, config: Any) -> Data:
    """Drawings. Raises Refused, see `sketches.load`."""
    every = sketches.load(flags.dataset, flags.data_dir, flags.longest)
    if every.left_out:
        print(f"{every.left_out:,} drawings of more than {flags.longest} points are left out")
    facts, splits = {"longest": every.longest}, [split._asdict() for split in (every.train, every.valid, every.test)]
    data = memory_reader.data_of(facts, splits, flags.batch_size, "drawings", every.sha256, every)
    sketch_rnn.make(fitted(config, facts))
    return data


def show(setting: Setting, result: Result) -> Iterator[Figure | Table]:
    """The figures, and whether reconstructions are of their sources."""
    yield from sketched.show(setting, result)
    if "reconstruct" in result.stage.technique.infer:
        yield redrawn.table(result.stage.technique, result.state, setting.data.examples)


EXPERIMENT = Experiment(
    name="experiments.sketch",
    doc=__doc__ or "",
    title="Sketch-RNN",
    text="A drawing is a sequence of a pen's movements. An LSTM reads it both ways and encodes it; another one draws "
    "from the code, a movement at a time, each from a mixture of normal densities.",
    technique=sketch_rnn,
    data=Reader(SketchFlags, read),
    presets=PRESETS,
    defaults={
        **PAPER,
        "longest": 100,
        "encoder": 64,
        "decoder": 128,
        "latent": 16,
        "kl_decay": 0.995,
        "learning_rate": 3e-3,
        "steps": 1500,
        "log_every": 50,
        "eval_every": 100,
        "checkpoint_every": 300,
    },
    watch=Watch(sketched.forming, at_start=True),
    show=show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
