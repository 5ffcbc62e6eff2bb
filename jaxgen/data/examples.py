"""What a set of labelled images is, whatever it was read from.

N          images in a split
H, W, C    height, width, channels of one image; D = H * W * C
"""

import hashlib
from typing import NamedTuple

import numpy as np

from jaxgen.core.types import Refused


class Examples(NamedTuple):
    """A split. Images are flat: their gather is faster than from [N, H, W, C]."""

    image: np.ndarray  # [N, D] uint8 in 0..255, or float32 in 0..1
    label: np.ndarray  # [N] int32 class numbers; zeros where the set has none


class Dataset(NamedTuple):
    """A named set of images with its three splits, the same ones in every run."""

    name: str
    shape: tuple[int, int, int]  # H, W, C
    classes: tuple[str, ...]  # the name of each class number; () where the set has no labels
    train: Examples
    valid: Examples
    test: Examples
    sha256: str  # of every array of every split, in order: results are comparable only where it agrees


def dataset(
    name: str,
    shape: tuple[int, int, int],
    classes: tuple[str, ...],
    train: Examples,
    valid: Examples,
    test: Examples,
) -> Dataset:
    """A Dataset with its hash: over `shape`, then each array's type, shape and bytes."""
    digest = hashlib.sha256(repr(tuple(shape)).encode())
    for array in (*train, *valid, *test):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return Dataset(name, shape, classes, train, valid, test, digest.hexdigest())


def split(
    image: np.ndarray,
    label: np.ndarray,
    seed: int = 0,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
) -> tuple[Examples, Examples, Examples]:
    """Train, valid and test: disjoint, together everything, in an order drawn by `seed`.

    `seed` belongs to the set and not to the run, so that all runs are measured on the same images.

    Args:
        image: [N, D].
        label: [N].
        seed: of numpy's PCG64.
        fractions: of train, valid and test; they add up to 1. A split of fraction 0 is empty, any other
            has at least one image.

    Raises:
        Refused: fractions that do not add up to 1, unequal numbers of images and labels, or fewer images than
            splits that need one.
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise Refused(f"fractions of train, valid and test add up to 1; found {fractions}")
    if len(image) != len(label):
        raise Refused(f"every image needs one label; found {len(image)} images and {len(label)} labels")
    some_train, some_valid, some_test = (fraction > 0 for fraction in fractions)
    wanted = some_train + some_valid + some_test
    if len(image) < wanted:
        raise Refused(f"a set cut in {wanted} splits needs at least {wanted} images; found {len(image)}")
    # Rounded ends of train and of valid, moved where a small set would leave a split empty.
    end = min(round((fractions[0] + fractions[1]) * len(image)), len(image) - some_test)
    first = max(min(round(fractions[0] * len(image)), end - some_valid), int(some_train))
    end = max(end, first + some_valid)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(image))
    train, valid, test = (Examples(image[part], label[part]) for part in (order[:first], order[first:end], order[end:]))
    return train, valid, test
