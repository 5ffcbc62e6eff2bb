"""Faces by a plain VAE and by one of deep features: how they are reconstructed, and glasses that are put on.

python -m experiments.faces --data_dir=DATA                               Olivetti faces, VGG19, measured by SqueezeNet
python -m experiments.faces --dataset=FOLDER --attribute=smiling          a subfolder for each class
python -m experiments.faces --dataset=frogs --attribute=                  CIFAR-10's frogs, how they are restored alone

Both have the same network, code, images and updates; then their reconstructions of test images are compared, in pixels
and by a network that neither was trained with. A concept vector is the mean code of the training images with the
attribute minus that of those without; codes of test images are moved along it, and a linear probe of pixels, trained on
the training images, says whether the decoded image has the attribute. What was measured: experiments/results/faces.md.
"""

import dataclasses
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments import classify, perceptual, vae
from jaxgen.core.config import knob
from jaxgen.core.types import Refused
from jaxgen.data.examples import Dataset
from jaxgen.figures import concept_moves
from jaxgen.figures.concept_moves import Attributed, Model
from jaxgen.ops.concepts import Probe
from jaxgen.ops.reconstruction import squared_error
from jaxgen.report import page
from jaxgen.report.items import Cell, Table
from jaxgen.run import cli, image_reader
from jaxgen.run.conduct import conduct
from jaxgen.run.feature_judge import FeatureJudge, definition, distances, feature_judge
from jaxgen.run.fixed_networks import WeightFlags
from jaxgen.run.load import load
from jaxgen.run.machine import forget_programs, prepare
from jaxgen.run.parsing import alone, parse
from jaxgen.run.results import shown
from jaxgen.study.intervals import KINDS, interval, wilson

TEXT = (
    "Two variational autoencoders of one network, code and training: the loss of one is the likelihood of each pixel, "
    "that of the other what a fixed network sees."
)
TITLES = {"plain": "the plain VAE", "perceptual": "the VAE of deep features"}
# What the plain VAE's run has of the other one's flags.
SAME = ("dataset", "mirror", "batch_size", "log_every", "eval_every", "checkpoint_every", "compilation_cache")
PLAIN = {"likelihood": "greyscale", "schedule": "cosine", "learning_rate": 1e-3}


@dataclasses.dataclass(frozen=True)
class Flags(WeightFlags):
    """What is compared; what has no flag here is of the preset `faces` of experiments.perceptual."""

    workdir: str = knob("runs/faces", "a folder for each run, and report.html")
    dataset: str = knob("olivetti_glasses", "a set with classes")
    data_dir: str = knob("", "where local files live; JAXGEN_DATA where not given")
    attribute: str = knob("with glasses", "the class of images that have it, all others have not; empty: none is moved")
    judge: str = knob("squeezenet", "the network that measures reconstructions; another one than --network")
    judge_weights: str = knob("", "a file of its weights")
    layers: str = knob("", "of --network that are compared, with weights; empty: as in experiments.perceptual")
    coder: str = knob("deep", "encoder and decoder of both: deep, conv or mlp")
    latent: int = knob(100, "dimensions of the codes", lower=1, upper=2**20)
    beta: float | None = knob(None, "weight of the KL with deep features; of the preset where not given", lower=0.0)
    # Cross-entropy of grey values is as wide as a normal density of deviation 0.45; this makes its weight that of 0.1.
    plain_beta: float = knob(0.05, "weight of the plain VAE's KL", lower=0.0)
    batch_size: int | None = knob(None, "images in a batch; of the preset where not given", lower=1, upper=2**20)
    steps: int | None = knob(None, "updates of each; of the preset where not given", lower=1, upper=10**7)


def judge_of(flags: Flags) -> FeatureJudge:
    """What measures. Raises Refused where it is the network of the training, and see `feature_judge`."""
    if flags.judge == flags.network:
        raise Refused(f"--judge={flags.judge} is the network of the training; choose another one to measure with")
    flags = dataclasses.replace(flags, network=flags.judge, weights=flags.judge_weights)
    return feature_judge(flags, classify.EXPERIMENT)


def commands(flags: Flags) -> tuple[Dataset, dict[str, list[str]]]:
    """The images, and the command line of each VAE's run.

    Raises Refused, before anything is trained, for flags that cannot be used and where no class is the attribute.
    """
    names = ("dataset", "data_dir", "network", "weights", "download", "layers", "coder", "latent", "beta")
    chosen = {name: getattr(flags, name) for name in (*names, "batch_size", "steps", "compilation_cache")}
    argv = ["--preset=faces", *(f"--{name}={value}" for name, value in chosen.items() if value is not None)]
    if not flags.layers:
        argv[argv.index("--layers=")] = f"--layers={perceptual.LAYERS.get(flags.network, '')}"
    parsed = parse(perceptual.EXPERIMENT, argv)
    images = image_reader.read_dataset(parsed.flags, 2 if flags.attribute else 0)
    if flags.attribute and flags.attribute not in images.classes:
        known = ", ".join(images.classes[:20])
        raise Refused(f"--attribute={flags.attribute} is no class of {flags.dataset}, which has {known}")
    perceptual.read(parsed.flags, parsed.config)
    same = [f"--{name}={getattr(parsed.flags, name)}" for name in (*SAME, "data_dir", "steps")]
    fields = {"network": parsed.config.coder, "latent": parsed.config.latent, "beta": flags.plain_beta, **PLAIN}
    plain = [*same, *(f"--{name}={value}" for name, value in fields.items())]
    parse(vae.EXPERIMENT, plain)
    return images, {"plain": plain, "perceptual": argv}


def trained(flags: Flags, argv: Mapping[str, list[str]]) -> tuple[dict[str, page.Chapter], dict[str, Any]]:
    """The chapter of each VAE's run, and its technique and State."""
    chapters, loaded = {}, {}
    for name, experiment in (("plain", vae.EXPERIMENT), ("perceptual", perceptual.EXPERIMENT)):
        directory = Path(os.path.expanduser(flags.workdir)) / name
        chapter = conduct(experiment, [*argv[name], f"--workdir={directory}"])
        assert chapter is not None
        chapters[name], loaded[name] = chapter._replace(title=f"Training of {TITLES[name]}"), load(directory)
        forget_programs()
    return chapters, loaded


def compared(models: Mapping[str, Model], judge: FeatureJudge, images: Dataset, test: Attributed) -> Table:
    """How far reconstructions of test images are from them, each with its interval; prints it."""
    restored = {name: concept_moves.moved(model, test.image, 0.0) for name, model in models.items()}
    measured = {name: [distances(judge, each, test.image, images.shape)] for name, each in restored.items()}
    for name, each in restored.items():
        measured[name].append(np.asarray(squared_error(jnp.asarray(each), jnp.asarray(test.image))))
    differences = [one - other for one, other in zip(measured["perceptual"], measured["plain"])]
    lines = {**{TITLES[name]: each for name, each in measured.items()}, "difference, image by image": differences}
    kind = KINDS.get(interval(differences[0]).kind, "")
    caption = (
        f"Reconstructions of {len(test.image)} test images, from the posterior's mean; means with {kind} over images. "
        f"Distance of features: {definition(judge)}, with which neither was trained. Squared error: sum over all "
        "pixels in [0, 1]."
    )
    rows = []
    for title, values in lines.items():
        texts = ["{:.4g} ({:.4g} to {:.4g})".format(*interval(each)[:3]) for each in values]
        print(f"{title}: distance of features {texts[0]}, squared error {texts[1]}")
        rows.append([Cell(text) for text in (title, *texts)])
    return Table(caption, ["", "distance of features", "squared error"], rows)


def moves(
    models: Mapping[str, Model], probe: Probe, valid: Attributed, test: Attributed, attribute: str
) -> tuple[Table, dict[str, float]]:
    """How often the attribute comes and goes along the concept vector, and how far it takes to come; prints it."""
    right = concept_moves.says(probe, test.image) == test.has
    texts = [f"{100 * right[test.has == each].mean():.1f} %" for each in (True, False)]
    caption = (
        f"Test images that change along the vector of {attribute!r}, by so many times its length, chosen on validation "
        f"images. The probe, linear in pixels, is right for {texts[0]} of the test images that have the attribute and "
        f"for {texts[1]} of the others. Flipped: the probe calls the reconstruction what the image is, and the moved "
        "one the opposite; of all test images that have not the attribute (comes) or have it (goes). Wilson's 95 % "
        "intervals are those of independent images; images of one person are not."
    )
    print(f"probe: right for {texts[0]} of test images with {attribute!r}, {texts[1]} without")
    rows, strengths = [], dict[str, float]()
    percent = lambda share, n: "{:.1f} % ({:.1f} to {:.1f})".format(*(100 * x for x in (share, *wilson(share, n))))
    for name, model in models.items():
        for sign, verb in ((1, "comes"), (-1, "goes")):
            strength, count, before, *shares = concept_moves.outcome(model, probe, valid, test, sign)
            strengths.setdefault(name, strength)
            cells = [percent(share, count) for share in shares]
            line = (f"{TITLES[name]}, {attribute!r} {verb}", f"{strength:+g}", f"{100 * before:.1f} %", *cells)
            print(f"{line[0]}: by {line[1]}, {line[3]} of {count} flip; in a random direction {line[4]}")
            rows.append([Cell(text) for text in line])
    columns = ["", "times the vector", "unchanged as it should be", "flipped", "flipped by a random direction"]
    return Table(caption, columns, rows), strengths


def faces(argv: list[str]) -> list[page.Chapter]:
    """Trains both, prints how they compare, writes the report and returns it. Raises Refused, see `commands`."""
    flags, _ = alone("faces", Flags, argv, data_dir=os.environ.get("JAXGEN_DATA", ""), network="vgg19")
    prepare(1, flags.compilation_cache)
    judge, (images, lines) = judge_of(flags), commands(flags)
    chapters, loaded = trained(flags, lines)
    number = images.classes.index(flags.attribute) if flags.attribute else -1
    train, valid, test = (concept_moves.attributed(each, number) for each in (images.train, images.valid, images.test))
    models = {name: concept_moves.model(technique, state, train) for name, (technique, state) in loaded.items()}
    tables, some = [compared(models, judge, images, test)], concept_moves.spaced(test.image)
    figures = [concept_moves.beside_each_other(images, some, [(TITLES[name], model) for name, model in models.items()])]
    if flags.attribute:
        probe = concept_moves.fitted_probe(train, valid)
        table, strengths = moves(models, probe, valid, test, flags.attribute)
        named = [(name, model, strengths[name]) for name, model in models.items()]
        figures += concept_moves.before_and_after("moved", images, concept_moves.spaced(test.image[~test.has]), named)
        tables.append(table)
    directory = Path(os.path.expanduser(flags.workdir))
    pictures, _, missing = shown(directory / "figures", figures)
    first = page.Chapter(images.name, TEXT, pictures=pictures, tables=tables, missing=missing)
    report = [first, *chapters.values()]
    page.write(directory / "report.html", "Two autoencoders", report, overview=False)
    print(f"report: {directory / 'report.html'}")
    return report


if __name__ == "__main__":
    sys.exit(cli.script("experiments.faces", __doc__ or "", Flags, faces))
