"""What in an image speaks for a class or a channel: Grad-CAM, integrated gradients, occlusion, activations.

python -m experiments.attribution                                 an embedded numeral, a small classifier of our own
python -m experiments.attribution --network=runs/classify --image=digits/12 --target=7         of a run of yours
python -m experiments.attribution --network=squeezenet --image=photo.jpg          the channel that is excited most
python -m experiments.attribution --network=inception_v3 --image=photo.jpg --target=mixed5/13
python -m experiments.attribution --network=vgg16 --image=photo.jpg --target=207 --layer=block5_conv3
python -m experiments.attribution --pairs=100                     whether maps find a digit beside another one

Weights of VGG, InceptionV3 and SqueezeNet are files: see --weights. What it looks like, and what was measured:
experiments/results/attribution.md.
"""

import dataclasses
import functools
import os
import sys
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from experiments import classify, halves
from jaxgen.core.config import knob
from jaxgen.core.types import Refused
from jaxgen.data.images import sets
from jaxgen.data.images.photograph import EMBEDDED, fitted, from_test_split, photograph
from jaxgen.figures import attributions
from jaxgen.figures.attributions import Attributions
from jaxgen.nets.pretrained.terms import names, objective
from jaxgen.report import page
from jaxgen.report.items import Cell, Table
from jaxgen.run import cli
from jaxgen.run.fixed_networks import WeightFlags
from jaxgen.run.machine import prepare
from jaxgen.run.parsing import alone
from jaxgen.run.results import shown
from jaxgen.run.targets import Probe, activations_of, named, probe_of, score_of, size_of, words
from jaxgen.techniques.imagery.attribution import attribute

BASELINES = {"black": 0.0, "grey": 0.5, "white": 1.0}
ROWS = 224  # of a photograph where --height is silent
SQUARES = 14  # a square image is covered so often, down and across
PROBABLE = 5  # classes
SETS = {"28x28x1": "glyphs", "8x8x1": "digits"}  # embedded ones, by what a classifier of ours reads
TEXT = (
    "Grad-CAM weighs a layer's features by their mean slopes, integrated gradients divide the score among pixels, and "
    "occlusion covers parts of the image: three ways to ask what the score is made of. They need not agree."
)


@dataclasses.dataclass(frozen=True)
class Flags(WeightFlags):
    """Of which image, and of what in which network."""

    workdir: str = knob("runs/attribution", "for figures and report.html")
    image: str = knob(
        "",
        f"a file that Pillow reads, in the working folder or in --data_dir; {', '.join(EMBEDDED)}; or SET/NUMBER, a "
        "test image of a named set, as digits/12",
    )
    height: int = knob(0, "rows that the image is resized to; 0: 224 if it has more", lower=0, upper=2**14)
    data_dir: str = knob("", "where local files live; JAXGEN_DATA where not given")
    target: str = knob(
        "",
        "a class, or terms such as fire8/12, a channel, or mixed5, a layer; empty: the most probable class, or of a "
        "network without its classifier the channel that is excited most",
    )
    layer: str = knob("", "where Grad-CAM looks; empty: the deepest one with positions that leads to the score")
    baseline: Literal["auto", "black", "grey", "white"] = knob(
        "auto", "what stands for nothing in integrated gradients and occlusion; auto: grey, or black without colours"
    )
    points: int = knob(64, "of integrated gradients", lower=1, upper=10**6)
    pairs: int = knob(
        0, "instead of an image: so many pairs of digits, of each of which a map is to find", lower=0, upper=10**5
    )
    split: Literal["test", "valid"] = knob("test", "of the digits of --pairs")


UNUSED = ("image", "height", "weights", "download", "target", "baseline", "points")  # flags that --pairs does not use


def picture(flags: Flags, probe: Probe) -> tuple[np.ndarray, str]:
    """The image [H, W, 3] uint8 in the size that the network reads, and what it is.

    Raises Refused, see `photograph` and `sets.load`, and where it cannot have that size.
    """
    size, (kind, shape, *_) = size_of(probe), probe.fixed.description
    path = flags.image or ("china" if kind != "cnn" or shape not in SETS else SETS[shape])
    name, _, number = path.partition("/")
    if name in sets.NAMES and (number.isdecimal() or not flags.image):
        images = sets.load(name, flags.data_dir)
        known = (n for n, label in enumerate(images.test.label) if images.classes[label] in probe.fixed.labels)
        chosen = int(number) if number else next(known, 0)
        image = from_test_split(images, chosen)
        title = f"test image {chosen} of {name}, of class {images.classes[images.test.label[chosen]]}"
    else:
        image, title = photograph(path, flags.data_dir), os.path.basename(path)
    if size and flags.height:
        read = f"{size[0]} x {size[1]} pixels"
        raise Refused(f"--height={flags.height}: {probe.fixed.network.name} reads images of {read} only")
    height = flags.height or min(len(image), ROWS)
    size = size or (height, max(1, round(height * image.shape[1] / len(image))))
    return image if image.shape[:2] == size else fitted(image, *size), title


def attributed(flags: Flags) -> tuple[Attributions, Probe, np.ndarray]:
    """What speaks for the target in the image; the network; and its logits [C], none where no class is asked for.

    Raises Refused for flags that cannot be used.
    """
    probe = probe_of(flags, flags.target, flags.layer, classify.EXPERIMENT)
    image, title = picture(flags, probe)
    print(f"network: {probe.fixed.origin}\nimage: {title}, {image.shape[0]} x {image.shape[1]} pixels", flush=True)
    grey = probe.fixed.description[0] == "cnn" and probe.fixed.description[1].endswith("x1")
    baseline = flags.baseline if flags.baseline != "auto" else "black" if grey else "grey"
    pixels, fill = image.astype(np.float32) / 255, BASELINES[baseline]
    activations, nothing = (activations_of(probe, each) for each in (pixels, np.full_like(pixels, fill)))
    score = score_of(probe, flags.target, activations, nothing)
    stride = max(1, round(float(np.prod(image.shape[:2])) ** 0.5 / SQUARES))

    def compute(variables, image):
        apply = functools.partial(probe.fixed.network.apply, variables)
        rest = (fill, flags.points, 2 * stride, stride)
        return attribute(apply, names(score), objective(score), probe.below, image, *rest)

    each = jax.tree.map(np.asarray, jax.jit(compute)(probe.fixed.variables, jnp.asarray(pixels)))
    layers = {name: activations[name][0] for name in probe.shown}
    one = Attributions(image, title, words(probe, score), probe.below, each, baseline, 2 * stride, layers)
    return one, probe, activations[probe.layers[0]][0] if probe.classes else np.zeros(0)


def tables(one: Attributions, probe: Probe, logits: np.ndarray, points: int) -> list[Table]:
    """The most probable classes, and whether integrated gradients are complete; prints both."""
    made = []
    if logits.size:
        probability = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        first = [(named(probe.fixed, n), f"{probability[n]:.4f}") for n in np.argsort(-probability)[:PROBABLE]]
        print(f"classes: {', '.join(map(' '.join, first))}")
        rows = [[Cell(name), Cell(value)] for name, value in first]
        made.append(Table("The most probable classes", ["class", "probability"], rows))
    total, difference, gap = one.completeness
    print(
        f"target: {one.target}\nintegrated gradients: sum {total:.5g}, difference of the scores {difference:.5g}, "
        f"relative gap {gap:.2g}, {points} points"
    )
    columns = ["score of the image", f"of {one.baseline}", "difference", "sum of integrated gradients", "relative gap"]
    values = (*(f"{value:.5g}" for value in (*one.maps.scores, difference, total)), f"{gap:.2g}")
    made.append(
        Table(f"Completeness of {points} points", ["", *columns], [[Cell(each) for each in (one.target, *values)]])
    )
    return made


def attribution(argv: list[str]) -> list[page.Chapter]:
    """Looks into one image, or at many pairs; prints what it finds, writes the report, returns it."""
    flags, typed = alone("attribution", Flags, argv, data_dir=os.environ.get("JAXGEN_DATA", ""))
    prepare(1, flags.compilation_cache)
    if flags.pairs:
        if unused := [name for name in UNUSED if name in typed]:
            raise Refused(f"--{unused[0]} is not for --pairs, whose images are digits")
        figures, made, title, text = halves.located(flags)
    else:
        one, probe, logits = attributed(flags)
        made, figures = tables(one, probe, logits, flags.points), attributions.show(one)
        title, text = f"What speaks for {one.target}", f"{TEXT}\n\nThe network is {probe.fixed.origin}."
    directory = Path(os.path.expanduser(flags.workdir))
    pictures, _, missing = shown(directory / "figures", figures)
    notes = {word: meaning for table in made for word, meaning in table.notes.items()}
    chapter = page.Chapter(title, text, pictures=pictures, tables=made, notes=notes, missing=missing)
    page.write(directory / "report.html", "Attribution", [chapter])
    print(f"report: {directory / 'report.html'}")
    return [chapter]


if __name__ == "__main__":
    sys.exit(cli.script("experiments.attribution", __doc__ or "", Flags, attribution))
