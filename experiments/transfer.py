"""Transfer: what a network learnt of some classes helps it to tell others apart from a few examples.

python -m experiments.transfer                    glyphs: the digits 0-4 first, then 5-9 from 20 images of each
python -m experiments.transfer --dataset=mnist    the same on MNIST

A network is trained on the known classes. Then its lower layers, frozen, carry a new output for the new classes, and
beside it the same network starts from scratch, with the same images, steps and rate: --seeds times each.

On MNIST 93.65 ± 0.70 % of 5-9 are told, from scratch 90.10 ± 0.28 %: 3.55 ± 0.71 more (5 seeds, 95 %), in 5 min. Two
cores of an AMD EPYC that others shared, jax 0.10.2, 2026-11-21.
"""

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments import classify
from jaxgen.core.config import knob
from jaxgen.report import page
from jaxgen.run import cli, flags, image_reader
from jaxgen.techniques.vision import classifier

TEXT = (
    "Lower layers that learnt to tell some classes apart are frozen; only what stands above them learns the new "
    "classes, from a few images of each. Beside it, the same network from scratch."
)
NETWORK = ["--network=cnn", "--channels=16,32", "--hidden=64"]
KNOWN = ["--batch_size=64", "--steps=2000", "--eval_every=1000", "--checkpoint_every=2000", "--dropout=0.3"]
KNOWN += ["--shift=2", "--rotate=15", "--zoom=0.15"]  # what is learnt of moved images is of more use to other classes
NEW = ["--steps=300", "--eval_every=300", "--checkpoint_every=300"]


@dataclasses.dataclass(frozen=True)
class Flags:
    """The comparison's own flags; the rest is `experiments.classify`'s."""

    workdir: str = knob("runs/transfer", "a folder for each run, and report.html")
    dataset: str = knob("glyphs", "a set with classes")
    data_dir: str = knob("", "where local files live; JAXGEN_DATA where not given")
    known: str = knob("0-4", "classes that are learnt first, with all their images")
    new: str = knob("5-9", "classes that are learnt then")
    per_class: int = knob(20, "training images of each new class", lower=1)
    freeze: str = knob("layer1,layer2", "layers that are kept as they are")
    seeds: int = knob(5, "of the new classes' networks, from 0", lower=2, upper=1000)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half of its 95 % confidence interval by Student's t: of seeds, not of test images."""
    from scipy import stats

    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values)), float(stats.t.ppf(0.975, len(values) - 1) * error)


def check(ours: Flags, data: list[str]) -> int:
    """The number of images that the new classes are learnt from; Refused before anything is trained in vain."""
    for classes, few in ((ours.known, []), (ours.new, [f"--per_class={ours.per_class}", f"--freeze={ours.freeze}"])):
        run_flags, config = cli.parse(classify.COMMAND, [*data, *NETWORK, f"--classes={classes}", *few])
        dataset = image_reader.dataset(run_flags, least=2)
        classifier.frozen(dataclasses.replace(config, shape=dataset.shape))
    return len(dataset.train.label)


def transfer(argv: list[str]) -> None:
    """Trains all networks, a run's directory each, and tells what was gained."""
    (ours,) = flags.build([Flags], flags.explicit("transfer", [Flags], argv))
    place = Path(os.path.expanduser(ours.workdir))
    accuracy: dict[str, list[float]] = {"transferred": [], "from scratch": []}
    data = [f"--dataset={ours.dataset}", *([f"--data_dir={ours.data_dir}"] if ours.data_dir else [])]
    told = []

    def run(name: str, seed: int, *more: str) -> page.Chapter:
        where = place / f"{name}{seed}"
        return cli.run_command(classify.COMMAND, [*data, *NETWORK, f"--seed={seed}", f"--workdir={where}", *more])

    few = [f"--classes={ours.new}", f"--per_class={ours.per_class}", *NEW]
    few.append(f"--batch_size={min(20, check(ours, data))}")
    for seed in range(ours.seeds):
        run("known", seed, f"--classes={ours.known}", *KNOWN)
        taken = [f"--init_from={place / f'known{seed}'}", f"--freeze={ours.freeze}"]
        for kind, more in (("transferred", taken), ("from scratch", [])):
            chapter = run(kind.replace(" ", "_"), seed, *few, *more)
            accuracy[kind].append(chapter.summary["metrics"]["test_accuracy"]["value"])
            told += [chapter._replace(title=f"Classes {ours.new}, {kind}")] if seed == 0 else []
    gained = [a - b for a, b in zip(*accuracy.values())]
    print(
        f"\ntest accuracy on the classes {ours.new} of {ours.dataset} from {ours.per_class} images of each, mean of "
        f"{ours.seeds} seeds and its 95 % interval (Student's t)"
    )
    lines = []
    for kind, values in {**accuracy, "gained, seed by seed": gained}.items():
        mean, half = interval(values)
        lines.append(f"{kind}: {100 * mean:.2f} ± {100 * half:.2f} %")
        print(lines[-1])
    text = f"{TEXT} Test accuracy, mean of {ours.seeds} seeds with its 95 % interval: {'; '.join(lines)}."
    page.write(place / "report.html", "Transfer", [told[0]._replace(text=text), *told[1:]])
    print(f"report: {place / 'report.html'}")


if __name__ == "__main__":
    sys.exit(cli.script("transfer", Flags, transfer))
