"""Parts of a labelled set: some of its classes, and a number of training images of each."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data import rows
from jaxgen.data.examples import Dataset, Examples, dataset

SHOWN = 20  # class names that a message lists


def narrowed(whole: Dataset, classes: str = "", per_class: int = 0, seed: int = 0) -> Dataset:
    """The part of a set with these classes and `per_class` training images of each; `whole` itself by default.

    The choice of images depends on the set and the seed alone: a larger `per_class` includes those of a smaller one,
    and other `classes` do not change them. Validation and test keep all images of the classes.

    Args:
        whole: a set with class names.
        classes: names separated by commas, which are numbered in this order; `3-7` is 3,4,5,6,7 unless a class has that
            name. "" keeps all.
        per_class: training images of each class; 0 keeps all.
        seed: of their choice.

    Raises:
        Refused: the set has no classes, or lacks one of those named; a name occurs twice; a class has too few training
            images; a split would be empty.
    """
    if not classes and not per_class:
        return whole
    if not whole.classes:
        raise Refused(f"--{'classes' if classes else 'per_class'} is for sets with classes; {whole.name} has none")
    names = _names(classes, whole) if classes else whole.classes
    kept = [whole.classes.index(name) for name in names]
    new_number = np.full(len(whole.classes), -1, np.int32)  # by old class number
    new_number[kept] = np.arange(len(kept), dtype=np.int32)
    parts = []
    for split, (image, label) in {"train": whole.train, "valid": whole.valid, "test": whole.test}.items():
        few = per_class and split == "train"
        chosen = _training_images(whole, kept, per_class, seed) if few else np.flatnonzero(new_number[label] >= 0)
        if not len(chosen):
            raise Refused(f"--classes={classes} leaves no image of {whole.name} in the {split} split")
        is_whole = len(chosen) == len(label)  # and needs no copy
        parts.append(Examples(image if is_whole else rows.pick(image, chosen), new_number[label[chosen]]))
    return dataset(whole.name, whole.shape, tuple(names), *parts)


def held_out(whole: Dataset, classes: str) -> tuple[Dataset, Dataset]:
    """The set without these classes, named as for `narrowed`, and those classes alone; each numbered from 0.

    Raises Refused as `narrowed`, and where fewer than two classes are left.
    """
    others = narrowed(whole, classes)
    kept = [name for name in whole.classes if name not in others.classes]
    if len(kept) < 2:
        raise Refused(f"without the classes {classes} {whole.name} has {len(kept)}; at least 2 are needed")
    return narrowed(whole, ",".join(kept)), others


def _names(classes: str, whole: Dataset) -> list[str]:
    """The class names in the flag's value."""
    all_names, names = whole.classes, []
    if not classes.replace(",", "").strip():
        raise Refused(f"--classes={classes} names no class")
    for name in (name for piece in classes.split(",") for name in _expanded(piece.strip(), all_names)):
        if name not in all_names:
            more = f" and {len(all_names) - SHOWN} more" if len(all_names) > SHOWN else ""
            raise Refused(f"{whole.name} has no class {name!r}; known are {', '.join(all_names[:SHOWN])}{more}")
        if name in names:
            raise Refused(f"--classes={classes} names {name!r} twice")
        names.append(name)
    return names


def _expanded(piece: str, all_names: tuple[str, ...]) -> Iterator[str]:
    """3, 4, 5, 6, 7 for `3-7` where both ends are classes; anything else is a name."""
    ends = re.fullmatch("([0-9]+)-([0-9]+)", piece)
    if piece in all_names or not ends or not set(ends.groups()) <= set(all_names):
        yield piece
        return
    first, last = map(int, ends.groups())
    if first > last:
        raise Refused(f"--classes={piece} counts down; a range is written {last}-{first}")
    yield from (str(n).zfill(len(ends[1])) for n in range(first, last + 1))


def _training_images(whole: Dataset, kept: Sequence[int], per_class: int, seed: int) -> np.ndarray:
    """Ascending indices of `per_class` training images of each of these classes."""
    label = whole.train.label
    # One order of the whole split, so that the choice depends neither on the classes nor on their number.
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(label))
    order = order[np.argsort(label[order], kind="stable")]
    counts = np.bincount(label, minlength=len(whole.classes))
    firsts = np.cumsum(counts) - counts
    for each in kept:
        if counts[each] < per_class:
            name = whole.classes[each]
            raise Refused(f"--per_class={per_class} is more than the {counts[each]} training images of class {name!r}")
    return np.sort(np.concatenate([order[firsts[each] : firsts[each] + per_class] for each in kept]))
