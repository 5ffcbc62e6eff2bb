"""How well corrupted images are restored, in dB, beside a median filter and principal components.

N    images
D    values of an image
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import State, Technique
from jaxgen.data import rows
from jaxgen.data.examples import Dataset
from jaxgen.figures.codes import components_of
from jaxgen.figures.latents import below_each, grid, inferred
from jaxgen.ops import corruption
from jaxgen.ops.imaging import to_unit
from jaxgen.ops.median import median_filter
from jaxgen.ops.principal import project, restore
from jaxgen.ops.reconstruction import psnr
from jaxgen.report.items import Figure
from jaxgen.report.pictures import still

MEASURED, SHOWN = 2000, 20  # images of a split
COMPONENTS = (2, 4, 8, 16, 32, 64, 128, 256)  # of which the validation split chooses
CORRUPTIONS: dict[str, Callable[[jax.Array, jax.Array, float], jax.Array]] = {
    "masking": corruption.masking,
    "salt_and_pepper": corruption.salt_and_pepper,
    "gaussian": corruption.gaussian,
}
DEFINITION = "10 log10(1 / mean squared error) of pixels in [0, 1], what is restored clipped, mean over images"


class Corrupted(NamedTuple):
    """Images and what is seen of them."""

    clean: np.ndarray  # [N, D] in [0, 1]
    seen: np.ndarray  # [N, D]; noise may leave [0, 1]


def corrupted(split, name: str, level: float, seed: int) -> Corrupted:
    """The first MEASURED images of a split, corrupted by one of CORRUPTIONS with draws of the seed."""
    clean = to_unit(jnp.asarray(rows.read(split.image, slice(0, MEASURED))))
    seen = CORRUPTIONS[name](jax.random.key(seed), clean, level)
    return Corrupted(np.asarray(clean), np.asarray(seen))


def quality(restored: np.ndarray, clean: np.ndarray) -> float:
    """The number of DEFINITION; images that are restored exactly do not count."""
    ratios = np.asarray(psnr(jnp.clip(jnp.asarray(restored), 0.0, 1.0), jnp.asarray(clean)))
    return float(ratios[np.isfinite(ratios)].mean())


def filtered(seen: np.ndarray, shape: tuple[int, int, int], side: int) -> np.ndarray:
    """Images [N, D] after a median filter."""
    return np.asarray(median_filter(jnp.asarray(seen).reshape(-1, *shape), side)).reshape(seen.shape)


def by_components(images: Dataset, valid: Corrupted, test: Corrupted) -> tuple[np.ndarray, int]:
    """What is seen of test images, projected on principal components of clean training images, and how many.

    Their number is that of COMPONENTS which restores the validation split best.
    """
    x = np.asarray(to_unit(jnp.asarray(rows.read(images.train.image, slice(0, 10_000)))))
    most = min(x.shape[1], len(x) - 1, max(COMPONENTS))
    whole = components_of(jax.random.key(0), x, most)
    first = lambda count: whole._replace(components=whole.components[:count])
    by = lambda count, seen: np.asarray(restore(first(count), project(first(count), jnp.asarray(seen))))
    counts = [count for count in COMPONENTS if count <= most]
    best = max(counts, key=lambda count: quality(by(count, valid.seen), valid.clean))
    return by(best, test.seen), best


def baselines(images: Dataset, valid: Corrupted, test: Corrupted) -> dict[str, np.ndarray]:
    """What restores test images without a network; the first is what is seen itself."""
    return {
        "corrupted": test.seen,
        "median, 3 x 3": filtered(test.seen, images.shape, 3),
        "median, 5 x 5": filtered(test.seen, images.shape, 5),
        "PCA": by_components(images, valid, test)[0],
    }


def by_network(technique: Technique, state: State, test: Corrupted) -> np.ndarray:
    """What an autoencoder makes of what is seen of test images [N, D]."""
    return inferred(technique, state, "reconstruct", test.seen)


def show(name: str, caption: str, images: Dataset, test: Corrupted, *restored: np.ndarray) -> Figure:
    """Test images, what is seen of them, and each way of restoring them, below each other."""
    shown = [np.clip(each[:SHOWN], 0.0, 1.0) for each in (*test, *restored)]
    return still(name, caption, grid(below_each(SHOWN, *shown), images.shape, len(shown[0])))
