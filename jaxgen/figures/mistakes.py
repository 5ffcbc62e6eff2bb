"""Pictures of a classifier's errors on the test split: confusions, and the mistakes it is most confident of.

N    test images
D    values of an image
C    classes
"""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from jaxgen.core.types import State, Technique
from jaxgen.data import rows
from jaxgen.figures import signals
from jaxgen.figures.latents import BLOCK, MOST, vmapped
from jaxgen.report.canvas import drawing
from jaxgen.report.confusions import matrix
from jaxgen.report.galleries import gallery
from jaxgen.report.items import Figure
from jaxgen.run.experiment import Result, Setting

SHOWN = 40  # mistakes


def probabilities(technique: Technique, state: State, images: Any) -> np.ndarray:
    """Class probabilities [N, C] of images [N, D], which are read a block at a time."""
    predict = vmapped(technique, "predict")
    blocks = (rows.read(images, slice(n, n + BLOCK)) for n in range(0, rows.count(images), BLOCK))
    return np.concatenate([predict(state, jax.random.key(0), block) for block in blocks])


def surest(probability: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Indices of the misclassified images, the most confident mistake first.

    Args:
        probability: of each class, [N, C].
        label: true classes [N].
    """
    predicted = probability.argmax(1)
    wrong = np.flatnonzero(predicted != label)
    return wrong[np.argsort(-probability[wrong, predicted[wrong]], kind="stable")]


def show(setting: Setting, result: Result) -> Iterator[Figure]:
    """All pictures of a classifier: its confusions, its surest mistakes, then the signals in its layers."""
    yield from confused(setting, result)
    yield from signals.show(setting, result)


def confused(setting: Setting, result: Result) -> Iterator[Figure]:
    """The confusion matrix of the test split, and the surest mistakes among its first MOST images."""
    dataset = setting.data.examples
    names = dataset.classes
    counts = np.asarray(result.tally["confusion"])
    yield drawing("confusion", "Test images by their class and the class they are taken for", matrix, counts, names, "")
    images, label = rows.pick(dataset.test.image, slice(0, MOST)), dataset.test.label[:MOST]
    probability = probabilities(result.stage.technique, result.state, images)
    chosen = surest(probability, label)[:SHOWN]
    if not len(chosen):
        return
    pixels = rows.read(images, chosen).reshape(-1, *dataset.shape)
    captions = [
        f"{names[p.argmax()]}, {p.max():.0%}\nis {names[label[n]]}" for n, p in zip(chosen, probability[chosen])
    ]
    caption = f"The surest mistakes among {len(probability):,} test images: what is said, how surely, and what it is"
    yield drawing("mistakes", caption, gallery, pixels, captions, 10)
