"""CIFAR-10 in its binary version: for each image a label and 3,072 bytes, its red, green and blue plane.

Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html
"""

from pathlib import Path

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.formats import tarred
from jaxgen.data.places import reading

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ARCHIVE, FOLDER = "cifar-10-binary.tar.gz", "cifar-10-batches-bin"
TRAIN = tuple(f"data_batch_{n}.bin" for n in range(1, 6))
TEST = ("test_batch.bin",)
RECORD, MOST = 3073, 2**28  # bytes of an image with its label, and of a believable archive, which has 180 million


def parse_batch(data: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images [N, 32, 32, 3] uint8 and labels [N] int32 of a batch. Raises Refused where the data are no batch."""
    if not data or len(data) % RECORD:
        raise Refused(f"{name} is damaged: expected a multiple of {RECORD:,} bytes, found {len(data):,}")
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    label = records[:, 0].astype(np.int32)
    if label.max() >= len(CLASSES):
        raise Refused(f"{name} is damaged: expected class numbers from 0 to 9, found {label.max()}")
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), label


def read_cifar(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{"train": (images, labels), "test": ...} of the folder of batches, or of the archive that is distributed.

    Raises:
        Refused: a batch is missing, truncated or corrupt.
    """
    batches = _in_archive(path) if path.is_file() else _in_folder(path)
    if missing := [name for name in (*TRAIN, *TEST) if name not in batches]:
        raise Refused(f"{path} lacks {missing[0]}")
    parts = {}
    for split, names in (("train", TRAIN), ("test", TEST)):
        images, labels = zip(*(parse_batch(batches[name], f"{path}/{name}") for name in names))
        parts[split] = (np.concatenate(images), np.concatenate(labels))
    return parts


def _in_folder(path: Path) -> dict[str, bytes]:
    """The batches in the folder by name."""
    batches = {}
    for name in (*TRAIN, *TEST):
        with reading(path / name):
            batches[name] = (path / name).read_bytes()
    return batches


def _in_archive(path: Path) -> dict[str, bytes]:
    """The batches in the archive by name."""
    known = tarred.files(path, lambda name: name.rsplit("/", 1)[-1] in (*TRAIN, *TEST), MOST)
    return {name.rsplit("/", 1)[-1]: data for name, data in known.items()}
