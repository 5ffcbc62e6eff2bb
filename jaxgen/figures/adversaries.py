"""Pictures of a game's generator and critic, and what is measured of 10,000 samples with a judge.

N    images or samples
D    values of an image
F    features of the judge
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import Stage, State, Technique
from jaxgen.data import rows
from jaxgen.figures import fidelity
from jaxgen.figures.latents import SCALE, animation, below_each, grid, vmapped
from jaxgen.ops.imaging import to_unit
from jaxgen.ops.neighbours import nearest
from jaxgen.report.canvas import drawing
from jaxgen.report.items import Figure, Lines, Still, Table
from jaxgen.report.pictures import still
from jaxgen.report.plots import Panel, lines
from jaxgen.run.experiment import Result, Setting
from jaxgen.run.judges import Judge

SIDE = 8  # of the grid of samples
BLOCK = 500  # samples that are drawn at a time
LOOKED_AT = 256  # samples and images of each look
ALIKE = 0.4  # share of the images' mean distance below which samples are called alike
APART = 0.999  # share of pairs above which all are called told apart
NEAREST = jax.jit(nearest)


def conditional(technique: Technique) -> bool:
    """Whether samples are of a class that is asked for."""
    return bool(jax.tree.leaves(jax.eval_shape(technique.inputs, jax.random.key(0))["sample"]))


def drawn(technique: Technique, state: State, label: np.ndarray, seed: int = 0) -> np.ndarray:
    """A sample [N, D] for each label [N], which is of no importance without conditions; the same draws each time."""
    key, sample, blocks = jax.random.key(seed), vmapped(technique, "sample"), []
    for n in range(0, len(label), BLOCK):
        block = np.resize(label[n : n + BLOCK], min(BLOCK, len(label)))  # of one size: one compilation
        blocks.append(np.asarray(sample(state, jax.random.fold_in(key, n), jnp.asarray(block)))[: len(label) - n])
    return np.concatenate(blocks)


def shown_labels(classes: int, count: int = SIDE * SIDE) -> np.ndarray:
    """Labels of the samples of a grid, class after class."""
    return (np.arange(count) * max(classes, 1) // count).astype(np.int32)


def mean_distance(x: np.ndarray) -> float:
    """The mean Euclidean distance of two different rows of x [N, D]; 0 of a single one."""
    x = x.astype(np.float64) - x.mean(0)
    squares = (x**2).sum(1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * x @ x.T, 0.0))
    return float(distance.sum() / (len(x) * max(len(x) - 1, 1)))


def roc_auc(real: np.ndarray, fake: np.ndarray) -> float:
    """How often a real example has the higher score of a pair [N], [M], ties as half: the area under the ROC curve."""
    fake = np.sort(fake)
    below, up_to = (np.searchsorted(fake, real, side) for side in ("left", "right"))
    return float((below + up_to).mean() / (2 * len(fake)))


def scores(technique: Technique, state: State, x: np.ndarray, label: np.ndarray) -> np.ndarray:
    """The critic's logits [N] of images [N, D], in groups as large as in training; the first fill up the last group."""
    size = len(jax.tree.leaves(jax.eval_shape(technique.inputs, jax.random.key(0))["score_group"])[0])
    chosen = np.resize(np.arange(len(x)), (-(-len(x) // size), size))
    groups = (jnp.asarray(x[chosen]), jnp.asarray(label[chosen])) if conditional(technique) else jnp.asarray(x[chosen])
    return np.asarray(vmapped(technique, "score_group")(state, jax.random.key(0), groups)).reshape(-1)[: len(x)]


def look(setting: Setting, stages: Sequence[Stage]) -> Callable[[int, int, State], Iterator[Still | Lines]]:
    """What a run keeps while it trains: samples of the same codes, how different they are, how well they are told.

    Says where samples are alike, or all are told from images: signs that the generator no longer learns.
    """
    images = setting.data.examples
    real = unit(rows.read(images.valid.image, slice(0, LOOKED_AT)))
    label, expected = images.valid.label[:LOOKED_AT], mean_distance(real)

    def at(stage, step, state):
        technique = stages[stage].technique
        shown = drawn(technique, state, shown_labels(len(images.classes)))
        yield Still("step", grid(shown, images.shape, SIDE), SCALE)
        fake = drawn(technique, state, label, seed=1)
        diversity = mean_distance(fake) / expected if expected else 1.0
        auc = roc_auc(scores(technique, state, real, label), scores(technique, state, fake, label))
        row = {"diversity": round(diversity, 4), "roc_auc": round(auc, 4)}
        yield Lines("looks", [row], warning(step, diversity, auc))

    return at


def warning(step: int, diversity: float, auc: float) -> str:
    """What a look says in words: "" where nothing is wrong."""
    if diversity < ALIKE:
        return f"warning: samples are alike after {step:,} updates: {diversity:.2f} of the distance between images"
    return f"warning: the critic tells all samples from images after {step:,} updates" if auc > APART else ""


def unit(image: Any) -> np.ndarray:
    """Images [N, D] in [0, 1]."""
    return np.asarray(to_unit(jnp.asarray(image)))


def neighbours(samples: np.ndarray, image: Any, block: int = 5000) -> np.ndarray:
    """The nearest of the images [N, D] to each sample [M, D], by their pixels: [M, D] in [0, 1]."""
    best, chosen = np.full(len(samples), np.inf), np.zeros_like(samples)
    for first in range(0, rows.count(image), block):
        candidates = unit(rows.read(image, slice(first, first + block)))
        index, distance = (np.asarray(each) for each in NEAREST(samples, candidates))
        closer = distance < best
        best, chosen[closer] = np.where(closer, distance, best), candidates[index[closer]]
    return chosen


def histogram(values: dict[str, np.ndarray], bins: int = 40) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name -> middles of bins and densities there, over the range of all."""
    every = np.concatenate(list(values.values()))
    edges = np.linspace(np.min(every), np.max(every) + 1e-6, bins + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    return {name: (middles, np.histogram(each, edges, density=True)[0]) for name, each in values.items()}


def of_scores(technique: Technique, state: State, images: Any) -> Iterator[Figure]:
    """Histograms of the critic's logits of training images, of test images and of samples."""
    count = min(1000, rows.count(images.train.image), rows.count(images.test.image))
    train_key, test_key = jax.random.split(jax.random.key(0))

    def of(split, key):
        chosen = fidelity.some(split.image, key, count)
        label = split.label[chosen]
        return label, scores(technique, state, unit(rows.read(split.image, chosen)), label)

    (_, train), (label, test) = of(images.train, train_key), of(images.test, test_key)
    values = {"training images": train, "test images": test}
    values["samples"] = scores(technique, state, drawn(technique, state, label, seed=4), label)
    panel = Panel("", "logit of the critic", "density", histogram(values))
    caption = (
        f"Scores of {count:,} each; test images that score below training images mean that it knows those by heart"
    )
    yield drawing("scores", caption, lines, [panel], colours="category")


def of_looks(result: Result) -> Iterator[Figure]:
    """How different samples were and how well they were told from images, as training went on."""
    looks = {step: each[-1] for step, each in sorted(result.history("looks").items())}
    if len(looks) < 2:
        return
    steps = np.array(list(looks))
    line = lambda name: {"": (steps, np.array([each[name] for each in looks.values()]))}
    panels = [
        Panel("Distance between samples / between images", "updates", "", line("diversity")),
        Panel("Pairs of image and sample told apart", "updates", "", line("roc_auc")),
    ]
    yield drawing("looks", "Samples beside validation images", lines, panels, colours="category")


def show(setting: Setting, result: Result, judge: Judge | None = None) -> Iterator[Figure | Table]:
    """Samples, what a judge says of them, walks, nearest training images, scores, and how training went."""
    technique, state, images = result.stage.technique, result.state, setting.data.examples
    shape, classes = images.shape, len(images.classes)
    samples = drawn(technique, state, shown_labels(classes))
    yield still("samples", f"{len(samples)} samples as they were drawn", grid(samples, shape, SIDE))
    if judge is not None:
        draw = lambda label: drawn(technique, state, label, seed=5)
        yield from fidelity.table(judge, images, draw, conditional(technique))
    codes = jax.random.normal(jax.random.key(2), (6, 2, setting.config.latent), jnp.float32)
    ends = (codes, jnp.asarray(shown_labels(classes, 6))) if conditional(technique) else codes
    paths = np.asarray(vmapped(technique, "interpolate")(state, jax.random.key(0), ends))
    walks = grid(paths.reshape(-1, samples.shape[1]), shape, paths.shape[1])
    yield still("interpolations", "From one code to another along the great arc", walks)
    some = samples[:: len(samples) // 16][:16]
    beside = grid(below_each(SIDE, some, neighbours(some, images.train.image)), shape, SIDE)
    yield still("neighbours", "Samples and, below each, the nearest training image by its pixels", beside)
    yield from of_scores(technique, state, images)
    yield from of_looks(result)
    yield from animation(result.history("step"), grid(samples, shape, SIDE))
