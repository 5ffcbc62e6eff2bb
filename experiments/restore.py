"""Denoising autoencoders as filters: corrupted test images restored, beside a median filter and PCA, in dB.

python -m experiments.restore                                             embedded digits, noise at three levels
python -m experiments.restore --dataset=mnist --latent=500 --steps=20000
python -m experiments.restore --test_corruption=salt_and_pepper --levels=0.1,0.2,0.4      what none was trained on

A network is trained on each corruption at its own default strength, and then sees --test_corruption at each of
--levels. The number of components of PCA is chosen on the validation split, at each level. What was measured:
experiments/results/codes.md.
"""

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from experiments import autoencoder
from jaxgen.core.config import fitted, knob
from jaxgen.core.types import Refused, State, Technique
from jaxgen.figures import restoring
from jaxgen.report import page
from jaxgen.run import cli, image_reader
from jaxgen.run.conduct import conduct
from jaxgen.run.experiment import nothing
from jaxgen.run.load import load
from jaxgen.run.machine import AUTO, forget_programs, prepare
from jaxgen.run.parsing import alone, parse
from jaxgen.run.results import shown
from jaxgen.study import seeded

TEXT = (
    "An autoencoder that was trained to undo a corruption is a filter. Each is given the same corrupted test images, "
    "and so are filters that need no training."
)
LARGEST = {"masking": 1.0, "salt_and_pepper": 1.0, "gaussian": 10.0}  # levels


@dataclasses.dataclass(frozen=True)
class Flags:
    """What is compared."""

    workdir: str = knob("runs/restore", "a folder for each run, and report.html")
    dataset: str = knob("digits", "a set of images")
    data_dir: str = knob("", "where local files live; JAXGEN_DATA where not given")
    trained: str = knob("masking,salt_and_pepper,gaussian", "corruptions that a network is trained on, each on one")
    test_corruption: Literal["masking", "salt_and_pepper", "gaussian"] = knob("gaussian", "of the test images")
    levels: str = knob("0.1,0.3,0.5", "its strengths: a share of pixels, or a standard deviation")
    latent: int = knob(128, "units of the code", lower=1, upper=2**20)
    steps: int = knob(1000, "updates of each network", lower=1, upper=10**9)
    seeds: int = knob(1, "of each network, from 0", lower=1, upper=1000)
    also: str = knob("", "further flags of all runs, separated by spaces, as in '--hidden=500 --loss=squared'")


def strengths(flags: Flags) -> list[float]:
    """The numbers of --levels. Raises Refused where they are none, or out of bounds."""
    most = LARGEST[flags.test_corruption]
    try:
        levels = [float(each) for each in flags.levels.split(",")]
    except ValueError:
        levels = []
    if not levels or not all(0 < level <= most for level in levels):
        raise Refused(
            f"--levels are numbers above 0 and at most {most:g} for {flags.test_corruption}, separated by commas, "
            f"not {flags.levels!r}"
        )
    return levels


def listed(flags: Flags) -> list[str]:
    """The corruptions of --trained. Raises Refused for none and for one that does not exist."""
    names = [name.strip() for name in flags.trained.split(",") if name.strip()]
    if not names or (unknown := [name for name in names if name not in LARGEST]):
        wrong = f"no corruption {unknown[0]!r}" if names else "it names none"
        raise Refused(f"--trained: {wrong}; known are {', '.join(LARGEST)}")
    return list(dict.fromkeys(names))


def command(flags: Flags, name: str) -> list[str]:
    """The flags of a run of experiments.autoencoder but for seed and directory."""
    argv = [f"--dataset={flags.dataset}", *([f"--data_dir={flags.data_dir}"] if flags.data_dir else [])]
    argv += ["--kind=denoising", f"--corruption={name}", f"--latent={flags.latent}", f"--steps={flags.steps}"]
    argv += [f"--{each}_every={flags.steps}" for each in ("eval", "checkpoint")]
    return [*argv, f"--compilation_cache={AUTO}", *flags.also.split()]


def train(flags: Flags, argv: Sequence[str], name: str, seed: int) -> tuple[Technique, State]:
    """A run in a directory of its own, as far as it is not there already."""
    directory = Path(os.path.expanduser(flags.workdir)) / f"{name}{seed}"
    conduct(autoencoder.EXPERIMENT._replace(show=nothing), [*argv, f"--seed={seed}", f"--workdir={directory}"])
    forget_programs()
    return load(directory)


def compare(argv: list[str]) -> list[page.Chapter]:
    """Trains all runs, prints the table, writes the report and returns it.

    Raises Refused, before anything is trained, for flags that cannot be used.
    """
    flags, _ = alone("restore", Flags, argv)
    levels, commands = strengths(flags), {name: command(flags, name) for name in listed(flags)}
    for each in commands.values():
        parsed = parse(autoencoder.EXPERIMENT, each)
        images = image_reader.read_dataset(parsed.flags)
        parsed.module.make(fitted(parsed.config, {"shape": images.shape}))
    prepare(1, AUTO)
    runs = {name: [train(flags, each, name, seed) for seed in range(flags.seeds)] for name, each in commands.items()}
    rows: dict[str, list[dict[str, float]]] = {}
    figures = []
    for number, level in enumerate(levels):
        column = f"{level:g}"
        valid, test = (
            restoring.corrupted(split, flags.test_corruption, level, seed)
            for seed, split in enumerate((images.valid, images.test))
        )
        restored = {name: [each] for name, each in restoring.baselines(images, valid, test).items()}
        for name, trained in runs.items():
            restored[f"trained on {name}"] = [restoring.by_network(*run, test) for run in trained]
        for name, every in restored.items():
            for value, one in zip(rows.setdefault(name, [{} for _ in every]), every):
                value[column] = restoring.quality(one, test.clean)
        below = [name for name in restored if name != "corrupted"]
        caption = f"{flags.test_corruption} {level:g}: test images, corrupted, and restored by {', '.join(below)}"
        pictures = [restored[name][0] for name in below]
        figures.append(restoring.show(f"restored_{number}", caption, images, test, *pictures))
    caption = f"Test images of {flags.dataset} with {flags.test_corruption}, PSNR in dB: {restoring.DEFINITION}"
    table = seeded.table(caption, rows, [f"{level:g}" for level in levels], (), {})
    print(f"\n{table.caption}", *seeded.lines(table), sep="\n")
    directory = Path(os.path.expanduser(flags.workdir))
    drawn, tables, missing = shown(directory / "figures", [table, *figures])
    report = [page.Chapter("Restored images", TEXT, pictures=drawn, tables=tables, missing=missing)]
    page.write(directory / "report.html", "Denoising autoencoders as filters", report)
    print(f"report: {directory / 'report.html'}")
    return report


if __name__ == "__main__":
    sys.exit(cli.script("experiments.restore", __doc__ or "", Flags, compare))
