"""The tour: small versions of what there is, offline, ending with one report of all their pictures.

python -m experiments.tour            six chapters
python -m experiments.tour --all      the longer ones too
python -m experiments.tour --only=vae --workdir=runs/look
"""

import dataclasses
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from experiments import (
    attribution,
    autoencoder,
    classify,
    clustering,
    dbn,
    dream,
    fast_style,
    gan,
    mixtures,
    music,
    optimizer_study,
    perceptual,
    rbm,
    sequences,
    sketch,
    stacked,
    style,
    text,
    transfer,
    vae,
    visualize,
)
from jaxgen.core.config import knob
from jaxgen.core.types import Refused
from jaxgen.report import page
from jaxgen.run import cli
from jaxgen.run.conduct import conduct
from jaxgen.run.experiment import Experiment
from jaxgen.run.machine import forget_programs
from jaxgen.run.parsing import alone
from jaxgen.study import command


class Stop(NamedTuple):
    """A command of the tour; a new technique adds an entry to CHAPTERS."""

    title: str  # of its first chapter in the report
    script: str  # the module's name
    work: Callable[[list[str]], list[page.Chapter]]  # the command line -> chapters
    flags: str
    long: bool = False  # takes more than 15 s on two cores: only with --all


def trained(title: str, experiment: Experiment, flags: str, long: bool = False) -> Stop:
    """The stop at a run of an experiment."""
    work = lambda argv: [each for each in [conduct(experiment, argv)] if each]
    return Stop(title, experiment.name, work, flags, long)


def compared(title: str, flags: str, long: bool = False) -> Stop:
    """The stop at a study of optimisers."""
    return Stop(title, "experiments.optimizer_study", study, flags, long)


def study(argv: list[str]) -> list[page.Chapter]:
    """A study as one chapter: its verdict and tables, and the pictures of each of its tasks."""
    chapters = command.study(optimizer_study.EXPERIMENTS, argv, tasks=optimizer_study.TASKS)
    if not chapters:
        return []
    verdict, *tasks, how = chapters
    summary = {name: value for name, value in how.summary.items() if name != "seconds"}  # of training alone
    pictures = [picture for task in reversed(tasks) for picture in task.pictures]  # the ways over a surface first
    tables = [table for task in tasks for table in task.tables]
    return [page.Chapter("", verdict.text, summary, pictures=pictures, tables=tables, config=how.config)]


CHAPTERS = {
    "vae": trained(
        "A VAE of letters",
        vae.EXPERIMENT,
        "--dataset=glyphs --network=mlp --latent=16 --steps=800 --eval_every=400",
    ),
    "plane": trained(
        "A plane of numerals",
        vae.EXPERIMENT,
        "--dataset=glyphs --classes=0-9 --preset=mlp --steps=1000 --eval_every=250",
    ),
    "autoencoder": trained(
        "Letters restored",
        autoencoder.EXPERIMENT,
        "--kind=denoising --corruption=salt_and_pepper --latent=256 --steps=1000",
        long=True,
    ),
    "stacked": trained("Layers one after the other", stacked.EXPERIMENT, "", long=True),
    "clusters": trained("Clusters without labels", clustering.EXPERIMENT, "", long=True),
    "perceptual": trained("Letters as a classifier sees them", perceptual.EXPERIMENT, "--steps=500", long=True),
    "rbm": trained("A machine that dreams of digits", rbm.EXPERIMENT, "", long=True),
    "dbn": trained("Machines above machines", dbn.EXPERIMENT, "--labelled", long=True),
    "sketch": trained("Letters drawn with a pen", sketch.EXPERIMENT, "", long=True),
    "music": trained("Melodies, composed", music.EXPERIMENT, "", long=True),
    "sequences": trained("Letters read row by row", sequences.EXPERIMENT, "--preset=rows", long=True),
    "classifier": trained(
        "A classifier of letters, and its mistakes",
        classify.EXPERIMENT,
        "--dataset=glyphs --batch_norm --epochs=6 --log_every=42 --eval_every=84",
    ),
    "deep": trained(
        "Layers whose gradients vanish",
        classify.EXPERIMENT,
        "--dataset=digits --preset=deep --hidden=50x8 --steps=120 --eval_every=60",
    ),
    "text": trained(
        "Text that writes itself",
        text.EXPERIMENT,
        "--model=gru --learning_rate=8e-3 --width=128 --steps=240 --log_every=40 --eval_every=120 --length=200",
    ),
    "optimizers": compared(
        "Optimisers on a surface",
        "--tasks=beale --learning_rates=1e-3:1e0:7 --tuning_seeds=2 --seeds=5 --steps=200 --evaluations=10",
    ),
    "modes": trained(
        "A game that covers all modes",
        mixtures.EXPERIMENT,
        "--steps=1500 --eval_every=150 --log_every=150",
        long=True,
    ),
    "gan": trained(
        "A game of numerals, in its first seconds",
        gan.EXPERIMENT,
        "--dataset=glyphs --classes=0-9 --judge=none --network=dense --steps=900 --eval_every=450 --log_every=450",
        long=True,
    ),
    "numerals": trained("What a classifier takes for numerals", visualize.EXPERIMENT, "--judge=auto", long=True),
    "dream": trained("A small network's dream", dream.EXPERIMENT, "--height=300", long=True),
    "vae_book": trained(
        "The book's VAE",
        vae.EXPERIMENT,
        "--dataset=glyphs --preset=chollet --batch_size=128 --epochs=15",
        long=True,
    ),
    "style": trained(
        "A photograph painted, by a network that learnt nothing",
        style.EXPERIMENT,
        "--log_every=10",
        long=True,
    ),
    "fast_style": trained(
        "A painter, trained for half a minute",
        fast_style.EXPERIMENT,
        "--steps=150",
        long=True,
    ),
    "transfer": Stop("From a few examples", "experiments.transfer", transfer.transfer, "--seeds=2", long=True),
    "attribution": Stop(
        "What speaks for a numeral", "experiments.attribution", attribution.attribution, "--network=auto", long=True
    ),
    "study": compared("Optimisers on a classifier", "--tasks=classifier:digits", long=True),
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
        print(f"chapter {number} of {len(names)}: {name}   python -m {stop.script} {stop.flags}")
        for n, chapter in enumerate(stop.work([*stop.flags.split(), f"--workdir={directory / name}"])):
            chapters.append(chapter if n else chapter._replace(title=stop.title))
        forget_programs()
    page.write(directory / "report.html", "A tour of jaxgen", chapters)
    print(f"\nThe pictures of all chapters: {directory / 'report.html'}")


if __name__ == "__main__":
    sys.exit(cli.script("experiments.tour", __doc__ or "", Flags, tour))
