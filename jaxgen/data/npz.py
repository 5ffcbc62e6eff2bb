"""Images in a NumPy .npz archive, read without trusting it.

images, labels                        cut into three splits; labels may be missing
x_train, y_train, x_test, y_test      as Keras writes them; a tenth of the training images validates
train, test, valid                    no labels; without `valid`, a tenth of the training images validates
"""

import os
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.examples import Dataset, Examples, dataset, split

LAYOUTS = "images and labels; x_train, y_train, x_test and y_test; or train, test and valid"
MOST_CLASSES = 2**16  # a larger class number is a mistake in the file, and would be a name in memory for each


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of the archive by name, after its checksums."""
    with path.open("rb") as file:
        start = file.read(2)
    if not start:
        raise Refused(f"{path} is empty (0 bytes)")
    if start != b"PK":
        raise Refused(f"{path} is not an .npz archive, which is a zip file; numpy.savez writes one")
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        # One wrong length in the directory hides the next entry, and zipfile does not count them.
        file.seek(-22 - len(archive.comment), os.SEEK_END)
        (declared,) = struct.unpack_from("<H", file.read(22), 10)  # of the end record; 65535: see elsewhere
        if declared not in (len(archive.namelist()), 65535):
            raise Refused(f"{path} is damaged: {len(archive.namelist())} entries of {declared} are listed")
        # numpy alone notices a wrong checksum only where it happens to read an array to its last byte.
        damaged = archive.testzip()
    if damaged is not None:
        raise Refused(f"{path} is damaged: the checksum of {damaged!r} does not agree")
    # Never unpickled: a pickle runs whatever its author put there.
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # numpy hands out whatever else is in the zip as bytes
            raise Refused(f"{path} holds {name!r}, which is not an array")
    return arrays


def _images(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    """The array as uint8 or float32, [N, H, W, C]."""
    if array.ndim not in (3, 4):
        raise Refused(f"{path}: expected {name!r} as [N, H, W] or [N, H, W, C], found the shape {array.shape}")
    array = array[..., None] if array.ndim == 3 else array
    if array.shape[3] not in (1, 3):  # nothing else can be shown
        raise Refused(f"{path}: expected 1 or 3 channels last in {name!r}, found the shape {array.shape}")
    if array.size == 0:
        raise Refused(f"{path}: expected at least one image in {name!r}, found the shape {array.shape}")
    if array.dtype == np.uint8:
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise Refused(f"{path}: expected {name!r} as uint8, or as floats in [0, 1]; found {array.dtype}")
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 1):  # also where they are NaN
        raise Refused(f"{path}: expected floats in [0, 1] in {name!r}, found {low:g} to {high:g}")
    return array.astype(np.float32)


def _labels(path: Path, name: str, array: np.ndarray, count: int) -> np.ndarray:
    """The array as int32, [N]."""
    if array.shape not in ((count,), (count, 1)):  # Keras's CIFAR-10 has the second
        raise Refused(f"{path}: expected {name!r} as one label for each of {count} images, found {array.shape}")
    if not np.issubdtype(array.dtype, np.integer):
        raise Refused(f"{path}: expected {name!r} as integer class numbers; found {array.dtype}")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= MOST_CLASSES:
        raise Refused(f"{path}: expected class numbers from 0 to {MOST_CLASSES - 1} in {name!r}, found {low} to {high}")
    return array.reshape(-1).astype(np.int32)


def _examples(
    path: Path, arrays: dict[str, np.ndarray], images: str, labels: str
) -> tuple[tuple[int, int, int], Examples]:
    """The shape [H, W, C] and the examples of one pair of arrays; label 0 for all where there are none."""
    image = _images(path, images, arrays[images])
    count = len(image)
    label = _labels(path, labels, arrays[labels], count) if labels in arrays else np.zeros(count, np.int32)
    height, width, channels = image.shape[1:]
    return (height, width, channels), Examples(image.reshape(count, -1), label)


def _layout(path: Path, arrays: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    """Names of (images, labels): of everything, or of train, test and perhaps valid."""
    if "images" in arrays:
        return [("images", "labels")]
    if {"x_train", "x_test"} <= arrays.keys():
        if ("y_train" in arrays) != ("y_test" in arrays):
            raise Refused(f"{path}: expected both y_train and y_test or neither, found one of them")
        return [("x_train", "y_train"), ("x_test", "y_test")]
    if {"train", "test"} <= arrays.keys():
        return [(name, "") for name in ("train", "test", "valid") if name in arrays]
    raise Refused(f"{path}: expected the arrays {LAYOUTS}; found {', '.join(arrays) or 'none'}")


def _dataset(path: Path, arrays: dict[str, np.ndarray]) -> Dataset:
    names = _layout(path, arrays)
    read = [_examples(path, arrays, *pair) for pair in names]
    found = {pair[0]: (*shape, part.image.dtype.name) for pair, (shape, part) in zip(names, read)}
    if len(set(found.values())) > 1:
        raise Refused(f"{path}: expected every split in one shape and type, found {found}")
    shape, parts = read[0][0], [part for _, part in read]
    if len(parts) == 1:
        train, valid, test = split(*parts[0])
    elif len(parts) == 3:
        train, test, valid = parts
    else:
        train, valid, _ = split(parts[0].image, parts[0].label, fractions=(0.9, 0.1, 0.0))
        test = parts[1]
    most = max(int(part.label.max()) for part in parts)
    classes = tuple(str(n) for n in range(most + 1)) if names[0][1] in arrays else ()
    return dataset(path.stem, shape, classes, train, valid, test)


def load(path: Path) -> Dataset:
    """The images of an .npz archive, as a Dataset named after the file.

    Images are [N, H, W] or [N, H, W, C] with 1 or 3 channels, uint8 or any floats in [0, 1] (read as
    float32); labels are integers from 0, [N] or [N, 1].

    Raises:
        Refused: the file is missing, empty, damaged, not an archive, has pickled objects or none of the
            layouts above, or an array has another shape, type or range.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's remarks on old headers say nothing about the images
            return _dataset(path, _arrays(path))
    except Refused:
        raise
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        # Damage raises some ten types, from zipfile, zlib, struct and numpy, with one meaning here.
        reason = str(error).partition("\n")[0] or type(error).__name__
        if "allow_pickle" in reason:
            reason = "it holds pickled objects, which could run any code"
        raise Refused(f"{path} cannot be read: {reason}") from error
