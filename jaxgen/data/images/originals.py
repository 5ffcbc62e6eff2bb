"""Named sets read from their original files, which are found in a data folder or downloaded.

Files are looked for in the data folder and in the cache folder's `data`, in a folder with the set's name and in the one
that torchvision uses.
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
from jaxgen.data.places import data_folders, first_existing, reason_of

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


def read_pairs(paths: Sequence[idx.AnyPath]) -> Arrays:
    """The arrays of four IDX files: training images and labels, test images and labels.

    Raises Refused where a file is damaged, or images and labels differ in number.
    """
    parts: Arrays = {}
    for split, (images, labels) in (("train", paths[:2]), ("test", paths[2:])):
        image, label = idx.read_idx(images, 3), idx.read_idx(labels, 1)
        if len(image) != len(label):
            raise Refused(
                f"{images} holds {len(image):,} images, {labels} {len(label):,} labels; expected as many of each"
            )
        if not len(image):
            raise Refused(f"{images} holds no images")
        parts[split] = (image[..., None], label.astype(np.int32))
    return parts


def _idx_reader(stems: Sequence[str], folder: Path) -> Callable[[], Arrays] | None:
    """A function that reads the four files of these names, gzipped or not; None where one is missing."""
    paths = [path for stem in stems if (path := first_existing([folder / f"{stem}.gz", folder / stem]))]
    return (lambda: read_pairs(paths)) if len(paths) == len(stems) else None


def _emnist_reader(config: str, folder: Path) -> Callable[[], Arrays] | None:
    """A function that reads a configuration of EMNIST, from its archive or from unpacked files; None without them."""
    parts = [f"emnist-{config}-{part}" for part in ("train", "test")]
    stems = [f"{part}-{kind}-ubyte" for part in parts for kind in ("images-idx3", "labels-idx1")]
    packed = folder / EMNIST_ZIP
    if os.path.exists(packed):
        try:
            root = zipfile.Path(packed)
            return lambda: read_pairs([root / "gzip" / f"{stem}.gz" for stem in stems])
        except Exception as error:  # of a damaged directory: some five types
            raise Refused(f"{packed} is no zip archive, or damaged: {reason_of(error)}; fetch it again") from error
    return _idx_reader(stems, folder)


def _cifar_reader(folder: Path) -> Callable[[], Arrays] | None:
    path = first_existing([folder / cifar.FOLDER, folder / cifar.ARCHIVE])
    return functools.partial(cifar.read_cifar, path) if path else None


class Original(NamedTuple):
    """The original files of a set; their addresses and hashes are in TFDS's registry."""

    folders: tuple[str, ...]  # in the data folder; a download goes to the first
    files: tuple[str, ...]  # that are downloaded
    classes: tuple[str, ...]
    reader: Callable[[Path], Callable[[], Arrays] | None]  # folder -> function that reads the set; None: not there


_idx = functools.partial(_idx_reader, IDX_STEMS)
ORIGINALS = {
    "mnist": Original(("mnist", "MNIST/raw"), IDX_FILES, DIGITS, _idx),
    "fashion_mnist": Original(("fashion_mnist", "FashionMNIST/raw"), IDX_FILES, FASHION, _idx),
    "kmnist": Original(("kmnist", "KMNIST/raw"), IDX_FILES, KUZUSHIJI, _idx),
    "cifar10": Original(("cifar10", ""), (cifar.ARCHIVE,), cifar.CLASSES, _cifar_reader),
    **{
        f"emnist_{config}": Original(
            ("emnist", "EMNIST/raw"), (EMNIST_ZIP,), classes, functools.partial(_emnist_reader, config)
        )
        for config, classes in EMNIST_CLASSES.items()
    },
}


def original_arrays(name: str, data_dir: str = "") -> Arrays:
    """The arrays of a set of ORIGINALS, as its files have them.

    Raises:
        Refused: a file is damaged, or missing and cannot be downloaded.
    """
    original = ORIGINALS[name]
    bases = data_folders(data_dir)

    def first_reader():
        folders = (base / each for base in bases for each in original.folders)
        return next((reader for folder in folders if (reader := original.reader(folder))), None)

    read = first_reader()
    if read is None:
        from jaxgen.data.download import fetch, sources  # imports TFDS, which takes a second

        folder = bases[0] / original.folders[0]
        fetch(name, sources("emnist" if name.startswith("emnist") else name, original.files), folder)
        read = first_reader()
        if read is None:
            raise Refused(f"{folder} has {', '.join(original.files)} now, and still no {name}")
    return read()


def original_dataset(name: str, data_dir: str = "") -> Dataset:
    """A set of ORIGINALS with upright images and class numbers from 0; up to 5,000 training images are for validation.

    Raises:
        Refused: a file is damaged, or missing and cannot be downloaded.
    """
    classes = ORIGINALS[name].classes
    parts, shapes = {}, set()
    for split, (image, label) in original_arrays(name, data_dir).items():
        if name.startswith("emnist"):
            image = image.swapaxes(1, 2)  # its files have transposed images
        label = label - (name == "emnist_letters")
        if label.min() < 0 or label.max() >= len(classes):
            raise Refused(f"{name}: expected {len(classes)} classes, found the numbers {label.min()} to {label.max()}")
        shapes.add(image.shape[1:])
        parts[split] = Examples(np.ascontiguousarray(image).reshape(len(image), -1), label)
    if len(shapes) > 1:
        raise Refused(f"{name}: training and test images differ in size, {sorted(shapes)}")
    return dataset(name, shapes.pop(), classes, *hold_out(parts["train"]), parts["test"])
