"""Attributes moved along a concept vector: how often a probe sees them change, and what that looks like.

N    images
D    values of an image
Z    dimensions of a code
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import State, Technique
from jaxgen.data import rows
from jaxgen.data.examples import Dataset, Examples
from jaxgen.figures.latents import below_each, codes_of, grid, vmapped
from jaxgen.ops.concepts import Probe, concept_vector, ridge_probe, scores
from jaxgen.ops.imaging import to_unit
from jaxgen.report.items import Figure
from jaxgen.report.pictures import still

PENALTIES = tuple(10.0**n for n in range(-2, 5))  # of the probe, for pixels in [0, 1]
STRENGTHS = tuple(0.25 * n for n in range(17))  # lengths of the concept vector that codes are moved by
ENOUGH = 0.9  # share of the validation images that must flip at the strength that is chosen
SHOWN = 16


class Attributed(NamedTuple):
    """Images, and which of them have the attribute."""

    image: np.ndarray  # [N, D] in [0, 1]
    has: np.ndarray  # [N] bool


def attributed(examples: Examples, number: int) -> Attributed:
    """A split, whose attribute is to be of the class of that number."""
    image = rows.read(examples.image, np.arange(len(examples.label)))
    return Attributed(np.asarray(to_unit(jnp.asarray(image))), examples.label == number)


def fitted_probe(train: Attributed, valid: Attributed) -> Probe:
    """The ridge probe of pixels with the penalty of PENALTIES of which most validation images are right.

    Classes count equally; of penalties that are as good the largest one.
    """
    each = [ridge_probe(jnp.asarray(train.image), jnp.asarray(train.has), penalty) for penalty in PENALTIES]
    right = [balanced(says(probe, valid.image), valid.has) for probe in each]
    return each[max(range(len(each)), key=lambda n: (right[n], n))]


def says(probe: Probe, images: Any) -> np.ndarray:
    """Whether the probe sees the attribute in images [N, D]: [N] bool."""
    return np.asarray(scores(probe, jnp.asarray(images))) > 0


def balanced(seen: np.ndarray, has: np.ndarray) -> float:
    """The mean over both classes of the share that is right; seen and has are [N] bool."""
    return float(np.mean([(seen[has == each] == each).mean() for each in (True, False)]))


class Model(NamedTuple):
    """A trained autoencoder with the direction of an attribute."""

    technique: Technique
    state: State
    vector: np.ndarray  # [Z]


def model(technique: Technique, state: State, train: Attributed) -> Model:
    """The concept vector of the training images' codes; zeros where none of them has the attribute."""
    codes = codes_of(technique, state, train.image)
    if not train.has.any():
        return Model(technique, state, np.zeros(codes.shape[1], np.float32))
    return Model(technique, state, np.asarray(concept_vector(jnp.asarray(codes), jnp.asarray(train.has))))


def moved(model: Model, images: np.ndarray, strength: float, vector: np.ndarray | None = None) -> np.ndarray:
    """Images [N, D], encoded, moved by strength times the vector (the model's, where none is given), and decoded."""
    vector = model.vector if vector is None else vector
    codes = codes_of(model.technique, model.state, images) + np.float32(strength) * vector[None].astype(np.float32)
    return np.asarray(vmapped(model.technique, "decode")(model.state, jax.random.key(0), jnp.asarray(codes)))


def flips(model: Model, probe: Probe, images: np.ndarray, strength: float, vector: Any = None) -> np.ndarray:
    """Whether the probe calls a reconstruction one way and, moved by `strength`, the other: [N] bool.

    A positive strength must flip to having the attribute, a negative one to not having it.
    """
    gained = strength > 0
    before = says(probe, moved(model, images, 0.0))
    return (before != gained) & (says(probe, moved(model, images, strength, vector)) == gained)


def chosen_strength(model: Model, probe: Probe, valid: Attributed, sign: int = 1) -> float:
    """The smallest of STRENGTHS, times the sign, at which ENOUGH of the validation images flip that can; else the last.

    Those can whose reconstructions are called what they are, without the attribute for the sign 1, with it for -1.
    """
    images = valid.image[valid.has != (sign > 0)]
    able = says(probe, moved(model, images, 0.0)) != (sign > 0)
    for strength in STRENGTHS[1:]:
        if able.any() and flips(model, probe, images, sign * strength)[able].mean() >= ENOUGH:
            return sign * strength
    return sign * STRENGTHS[-1]


def random_vector(like: np.ndarray, seed: int = 0) -> np.ndarray:
    """A direction [Z] drawn at random, as long as another one: what moves codes as far and means nothing."""
    drawn = np.random.default_rng(seed).normal(size=like.shape)
    return (drawn * np.linalg.norm(like) / np.linalg.norm(drawn)).astype(np.float32)


def in_columns(images: Dataset, *sets: np.ndarray) -> np.ndarray:
    """Sets of N images, each [N, D], below each other in columns of at most SHOWN, as one image."""
    return grid(below_each(SHOWN, *sets), images.shape, min(SHOWN, len(sets[0])))


def before_and_after(
    name: str, images: Dataset, shown: np.ndarray, each: Sequence[tuple[str, Model, float]]
) -> Iterator[Figure]:
    """Yields images [N, D], and below each its reconstruction and what it is moved to, by every model.

    `each` has the model's name, the model, and a strength, of which half, the whole and one and a half are shown.
    """
    for title, one, strength in each:
        shares = (0.0, 0.5, 1.0, 1.5)
        rows_of = [moved(one, shown, strength * share) for share in shares]
        caption = (
            f"{title}: test images of other people than it was trained on; below each its reconstruction, and moved by "
            f"{', '.join(f'{strength * share:+.3g}' for share in shares[1:])} of the concept vector"
        )
        yield still(f"{name}-{title}", caption, in_columns(images, shown, *rows_of))


def beside_each_other(images: Dataset, shown: np.ndarray, each: Sequence[tuple[str, Model]]) -> Figure:
    """Test images [N, D] and, below each, its reconstruction by every model, from its posterior's mean."""
    rows_of = [moved(one, shown, 0.0) for _, one in each]
    caption = f"Test images and, below each, the reconstructions of {', then '.join(title for title, _ in each)}"
    return still("reconstructions", caption, in_columns(images, shown, *rows_of))


class Outcome(NamedTuple):
    """What becomes of test images that are moved along the vector, and of as many moved at random."""

    strength: float  # chosen on validation images
    images: int  # that can change
    before: float  # share whose reconstruction the probe calls what the image is
    flipped: float  # share, see `flips`
    at_random: float  # share in a random direction of the vector's length


def outcome(model: Model, probe: Probe, valid: Attributed, test: Attributed, sign: int) -> Outcome:
    """For the attribute to come (sign 1) or to go (-1)."""
    strength = chosen_strength(model, probe, valid, sign)
    some = test.image[test.has != (sign > 0)]
    before = (says(probe, moved(model, some, 0.0)) != (sign > 0)).mean()
    shares = [flips(model, probe, some, strength, v).mean() for v in (None, random_vector(model.vector))]
    return Outcome(strength, len(some), float(before), *map(float, shares))


def spaced(images: np.ndarray) -> np.ndarray:
    """As many of them as a figure shows, evenly spaced."""
    return images[:: -(-len(images) // SHOWN)]
