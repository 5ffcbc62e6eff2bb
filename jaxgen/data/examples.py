"""Data sets of labelled images: the types, and their splits.

N          images in a split
H, W, C    height, width, channels of one image; D = H * W * C
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data import rows
from jaxgen.data.rows import Rows

T = TypeVar("T")
VALID = 5000  # images that validate, of a set that comes with a training and a test split only


class Examples(NamedTuple):
    """A split. Images are flat, since a gather from [N, D] is faster than from [N, H, W, C]."""

    image: np.ndarray | Rows  # [N, D] uint8 in 0..255, or float32 in 0..1; in memory or in a file
    label: np.ndarray  # [N] int32 class numbers; zeros where the set has no labels


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
    """A Dataset with its sha256: of `shape`, then each array's dtype, shape and bytes; for Rows, of the file's hash."""
    digest = hashlib.sha256(repr(tuple(shape)).encode())
    for array in (*train, *valid, *test):
        if isinstance(array, Rows):  # the file was hashed before; here its order of rows
            digest.update(array.sha256.encode())
            array = array.order
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return Dataset(name, shape, classes, train, valid, test, digest.hexdigest())


def digest(splits: Iterable[Iterable[np.ndarray]]) -> str:
    """The sha256 of each array's dtype, shape and bytes, in order."""
    made = hashlib.sha256()
    for array in (array for split in splits for array in split):
        made.update(f"{array.dtype.str}{array.shape}".encode())
        made.update(np.ascontiguousarray(array).data)
    return made.hexdigest()


def parted(items: Sequence[T], where: str = "a set") -> dict[str, list[T]]:
    """Items as train, valid and test, 80 / 10 / 10 % of them, drawn as `split` draws them.

    Raises Refused where there are fewer than three; `where` is the set's name in the message.
    """
    order = np.arange(len(items))
    if len(items) < 3:
        raise Refused(f"three splits need at least 3 of {where}; there are {len(items)}")
    drawn = split(order[:, None], order)
    return {name: [items[n] for n in part.label] for name, part in zip(("train", "valid", "test"), drawn)}


def split(
    image: np.ndarray | Rows,
    label: np.ndarray,
    seed: int = 0,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
) -> tuple[Examples, Examples, Examples]:
    """Train, valid and test: a partition of all images, in an order drawn with `seed`.

    `seed` is the set's and not the run's, so that all runs are measured on the same images.

    Args:
        image: [N, D].
        label: [N].
        seed: of numpy's PCG64.
        fractions: of train, valid and test; they add up to 1. A split of fraction 0 is empty, any other
            has at least one image.

    Raises:
        Refused: fractions do not add up to 1, numbers of images and labels differ, or there are fewer images than
            splits that are not empty.
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise Refused(f"fractions of train, valid and test add up to 1; found {fractions}")
    if rows.count(image) != len(label):
        raise Refused(f"every image needs one label; found {rows.count(image)} images and {len(label)} labels")
    some_train, some_valid, some_test = (fraction > 0 for fraction in fractions)
    needed = some_train + some_valid + some_test
    if len(label) < needed:
        raise Refused(f"a set cut in {needed} splits needs at least {needed} images; found {len(label)}")
    # Rounded ends of train and valid, moved where a split of a small set would be empty.
    valid_end = min(round((fractions[0] + fractions[1]) * len(label)), len(label) - some_test)
    train_end = max(min(round(fractions[0] * len(label)), valid_end - some_valid), int(some_train))
    valid_end = max(valid_end, train_end + some_valid)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(label))
    parts = (order[:train_end], order[train_end:valid_end], order[valid_end:])
    train, valid, test = (Examples(rows.pick(image, part), label[part]) for part in parts)
    return train, valid, test


def hold_out(train: Examples, count: int = VALID) -> tuple[Examples, Examples]:
    """(train, valid): a tenth of the images, but at most `count`, drawn as by `split`, becomes the validation split."""
    share = min(count / len(train.label), 0.1)
    rest, valid, _ = split(train.image, train.label, fractions=(1 - share, share, 0.0))
    return rest, valid


def recut(images: Dataset, count: int) -> Dataset:
    """The set with `count` images for validation, the first of what trained or the last of what validated moved over.

    Raises Refused where no training image would be left, and where the images are not held in memory.
    """
    train, valid, test = images.train, images.valid, images.test
    both = len(train.label) + len(valid.label)
    if not 0 < count < both:
        raise Refused(f"of the {both:,} images of {images.name} that do not test, {count:,} cannot validate")
    columns = []
    for first, second in zip(valid, train):
        if isinstance(first, Rows) or isinstance(second, Rows):
            raise Refused(f"{images.name} is not held in memory, and only such a set can be cut anew")
        joined = np.concatenate([first, second])
        columns.append((joined[:count], joined[count:]))
    valid, train = (Examples(*each) for each in zip(*columns))
    return dataset(images.name, images.shape, images.classes, train, valid, test)


def in_three(
    train: Examples, test: Examples | None = None, valid: Examples | None = None
) -> tuple[Examples, Examples, Examples]:
    """Train, valid and test of a set that is distributed whole, with a test split, or with both.

    Raises:
        Refused: there are too few images for three splits.
    """
    if test is None:
        return split(*train)
    return (*hold_out(train), test) if valid is None else (train, valid, test)
