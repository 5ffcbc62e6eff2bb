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
from jaxgen.run import cli, flags


class Stop(NamedTuple):
    """A command of the tour; a new technique adds one line to CHAPTERS."""

    command: cli.Command
    flags: str
    long: bool = False  # takes more than 15 s on two cores: only with --all


CHAPTERS = {
    "vae": Stop(vae.COMMAND, "--dataset=glyphs --network=mlp --latent=16 --steps=1500 --eval_every=300"),
    "classifier": Stop(
        classify.COMMAND,
        "--dataset=digits --network=cnn --channels=16 --hidden=64 --batch_norm --epochs=15 --eval_every=22",
    ),
    "text": Stop(
        text.COMMAND, "--model=gru --learning_rate=8e-3 --width=128 --steps=240 --eval_every=120 --length=200"
    ),
    "vae_book": Stop(vae.COMMAND, "--dataset=glyphs --preset=chollet --batch_size=128 --epochs=15", long=True),
}


@dataclasses.dataclass(frozen=True)
class Flags:
    """The tour's own flags."""

    workdir: str = knob("runs/tour", "one run's directory for each chapter, and report.html")
    only: str = knob("", "chapters, separated by commas")
    all: bool = knob(False, "the longer chapters too")


def tour(argv: list[str]) -> None:
    """Runs the chapters one after the other; chapters that are finished are only shown again."""
    (ours,) = flags.build([Flags], flags.explicit("tour", [Flags], argv))
    wanted = [name for name in ours.only.split(",") if name]
    if unknown := [name for name in wanted if name not in CHAPTERS]:
        raise Refused(f"unknown chapter {unknown[0]!r}; known: {', '.join(CHAPTERS)}")
    chosen = wanted or [name for name, chapter in CHAPTERS.items() if ours.all or not chapter.long]
    place, told = Path(os.path.expanduser(ours.workdir)), []
    for number, name in enumerate(chosen, 1):
        chapter = CHAPTERS[name]
        print(
            f"chapter {number} of {len(chosen)}: {name}   python -m experiments.{chapter.command.name} {chapter.flags}"
        )
        told.append(cli.run_command(chapter.command, [*chapter.flags.split(), f"--workdir={place / name}"]))
    page.write(place / "report.html", "A tour of jaxgen", told)
    print(f"\nThe pictures of all chapters: {place / 'report.html'}")


if __name__ == "__main__":
    sys.exit(cli.script("tour", Flags, tour))
