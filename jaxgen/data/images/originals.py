"""Named sets from the files they are distributed as, found in the data folder or downloaded.

They are looked for in the data folder and in the cache folder's `data`: in a folder of the set's name, and where
torchvision puts them.
"""

import functools
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.examples import Dataset, Examples, dataset, hold_out
from jaxgen.data.formats import idx
from jaxgen.data.images import cifar
from jaxgen.data.places import data_folders, first_existing

Arrays = dict[str, tuple[np.ndarray, np.ndarray]]  # "train", "test" -> images [N, H, W, C] uint8, labels [N] int32
DIGITS = tuple("0123456789")
IDX_STEMS = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
IDX_FILES = tuple(f"{stem}.gz" for stem in IDX_STEMS)
FASHION = ("t-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
EMNIST_ZIP = "gzip.zip"
BALANCED = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")
EMNIST_CLASSES = {  # by configuration; the number in a file is the position, of letters the position + 1
    "letters": tuple("abcdefghijklmnopqrstuvwxyz"),
    "balanced": BALANCED,
    "bymerge": BALANCED,
    "byclass": tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
    "digits": DIGITS,
    "mnist": DIGITS,
}


def read_pairs(paths: Sequence[idx.Place]) -> Arrays:
    """Images and labels to train on, then to test on, in four IDX files. Raises Refused where they do not fit."""
    parts: Arrays = {}
    for split, (images, labels) in (("train", paths[:2]), ("test", paths[2:])):
        image, label = idx.read(images, 3), idx.read(labels, 1)
        if len(image) != len(label):
            raise Refused(
                f"{images} holds {len(image):,} images, {labels} {len(label):,} labels; expected as many of each"
            )
        if not len(image):
            raise Refused(f"{images} holds no images")
        parts[split] = (image[..., None], label.astype(np.int32))
    return parts


def _look_for_idx(stems: Sequence[str], folder: Path) -> Callable[[], Arrays] | None:
    """What reads the four files of these names, gzipped or not; None where one is missing, which can be fetched."""
    found = [path for stem in stems if (path := first_existing([folder / f"{stem}.gz", folder / stem]))]
    return (lambda: read_pairs(found)) if len(found) == len(stems) else None


def _look_for_emnist(config: str, folder: Path) -> Callable[[], Arrays] | None:
    parts = [f"emnist-{config}-{part}" for part in ("train", "test")]
    stems = [f"{part}-{kind}-ubyte" for part in parts for kind in ("images-idx3", "labels-idx1")]
    packed = folder / EMNIST_ZIP
    if os.path.exists(packed):
        try:
            inside = zipfile.Path(packed)
            return lambda: read_pairs([inside / "gzip" / f"{stem}.gz" for stem in stems])
        except (zipfile.BadZipFile, OSError) as error:
            raise Refused(f"{packed} is no zip archive, or damaged: {error}; fetch it again") from error
    return _look_for_idx(stems, folder)


def _look_for_cifar(folder: Path) -> Callable[[], Arrays] | None:
    place = first_existing([folder / cifar.FOLDER, folder / cifar.ARCHIVE])
    return functools.partial(cifar.read, place) if place else None


class Original(NamedTuple):
    """A set as it is distributed; its addresses and hashes are those that TFDS knows."""

    folders: tuple[str, ...]  # in the data folder; a download goes to the first
    files: tuple[str, ...]  # what is downloaded
    classes: tuple[str, ...]
    look: Callable[[Path], Callable[[], Arrays] | None]  # folder -> what reads the set there


_idx = functools.partial(_look_for_idx, IDX_STEMS)
ORIGINALS = {
    "mnist": Original(("mnist", "MNIST/raw"), IDX_FILES, DIGITS, _idx),
    "fashion_mnist": Original(("fashion_mnist", "FashionMNIST/raw"), IDX_FILES, FASHION, _idx),
    "kmnist": Original(("kmnist", "KMNIST/raw"), IDX_FILES, KUZUSHIJI, _idx),
    "cifar10": Original(("cifar10", ""), (cifar.ARCHIVE,), cifar.CLASSES, _look_for_cifar),
    **{
        f"emnist_{config}": Original(
            ("emnist", "EMNIST/raw"), (EMNIST_ZIP,), classes, functools.partial(_look_for_emnist, config)
        )
        for config, classes in EMNIST_CLASSES.items()
    },
}


def arrays(name: str, data_dir: str = "") -> Arrays:
    """Everything in a set of ORIGINALS, as it is distributed.

    Raises:
        Refused: a file is damaged, or missing and cannot be downloaded.
    """
    origin = ORIGINALS[name]
    bases = data_folders(data_dir)

    def found():
        folders = (base / each for base in bases for each in origin.folders)
        return next((read for folder in folders if (read := origin.look(folder))), None)

    read = found()
    if read is None:
        from jaxgen.data.download import fetch, sources  # imports TFDS, which takes a second

        folder = bases[0] / origin.folders[0]
        fetch(name, sources("emnist" if name.startswith("emnist") else name, origin.files), folder)
        read = found()
        if read is None:
            raise Refused(f"{folder} has {', '.join(origin.files)} now, and still no {name}")
    return read()


def load(name: str, data_dir: str = "") -> Dataset:
    """A set of ORIGINALS, upright, with class numbers from 0; up to 5,000 training images validate.

    Raises:
        Refused: a file is damaged, or missing and cannot be downloaded.
    """
    origin = ORIGINALS[name]
    parts, shapes = {}, set()
    for split, (image, label) in arrays(name, data_dir).items():
        if name.startswith("emnist"):
            image = image.swapaxes(1, 2)  # its files have columns for rows
        label = label - (name == "emnist_letters")
        if label.min() < 0 or label.max() >= len(origin.classes):
            raise Refused(
                f"{name}: expected {len(origin.classes)} classes, found the numbers {label.min()} to {label.max()}"
            )
        shapes.add(image.shape[1:])
        parts[split] = Examples(np.ascontiguousarray(image).reshape(len(image), -1), label)
    if len(shapes) > 1:
        raise Refused(f"{name}: training and test images differ in size, {sorted(shapes)}")
    return dataset(name, shapes.pop(), origin.classes, *hold_out(parts["train"]), parts["test"])
