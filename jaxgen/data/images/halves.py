"""Digits side by side, one in each half of an image, for which a heat map of either can be right or wrong.

N       digits of a split
H, W    of a digit; an image is H x 2 W
"""

from typing import NamedTuple

import numpy as np

from jaxgen.data import rows
from jaxgen.data.examples import Dataset, Examples, dataset

COPIES = 8  # images of each digit in each half, of the training split


class Pairs(NamedTuple):
    """Two digits of different classes side by side."""

    image: np.ndarray  # [N, H, 2 W, 1] uint8
    label: np.ndarray  # [N, 2] int32: of the left and of the right half


def side_by_side(left: np.ndarray, right: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Flat digits [N, D] and [N, D] of `shape` (H, W, 1) as images [N, H, 2 W, 1]."""
    return np.concatenate([left.reshape(-1, *shape), right.reshape(-1, *shape)], 2)


def pairs(digits: Examples, shape: tuple[int, int, int], count: int, seed: int) -> Pairs:
    """`count` pairs of a split of digits: the left one drawn from all, the right one from those of other classes."""
    random = np.random.Generator(np.random.PCG64(seed))
    left = random.integers(0, len(digits.label), count)
    right = np.array([random.choice(np.flatnonzero(digits.label != digits.label[n])) for n in left], np.int64)
    image = side_by_side(rows.read(digits.image, left), rows.read(digits.image, right), shape)
    return Pairs(image, np.stack([digits.label[left], digits.label[right]], 1))


def examples(digits: Examples, shape: tuple[int, int, int], company: float, copies: int, seed: int) -> Examples:
    """Images of a split [2 copies N, H * 2 W]: each digit in either half, with or without company in the other one.

    The label is that of the one digit, so that of two digits either is right, as likely as the other.
    """
    random, pixels = np.random.Generator(np.random.PCG64(seed)), rows.read(digits.image, slice(None))
    images = []
    for copy in range(2 * copies):
        alone = random.random((len(pixels), 1)) >= company
        other = np.where(alone, 0, pixels[random.permutation(len(pixels))]).astype(pixels.dtype)
        images.append(side_by_side(*((pixels, other) if copy % 2 else (other, pixels)), shape))
    return Examples(np.concatenate(images).reshape(2 * copies * len(pixels), -1), np.tile(digits.label, 2 * copies))


def halves(digits: Dataset, company: float) -> Dataset:
    """The set of such images: each split is made of the same split of the digits.

    `company` is the share of images in whose other half is another digit, of any class; in the rest it is black.
    """
    height, width, channels = digits.shape
    made = [
        examples(split, digits.shape, company, copies, seed)
        for seed, (split, copies) in enumerate(zip((digits.train, digits.valid, digits.test), (COPIES, 1, 1)))
    ]
    return dataset(f"{digits.name} in halves", (height, 2 * width, channels), digits.classes, *made)
