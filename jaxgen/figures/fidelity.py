"""What a judge's features say of samples: their distance from test images, their fidelity, and their diversity.

N    samples, and as many test images
F    features of the judge
C    classes
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.data import rows
from jaxgen.nets.convolutional import CNN
from jaxgen.ops import frechet
from jaxgen.ops.imaging import to_unit
from jaxgen.ops.kernel_distance import kernel_distance
from jaxgen.ops.neighbours import fidelity_and_diversity
from jaxgen.report.items import Cell, Table
from jaxgen.run.experiment import Setting
from jaxgen.techniques.adversarial.judging import CONFIDENT, judge_net, judged_features

MOST = 10_000  # samples that are judged
BLOCK = 500

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


def see(setting: Setting, image: np.ndarray) -> Judged:
    """Images [N, D], uint8 or in [0, 1], through the setting's judge."""
    config = setting.config
    net = judge_net(config.judge_spec, config.shape, max(len(config.labels), 1))
    return through(net, setting.data.train.shared["judge"], image)


def through(net: CNN, variables: Any, image: np.ndarray) -> Judged:
    """Images [N, D], uint8 or in [0, 1], through a judge, block by block."""
    parts = []
    apply = jax.jit(lambda variables, x: judged_features(net, variables, x))
    for n in range(0, len(image), BLOCK):
        block = image[n : n + BLOCK]
        filled = np.resize(block, (BLOCK, image.shape[1])) if len(block) < BLOCK else block
        parts.append([np.asarray(each)[: len(block)] for each in apply(variables, to_unit(jnp.asarray(filled)))])
    return Judged(*(np.concatenate(part) for part in zip(*parts)))


def table(setting: Setting, samples: np.ndarray, label: np.ndarray) -> Table:
    """Samples [N, D], and as many training images drawn by key, against N test images: the second row is the floor.

    `label` [N] are the classes that were asked for; they count where networks are conditional.
    """
    images, key, count = setting.data.examples, jax.random.key(3), len(samples)
    test_key, train_key, subset_key = jax.random.split(key, 3)

    def some(split, key):
        chosen = np.sort(np.asarray(jax.random.permutation(key, rows.count(split.image)))[:count])
        return rows.read(split.image, chosen)

    real = see(setting, some(images.test, test_key))
    cells, columns = [], [""]
    for name, image in (("samples", samples), ("training images", some(images.train, train_key))):
        judged = see(setting, image)
        values = compare(real, judged, subset_key)
        if name == "samples" and getattr(setting.config, "conditional", False):
            values["as asked"] = float((judged.probability.argmax(1) == label).mean())
        columns += [each for each in values if each not in columns]
        cells.append([Cell(name), *(Cell(f"{values[each]:.4g}" if each in values else "–") for each in columns[1:])])
    caption = f"{count:,} samples and {count:,} training images against {len(real.features):,} test images"
    return Table(caption, columns, cells, notes={name: NOTES[name] for name in columns[1:]})


def compare(real: Judged, other: Judged, key: jax.Array) -> dict[str, float]:
    """The metrics of NOTES for equally many real images and others."""
    count = len(real.features)
    moments = [frechet.batch_moments(each.features.astype(np.float64), np.ones(count, bool)) for each in (real, other)]
    shares = jax.jit(fidelity_and_diversity)(jnp.asarray(real.features), jnp.asarray(other.features))
    taken_for = np.bincount(other.probability.argmax(1), minlength=other.probability.shape[1])
    return {
        "classifier-FID": float(frechet.distance_of(*moments)),
        "KID": 1000.0 * kernel_distance(real.features, other.features, key).value,
        **{name: float(shares[name]) for name in ("precision", "recall", "density", "coverage")},
        "sure": float((other.probability.max(1) > CONFIDENT).mean()),
        "rarest class": float(taken_for.min() / count),
    }
