"""Part of a labelled set: some of its classes, few training images of each."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data import rows
from jaxgen.data.examples import Dataset, Examples, dataset

SHOWN = 20  # class names that a message lists


def narrowed(whole: Dataset, classes: str = "", per_class: int = 0) -> Dataset:
    """Those classes of a set, and so many training images of each; the set itself where neither is asked.

    Which images are drawn depends on the set alone: every run has the same ones, a larger `per_class` has those of a
    smaller one too, and other classes do not change them. Validation and test keep all images of the classes.

    Args:
        whole: a set with class names.
        classes: names separated by commas, numbered anew in that order; `3-7` is 3,4,5,6,7 where no class is called
            so. "" keeps all.
        per_class: training images of each class; 0 keeps all.

    Raises:
        Refused: the set has no classes, or not one of those named; a name stands twice; a class has too few training
            images; a split has none at all.
    """
    if not classes and not per_class:
        return whole
    if not whole.classes:
        raise Refused(f"--{'classes' if classes else 'per_class'} is for sets with classes; {whole.name} has none")
    names = _names(classes, whole) if classes else whole.classes
    kept = [whole.classes.index(name) for name in names]
    number = np.full(len(whole.classes), -1, np.int32)  # of each old class, its new one
    number[kept] = np.arange(len(kept), dtype=np.int32)
    which = {split: np.flatnonzero(number[getattr(whole, split).label] >= 0) for split in ("train", "valid", "test")}
    if per_class:
        which["train"] = _few(whole, kept, per_class)
    parts = []
    for split, chosen in which.items():
        if not len(chosen):
            raise Refused(f"--classes={classes} leaves no image of {whole.name} in the {split} split")
        image, label = getattr(whole, split)
        everything = len(chosen) == len(label)  # no copy of what stays whole
        parts.append(Examples(image if everything else rows.pick(image, chosen), number[label[chosen]]))
    return dataset(whole.name, whole.shape, tuple(names), *parts)


def _names(classes: str, whole: Dataset) -> list[str]:
    """The class names that a flag lists."""
    known, found = whole.classes, []
    if not classes.replace(",", "").strip():
        raise Refused(f"--classes={classes} names no class")
    for name in (name for piece in classes.split(",") for name in _expanded(piece.strip(), known)):
        if name not in known:
            more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
            raise Refused(f"{whole.name} has no class {name!r}; known are {', '.join(known[:SHOWN])}{more}")
        if name in found:
            raise Refused(f"--classes={classes} names {name!r} twice")
        found.append(name)
    return found


def _expanded(piece: str, known: tuple[str, ...]) -> Iterator[str]:
    """`3-7` to 3, 4, 5, 6, 7 where both ends are classes; anything else is a name."""
    ends = re.fullmatch("([0-9]+)-([0-9]+)", piece)
    if piece in known or not ends or not set(ends.groups()) <= set(known):
        yield piece
        return
    first, last = map(int, ends.groups())
    if first > last:
        raise Refused(f"--classes={piece} counts down; a range is written {last}-{first}")
    yield from (str(n).zfill(len(ends[1])) for n in range(first, last + 1))


def _few(whole: Dataset, kept: Sequence[int], per_class: int) -> np.ndarray:
    """Numbers, ascending, of the training images that are drawn of those classes."""
    label = whole.train.label
    # One order of the whole split, so that neither other classes nor a larger number change the choice.
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(label))
    order = order[np.argsort(label[order], kind="stable")]
    counts = np.bincount(label, minlength=len(whole.classes))
    firsts = np.cumsum(counts) - counts
    for each in kept:
        if counts[each] < per_class:
            name = whole.classes[each]
            raise Refused(f"--per_class={per_class} is more than the {counts[each]} training images of class {name!r}")
    return np.sort(np.concatenate([order[firsts[each] : firsts[each] + per_class] for each in kept]))
