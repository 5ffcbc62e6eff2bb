"""What a judge's features say of samples: their distance from test images, their fidelity, and their diversity.

N    samples, and as many test images
F    features of the judge
C    classes
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.data import rows
from jaxgen.data.examples import Dataset
from jaxgen.ops import frechet
from jaxgen.ops.imaging import to_unit
from jaxgen.ops.kernel_distance import kernel_distance
from jaxgen.ops.neighbours import fidelity_and_diversity
from jaxgen.report.items import Cell, Table
from jaxgen.run.judged_reader import LEAST
from jaxgen.run.judges import Judge, known_as
from jaxgen.techniques.adversarial.judging import CONFIDENT, Spec, judge_net, judged_features

MOST = 10_000  # samples that are judged
BLOCK = 500
FITTED = "training images, which the judge was fitted to"

SHARES = jax.jit(fidelity_and_diversity)
NOTES = {
    "classifier-FID": "Frechet distance between the judge's features of as many samples as images, in float64",
    "KID": "unbiased squared maximum mean discrepancy of features, mean over 50 subsets of at most 1,000, times 1,000",
    "precision": "share of samples within the distance of an image to its 5th neighbour among images, of some image",
    "recall": "share of images within the distance of a sample to its 5th neighbour among samples, of some sample",
    "density": "how many images have a sample within that distance, on average, divided by 5",
    "coverage": "share of images that have a sample within that distance",
    "sure": f"share of whose class the judge is sure by more than {CONFIDENT}",
    "rarest class": "share of the class that the judge sees least often",
    "as asked": "share that the judge takes for the class that was asked for",
}


class Judged(NamedTuple):
    """Images as a judge sees them."""

    features: np.ndarray  # [N, F]
    probability: np.ndarray  # [N, C]


@functools.cache
def seeing(spec: Spec, shape: tuple[int, int, int], classes: int) -> Callable:
    """A judge's network, compiled once: variables, x [BLOCK, D] in [0, 1] -> features [BLOCK, F], probabilities."""
    net = judge_net(spec, shape, classes)
    return jax.jit(lambda variables, x: judged_features(net, variables, x))


def through(see: Callable, variables: Any, image: np.ndarray) -> Judged:
    """Images [N, D], uint8 or in [0, 1], block by block through the network that `seeing` returns."""
    parts = []
    for n in range(0, len(image), BLOCK):
        block = image[n : n + BLOCK]
        filled = np.resize(block, (BLOCK, image.shape[1])) if len(block) < BLOCK else block
        parts.append([np.asarray(each)[: len(block)] for each in see(variables, to_unit(jnp.asarray(filled)))])
    return Judged(*(np.concatenate(part) for part in zip(*parts)))


def some(image: Any, key: jax.Array, count: int) -> np.ndarray:
    """The numbers [count] of images that the key draws, without replacement and in any order."""
    return np.asarray(jax.random.permutation(key, rows.count(image)))[:count]


def table(
    judge: Judge, images: Dataset, draw: Callable[[np.ndarray], np.ndarray], conditional: bool = False
) -> Iterator[Table]:
    """Samples against N test images, and below them as many other images: the floor. No table of fewer than LEAST.

    Images are drawn by key, since parts of a test split are not alike. The floor is of validation images, or, where
    those are too few, of training images, which the judge was fitted to.

    Args:
        judge: of the images.
        images: their splits.
        draw: labels [N] of those test images -> a sample [N, D] for each.
        conditional: whether the samples are of these classes.
    """
    size = {name: rows.count(getattr(images, name).image) for name in ("train", "valid", "test")}
    count = min(MOST, size["train"], size["test"])
    if count < LEAST:
        return
    floor, note = (images.valid, "validation images") if size["valid"] >= count else (images.train, FITTED)
    test_key, floor_key, subset_key = jax.random.split(jax.random.key(3), 3)
    chosen, others = some(images.test.image, test_key, count), some(floor.image, floor_key, count)
    see, label = seeing(judge.spec, images.shape, max(len(images.classes), 1)), images.test.label[chosen]
    seen = lambda image: through(see, judge.variables, image)
    real, fake = seen(rows.read(images.test.image, chosen)), seen(draw(label))
    values = {"samples": compare(real, fake, subset_key)}
    if conditional:
        values["samples"]["as asked"] = float((fake.probability.argmax(1) == label).mean())
    values[note.split(",")[0]] = compare(real, seen(rows.read(floor.image, others)), subset_key)
    columns = list(values["samples"])
    cells = [
        [Cell(name), *(Cell(f"{row[each]:.4g}" if each in row else "–") for each in columns)]
        for name, row in values.items()
    ]
    caption = f"{count:,} samples and {count:,} {note}, against as many test images; judge: {known_as(judge)}"
    yield Table(caption, ["", *columns], cells, notes={name: NOTES[name] for name in columns})


def compare(real: Judged, other: Judged, key: jax.Array) -> dict[str, float]:
    """The metrics of NOTES for equally many real images and others."""
    count = len(real.features)
    moments = [frechet.batch_moments(each.features.astype(np.float64), np.ones(count, bool)) for each in (real, other)]
    shares = SHARES(jnp.asarray(real.features), jnp.asarray(other.features))
    taken_for = np.bincount(other.probability.argmax(1), minlength=other.probability.shape[1])
    return {
        "classifier-FID": float(frechet.distance_of(*moments)),
        "KID": 1000.0 * kernel_distance(real.features, other.features, key).value,
        **{name: float(shares[name]) for name in ("precision", "recall", "density", "coverage")},
        "sure": float((other.probability.max(1) > CONFIDENT).mean()),
        "rarest class": float(taken_for.min() / count),
    }
