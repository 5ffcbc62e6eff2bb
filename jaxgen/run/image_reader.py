"""Sets of images as the data of a run."""

import dataclasses
import functools
from typing import Any

from jaxgen.core.config import knob
from jaxgen.core.types import Refused
from jaxgen.data.examples import Dataset
from jaxgen.data.images import sets
from jaxgen.data.sources import holdout, source
from jaxgen.run.experiment import LARGEST, Data, Reader
from jaxgen.run.flags import DATA, RunFlags


@dataclasses.dataclass(frozen=True)
class ImageFlags(RunFlags):
    """The flags of an experiment on images."""

    dataset: str = knob(
        "glyphs", "a named set, tfds:NAME, or the path of a folder, .zip, .npz or .npy", free=True, group=DATA
    )
    classes: str = knob(
        "", "names of those to keep, such as cat,dog or 0-4, renumbered in that order", free=True, group=DATA
    )
    per_class: int = knob(
        0,
        "training images of each class, drawn by the seed; 0: all",
        lower=0,
        upper=LARGEST,
        free=True,
        group=DATA,
    )
    draw_seed: int | None = knob(
        None, "draws the images of --per_class (--seed)", lower=0, upper=2**32 - 1, free=True, group=DATA
    )
    in_order: bool = knob(
        False, "training images in one fixed order, not shuffled anew in each pass", free=True, group=DATA
    )
    image_size: int = knob(
        0,
        "side in pixels that a folder's images are resized to; 0: as they are",
        lower=0,
        upper=4096,
        group=DATA,
    )
    resident_mb: int = knob(
        1024,
        "MiB up to which a set is held in memory; a larger one is streamed",
        lower=0,
        upper=2**20,
        group=DATA,
    )


def read_dataset(flags: ImageFlags, least: int = 0) -> Dataset:
    """The part of a set that the flags name, of at least so many classes.

    Raises Refused, see `sets.load`, and where images are to be drawn by a seed and all are kept.
    """
    if flags.draw_seed is not None and not flags.per_class:
        raise Refused("--draw_seed is for the images of --per_class")
    seed, resident = flags.seed if flags.draw_seed is None else flags.draw_seed, flags.resident_mb * 2**20
    part = (flags.classes, flags.per_class, seed)
    return sets.load(flags.dataset, flags.data_dir, flags.image_size, resident, *part, least)


def read(flags: ImageFlags, config: Any, least: int = 0) -> Data:
    """Passes over the training split, shuffled or in order; the two other splits in order.

    Raises Refused, see `read_dataset`, and where a batch is larger than the training split.
    """
    del config
    return data_of(read_dataset(flags, least), flags)


def data_of(images: Dataset, flags: ImageFlags) -> Data:
    """A set as the data of a run. Raises Refused where a batch is larger than the training split."""
    resident, size = flags.resident_mb * 2**20, flags.batch_size
    facts = {"shape": images.shape, "labels": images.classes, "batch": size}
    train = source(images.train._asdict(), size, resident, flags.in_order)
    valid, test = (holdout(split._asdict(), size, resident) for split in (images.valid, images.test))
    return Data(
        facts, train, valid, test, len(images.train.label) // size, images.sha256, images, "test", ("images", size)
    )


def reader(least: int = 0) -> Reader:
    """How sets of images are read; of at least so many classes, where they are to be told apart."""
    return Reader(ImageFlags, functools.partial(read, least=least))
