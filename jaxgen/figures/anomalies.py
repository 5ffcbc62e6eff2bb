"""Images that an autoencoder has never seen the like of, told by what is lost of them.

N    images
D    values of an image
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import State, Technique
from jaxgen.data import rows
from jaxgen.data.examples import Dataset
from jaxgen.figures.codes import components_of
from jaxgen.figures.latents import MOST, inferred
from jaxgen.ops.imaging import to_unit
from jaxgen.ops.principal import project, restore
from jaxgen.ops.ranking import area_under_curve

DEFINITION = (
    "how probable an image of a class that was left out of training has a larger squared error of its reconstruction "
    "than one of the others: the area under the ROC curve, test images"
)


def _unit(images: Any, most: int | None = MOST) -> np.ndarray:
    return np.asarray(to_unit(jnp.asarray(rows.read(images, slice(0, most)))))


def of_autoencoder(technique: Technique, state: State, images: Dataset, others: Dataset) -> float:
    """The area under the curve of DEFINITION."""

    def errors(image):
        x = _unit(image)
        return np.square(inferred(technique, state, "reconstruct", x) - x).sum(1)

    return area_under_curve(errors(images.test.image), errors(others.test.image))


def of_components(images: Dataset, others: Dataset, count: int) -> float:
    """The same of reconstructions from `count` principal components of the training images."""
    principal = components_of(jax.random.key(0), _unit(images.train.image, None), count)
    errors = lambda x: np.square(np.asarray(restore(principal, project(principal, jnp.asarray(x)))) - x).sum(1)
    return area_under_curve(errors(_unit(images.test.image)), errors(_unit(others.test.image)))
