"""What codes of autoencoders are good for: all kinds after the same training, beside pixels and PCA, in one table.

python -m experiments.codes                                        embedded digits, 10 codes, five seeds of each kind
python -m experiments.codes --kinds=dense,clustered --seeds=2      some of them
python -m experiments.codes --dataset=mnist --hidden=500,500,2000 --steps=20000
python -m experiments.codes --held_out=9                           how well what was never seen is told by its error
python -m experiments.codes --sizes=4,16,32                        compression at further sizes of the code

For each kind: squared error, nearest neighbours, linear classifiers from 100 labels, 1,000 and all, clusters by
k-means, and how many activations are saturated. Every run is kept in --workdir; the same command again trains what is
missing. The report shows neighbours, in-painting, compression and singular values of the encoders of seed 0. What was
measured: experiments/results/codes.md.
"""

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from experiments import autoencoder, clustering
from jaxgen.core.config import fitted, knob
from jaxgen.core.types import Refused, State, Technique
from jaxgen.data.examples import Dataset
from jaxgen.data.images import sets
from jaxgen.data.images.subsets import held_out
from jaxgen.figures import anomalies, codes, compression, uses
from jaxgen.nets.hidden import widths
from jaxgen.report import page
from jaxgen.run import cli
from jaxgen.run.conduct import conduct
from jaxgen.run.experiment import Experiment, nothing
from jaxgen.run.load import load
from jaxgen.run.machine import AUTO, forget_programs, prepare
from jaxgen.run.parsing import alone, parse
from jaxgen.run.results import shown
from jaxgen.study import seeded

TEXT = (
    "Each kind of autoencoder has a code of the same size and as many updates on the same batches. What the codes of "
    "test images tell is measured without training the encoder any further."
)
LINEAR = ["--code=linear"]  # rectified units of small codes die
KINDS: dict[str, list[str]] = {  # flags of experiments.autoencoder, or of experiments.clustering for the last
    "dense": ["--kind=dense", *LINEAR],
    "sparse": ["--kind=sparse", "--sparsity=kl"],
    "k_sparse": ["--kind=sparse", "--sparsity=largest", "--activation=relu", *LINEAR],
    "masking": ["--kind=denoising", "--corruption=masking", *LINEAR],
    "gaussian": ["--kind=denoising", "--corruption=gaussian", *LINEAR],
    "contractive": ["--kind=contractive"],
    "convolutional": ["--kind=convolutional"],
    "clustered": [],
}


@dataclasses.dataclass(frozen=True)
class Flags:
    """What is compared."""

    workdir: str = knob("runs/codes", "a folder for each run, and report.html")
    dataset: str = knob("digits", "a set with classes")
    data_dir: str = knob("", "where local files live; JAXGEN_DATA where not given")
    kinds: str = knob(",".join(KINDS), "of autoencoders, separated by commas")
    latent: int = knob(10, "units of the code, and components of PCA", lower=1, upper=2**20)
    hidden: str = knob("", "units of the dense encoders' layers before the code, as in 500,500,2000")
    steps: int = knob(600, "updates of each network", lower=2, upper=10**9)
    seeds: int = knob(5, "of each kind, from 0", lower=1, upper=1000)
    scaling: Literal["none", "units", "length"] = knob(
        "none", "before distances of codes: each unit by its standard deviation, or each code by its length"
    )
    held_out: str = knob("", "classes that are left out of training, to be told by their reconstruction error")
    sizes: str = knob("", "further codes of the first kind, for the table of compression, as in 4,16,32")
    also: str = knob("", "further flags of all runs, separated by spaces, as in '--loss=squared --batch_size=256'")


class Run(NamedTuple):
    """A trained autoencoder."""

    chapter: page.Chapter
    technique: Technique
    state: State
    activation: str  # of its code


def listed(flags: Flags) -> list[str]:
    """The names of --kinds. Raises Refused for none and for one that does not exist."""
    names = [name.strip() for name in flags.kinds.split(",") if name.strip()]
    if unknown := [name for name in names if name not in KINDS]:
        raise Refused(f"--kinds: no kind {unknown[0]!r}; known are {', '.join(KINDS)}")
    if not names:
        raise Refused(f"--kinds must name kinds of autoencoders, separated by commas: {', '.join(KINDS)}")
    return list(dict.fromkeys(names))


def command(flags: Flags, kind: str, latent: int, classes: Sequence[str]) -> tuple[Experiment, list[str]]:
    """The experiment of a kind, and its flags but for seed and directory."""
    argv = [f"--dataset={flags.dataset}", *([f"--data_dir={flags.data_dir}"] if flags.data_dir else [])]
    argv += [f"--classes={','.join(classes)}"] if flags.held_out else []
    argv += [f"--latent={latent}", f"--steps={flags.steps}", "--learning_rate=2e-3", f"--compilation_cache={AUTO}"]
    argv += [f"--{each}_every={flags.steps}" for each in ("eval", "checkpoint")]
    argv += [f"--hidden={flags.hidden}"] if kind != "convolutional" else []
    argv += [f"--k={max(1, latent // 4)}"] if kind == "k_sparse" else []
    argv += [f"--clusters={len(classes)}"] if kind == "clustered" else []
    experiment = clustering.EXPERIMENT if kind == "clustered" else autoencoder.EXPERIMENT
    return experiment, [*argv, *KINDS[kind], *flags.also.split()]


def check(experiment: Experiment, argv: Sequence[str], images: Dataset) -> None:
    """Raises Refused where a run cannot be made of these flags and images."""
    parsed = parse(experiment, argv)
    parsed.module.make(fitted(parsed.config, {"shape": images.shape}))


def read(flags: Flags, sizes: Sequence[int]) -> tuple[Dataset, Dataset | None]:
    """The images of the classes that are learnt, and those of the others.

    Raises Refused where they have no classes, or more of them than there are test images, or components than values.
    """
    data_dir = flags.data_dir or os.environ.get("JAXGEN_DATA", "")
    whole, others = sets.load(flags.dataset, data_dir, least=2), None
    if flags.held_out:
        whole, others = held_out(whole, flags.held_out)
    if len(whole.test.label) < len(whole.classes):
        raise Refused(
            f"{len(whole.test.label)} test images cannot be put in {len(whole.classes)} clusters, one a class"
        )
    most = min(int(np.prod(whole.shape)), len(whole.train.label) - 1)
    if max(flags.latent, *sizes, 0) > most:
        raise Refused(f"--latent and --sizes are at most {most}: these images have no more principal components")
    return whole, others


def train(flags: Flags, experiment: Experiment, argv: Sequence[str], name: str, seed: int) -> Run:
    """A run in a directory of its own, as far as it is not there already; with pictures where the seed is 0."""
    directory = Path(os.path.expanduser(flags.workdir)) / f"{name}{seed}"
    experiment = experiment._replace(show=nothing if seed else uses.show)
    chapter = conduct(experiment, [*argv, f"--seed={seed}", f"--workdir={directory}"])
    assert chapter is not None
    network = parse(experiment, argv).config.network
    forget_programs()
    return Run(chapter, *load(directory), network.activation if network.code == "activated" else "linear")


def measured(run: Run, images: Dataset, others: Dataset | None, seed: int, scaling: str) -> dict[str, float]:
    """All columns of the table for one run."""
    features = codes.encoded(run.technique, run.state, images)
    values = {"squared error": run.chapter.summary["metrics"]["test_squared_error"]["value"]}
    values |= codes.measures(features, seed, scaling)
    values["saturated"] = codes.saturation(features.test.x, run.activation)
    if others:
        values["anomalies"] = anomalies.of_autoencoder(run.technique, run.state, images, others)
    return values


def compare(argv: list[str]) -> list[page.Chapter]:
    """Trains all runs, each in a directory, prints the table, writes the report and returns it.

    Raises Refused, before anything is trained, for flags that cannot be used.
    """
    flags, _ = alone("codes", Flags, argv)
    kinds, sizes = listed(flags), [] if not flags.sizes else list(widths(flags.sizes, "sizes"))
    images, others = read(flags, sizes)
    commands = {kind: command(flags, kind, flags.latent, images.classes) for kind in kinds}
    further = {size: command(flags, kinds[0], size, images.classes) for size in sizes}
    for each in [*commands.values(), *further.values()]:
        check(*each, images)
    prepare(1, AUTO)
    runs = {kind: [train(flags, *commands[kind], kind, seed) for seed in range(flags.seeds)] for kind in kinds}
    first = [(kind, each[0]) for kind, each in runs.items()]
    first += [(kinds[0], train(flags, *further[size], f"{kinds[0]}_{size}_", 0)) for size in sizes]
    compressed = [compression.of_autoencoder(kind, run.technique, run.state, images) for kind, run in first]
    rows = dict(codes.baselines(images, flags.latent, flags.seeds, flags.scaling))
    if others:
        area = anomalies.of_components(images, others, flags.latent)
        rows[f"PCA, {flags.latent}"] = [{**each, "anomalies": area} for each in rows[f"PCA, {flags.latent}"]]
    for kind, trained in runs.items():
        rows[kind] = [measured(run, images, others, seed, flags.scaling) for seed, run in enumerate(trained)]
    notes = {**codes.DEFINITIONS, **({"anomalies": anomalies.DEFINITION} if others else {})}
    caption = f"{flags.latent} codes of {flags.dataset} after {flags.steps:,} updates"
    table = seeded.table(caption, rows, list(notes), codes.SHARES, notes)
    print(f"\n{table.caption}", *seeded.lines(table), sep="\n")
    encoders = {kind: (each[0].technique, each[0].state) for kind, each in runs.items()}
    components = [compression.of_components(images, int(each.size)) for each in compressed]
    curve, bytes_table = compression.show(compressed, components, images)
    directory = Path(os.path.expanduser(flags.workdir))
    pictures, tables, missing = shown(
        directory / "figures", [table, bytes_table, curve, uses.spectra(encoders, images)]
    )
    chapter = page.Chapter("Codes", TEXT, pictures=pictures, tables=tables, notes=notes, missing=missing)
    report = [chapter, *(each[0].chapter._replace(title=kind) for kind, each in runs.items())]
    page.write(directory / "report.html", "Codes of autoencoders", report)
    print(f"report: {directory / 'report.html'}")
    return report


if __name__ == "__main__":
    sys.exit(cli.script("experiments.codes", __doc__ or "", Flags, compare))
