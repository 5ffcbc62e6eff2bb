"""The tour: a small version of every technique, offline, ending with one report of all their pictures.

python -m experiments.tour            the default chapters
python -m experiments.tour --all      the longer ones too
python -m experiments.tour --only=vae --workdir=runs/look
"""

import dataclasses
import os
import sys
from pathlib import Path
from typing import NamedTuple

from experiments import classify, text, vae
from jaxgen.core.config import knob
from jaxgen.core.types import Refused
from jaxgen.report import page
from jaxgen.run import cli
from jaxgen.run.conduct import conduct
from jaxgen.run.experiment import Experiment
from jaxgen.run.machine import forget_programs
from jaxgen.run.parsing import alone


class Stop(NamedTuple):
    """A command of the tour; a new technique adds one line to CHAPTERS."""

    experiment: Experiment
    flags: str
    long: bool = False  # takes more than 15 s on two cores: only with --all


CHAPTERS = {
    "vae": Stop(vae.EXPERIMENT, "--dataset=glyphs --network=mlp --latent=16 --steps=1500 --eval_every=300"),
    "classifier": Stop(
        classify.EXPERIMENT,
        "--dataset=digits --network=cnn --channels=16 --hidden=64 --batch_norm --epochs=15 --eval_every=22",
    ),
    "text": Stop(
        text.EXPERIMENT, "--model=gru --learning_rate=8e-3 --width=128 --steps=240 --eval_every=120 --length=200"
    ),
    "vae_book": Stop(vae.EXPERIMENT, "--dataset=glyphs --preset=chollet --batch_size=128 --epochs=15", long=True),
}


@dataclasses.dataclass(frozen=True)
class Flags:
    """The tour's own flags."""

    workdir: str = knob("runs/tour", "one run's directory for each chapter, and report.html")
    only: str = knob("", "chapters, separated by commas")
    all: bool = knob(False, "the longer chapters too")


def chosen(flags: Flags) -> list[str]:
    """The names of the chapters to run. Raises Refused for an unknown one."""
    wanted = [name for name in flags.only.split(",") if name]
    if unknown := [name for name in wanted if name not in CHAPTERS]:
        raise Refused(f"unknown chapter {unknown[0]!r}; known: {', '.join(CHAPTERS)}")
    return wanted or [name for name, stop in CHAPTERS.items() if flags.all or not stop.long]


def tour(argv: list[str]) -> None:
    """Runs the chapters one after the other; chapters that are finished are only shown again."""
    flags, _ = alone("tour", Flags, argv)
    names, directory, chapters = chosen(flags), Path(os.path.expanduser(flags.workdir)), []
    for number, name in enumerate(names, 1):
        stop = CHAPTERS[name]
        print(f"chapter {number} of {len(names)}: {name}   python -m {stop.experiment.name} {stop.flags}")
        chapters.append(conduct(stop.experiment, [*stop.flags.split(), f"--workdir={directory / name}"]))
        forget_programs()
    page.write(directory / "report.html", "A tour of jaxgen", [chapter for chapter in chapters if chapter])
    print(f"\nThe pictures of all chapters: {directory / 'report.html'}")


if __name__ == "__main__":
    sys.exit(cli.script("experiments.tour", __doc__ or "", Flags, tour))
