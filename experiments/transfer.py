"""Transfer: what a network learnt of some classes helps it to tell others apart from a few examples.

python -m experiments.transfer                    glyphs: the digits 0-4 first, then 5-9 from 20 images of each
python -m experiments.transfer --dataset=mnist    the same on MNIST

A network is trained on the classes --known. Then two are trained on the classes --new, with the same images, steps,
rate, dropout and moves of the images: one starts from that network, its lower layers frozen and its output drawn anew,
the other one from scratch. This is done for --seeds seeds, each of which draws images of its own, so that the intervals
have the luck of the draw in them; --draw_seed gives all of them the same.

What was measured: experiments/results/transfer.md.
"""

import dataclasses
import os
import sys
from pathlib import Path

from experiments import classify
from jaxgen.core.config import fitted, knob
from jaxgen.report import page
from jaxgen.run import cli, image_reader
from jaxgen.run.conduct import conduct
from jaxgen.run.machine import forget_programs
from jaxgen.run.parsing import alone, parse
from jaxgen.study.intervals import KINDS, interval

TEXT = (
    "Lower layers that learnt to tell some classes apart are frozen; only what stands above them learns the new "
    "classes, from a few images of each. Beside it, the same network from scratch."
)
NETWORK = ["--network=cnn", "--channels=16,32", "--hidden=64"]
# What is learnt of moved images is of more use to other classes; all three networks get them, or the one from scratch
# would be compared with one that is better regularised, and not with one that knows other classes.
MOVED = ["--dropout=0.3", "--shift=2", "--rotate=15", "--zoom=0.15"]
KNOWN = ["--batch_size=64", "--steps=2000", "--eval_every=1000", "--checkpoint_every=2000", *MOVED]
NEW = ["--steps=300", "--eval_every=300", "--checkpoint_every=300", *MOVED]


@dataclasses.dataclass(frozen=True)
class Flags:
    """What is compared; the networks and their training are fixed above."""

    workdir: str = knob("runs/transfer", "a folder for each run, and report.html")
    dataset: str = knob("glyphs", "a set with classes")
    data_dir: str = knob("", "where local files live; JAXGEN_DATA where not given")
    known: str = knob("0-4", "classes that are learnt first, with all their images")
    new: str = knob("5-9", "classes that are learnt then")
    per_class: int = knob(20, "training images of each new class", lower=1)
    draw_seed: int | None = knob(None, "draws the same images for all seeds", lower=0, upper=2**32 - 1)
    freeze: str = knob("layer1,layer2", "layers that are kept as they are")
    seeds: int = knob(5, "of the new classes' networks, from 0", lower=2, upper=1000)


def check(argv: list[str]) -> int:
    """The number of training images that a run with these flags has.

    Raises Refused, before anything is trained, for a set, classes or layers that do not exist.
    """
    parsed = parse(classify.EXPERIMENT, argv)
    images = image_reader.read_dataset(parsed.flags, least=2)
    parsed.module.make(fitted(parsed.config, {"shape": images.shape, "labels": images.classes}))
    return len(images.train.label)


def train_all(flags: Flags) -> dict[str, list[page.Chapter]]:
    """The chapters of all seeds' networks on the new classes, as "transferred" and as "from scratch".

    Raises Refused, before anything is trained, for flags that cannot be used.
    """
    directory = Path(os.path.expanduser(flags.workdir))
    common = [f"--dataset={flags.dataset}", *([f"--data_dir={flags.data_dir}"] if flags.data_dir else []), *NETWORK]
    known = [*common, f"--classes={flags.known}"]
    new = [*common, f"--classes={flags.new}", f"--per_class={flags.per_class}"]
    new += [] if flags.draw_seed is None else [f"--draw_seed={flags.draw_seed}"]
    check(known)
    new += [*NEW, f"--batch_size={min(20, check([*new, f'--freeze={flags.freeze}']))}"]

    def run(name: str, seed: int, *argv: str) -> page.Chapter:
        chapter = conduct(classify.EXPERIMENT, [*argv, f"--seed={seed}", f"--workdir={directory / name}{seed}"])
        forget_programs()
        assert chapter is not None
        return chapter

    chapters: dict[str, list[page.Chapter]] = {"transferred": [], "from scratch": []}
    for seed in range(flags.seeds):
        run("known", seed, *known, *KNOWN)
        inherited = [f"--init_from={directory / 'known'}{seed}", f"--freeze={flags.freeze}"]
        chapters["transferred"].append(run("transferred", seed, *new, *inherited))
        chapters["from scratch"].append(run("from_scratch", seed, *new))
    return chapters


def transfer(argv: list[str]) -> list[page.Chapter]:
    """Trains all networks, each in a run's directory, prints accuracies, writes the report of seed 0, returns it."""
    flags, _ = alone("transfer", Flags, argv)
    chapters = train_all(flags)
    accuracy = {
        kind: [chapter.summary["metrics"]["test_accuracy"]["value"] for chapter in each]
        for kind, each in chapters.items()
    }
    gained = [a - b for a, b in zip(*accuracy.values())]
    means = f"means of {flags.seeds} seeds with {KINDS[interval(gained).kind]}"
    print(
        f"\ntest accuracy on the classes {flags.new} of {flags.dataset} from {flags.per_class} images of each, {means}"
    )
    lines = []
    for kind, values in {**accuracy, "gained, seed by seed": gained}.items():
        mean, low, high = (100 * each for each in interval(values)[:3])
        lines.append(f"{kind}: {mean:.2f} % ({low:.2f} to {high:.2f})")
        print(lines[-1])
    first, *rest = [each[0]._replace(title=f"Classes {flags.new}, {kind}") for kind, each in chapters.items()]
    text = f"{TEXT} Test accuracy, {means}: {'; '.join(lines)}."
    path = Path(os.path.expanduser(flags.workdir)) / "report.html"
    report = [first._replace(text=text), *rest]
    page.write(path, "Transfer", report)
    print(f"report: {path}")
    return report


if __name__ == "__main__":
    sys.exit(cli.script("experiments.transfer", __doc__ or "", Flags, transfer))
