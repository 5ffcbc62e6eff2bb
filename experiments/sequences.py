"""Sequence autoencoder: an LSTM reads a line, an image row by row or a drawing to a code, another one writes it again.

python -m experiments.sequences                                       lines of 10 to 20 characters
python -m experiments.sequences --longest=40 --shortest=1             lines of 1 to 40
python -m experiments.sequences --preset=rows --dataset=mnist         digits, row by row
python -m experiments.sequences --preset=movements                    letters, movement by movement
python -m experiments.sequences --preset=lines                        longer, a tenth of the characters being any

What was measured, and how errors grow with length: experiments/results/sequences.md.
"""

import sys
from typing import Any

from jaxgen.figures import copied
from jaxgen.run import cli
from jaxgen.run.experiment import Experiment
from jaxgen.run.sequence_reader import SEQUENCES
from jaxgen.techniques.autoencoders import sequence

PRESETS: dict[str, dict[str, Any]] = {
    "lines": {"batch_size": 64, "substituted": 0.1, "steps": 9000, "eval_every": 1500},
    "rows": {
        "sequences": "rows",
        "code": 32,
        "units": 128,
        "forcing": False,
        "learning_rate": 3e-3,
        "steps": 2500,
    },
    "movements": {"sequences": "movements", "code": 64, "units": 128, "longest": 80, "steps": 2000},
}

EXPERIMENT = Experiment(
    name="experiments.sequences",
    doc=__doc__ or "",
    title="Sequence autoencoder",
    text="An LSTM reads a sequence and ends in a code; another one writes the sequence from the code, its last "
    "element first.",
    technique=sequence,
    data=SEQUENCES,
    presets=PRESETS,
    defaults={
        "batch_size": 128,
        "learning_rate": 2e-3,
        "schedule": "cosine",
        "clip_norm": 1.0,
        "steps": 4000,
        "log_every": 50,
        "eval_every": 500,
        "checkpoint_every": 500,
    },
    show=copied.show,
)

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
