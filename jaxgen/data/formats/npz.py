"""Data sets of images in NumPy's .npz archives, and .npy files of one array. Files are not trusted.

images, labels                        cut into three splits; labels may be missing
x_train, y_train, x_test, y_test      Keras's names; a tenth of the training images, at most 5,000, is for validation
train, test, valid                    no labels; `valid` may be missing, and is then cut as in the line above
the array of an .npy file             no labels; cut into three splits
"""

import warnings
from pathlib import Path

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.examples import Dataset, Examples, dataset, in_three
from jaxgen.data.formats import npy
from jaxgen.data.formats.arrays import Arrays, read_npy, read_npz
from jaxgen.data.formats.npy import Large
from jaxgen.data.places import reason_of
from jaxgen.data.rows import RESIDENT, Rows

LAYOUTS = "images and labels; x_train, y_train, x_test and y_test; or train, test and valid"
IMAGES = ("images", "x_train", "x_test", "train", "test", "valid")
LABELS = ("labels", "y_train", "y_test")
MOST_CLASSES = 2**16  # larger class numbers are taken for a mistake: each class has a name in memory


def _shape(path: Path, name: str, array: np.ndarray | Large) -> tuple[int, int, int, int]:
    """N, H, W and C of an array of images. Raises Refused where it is none."""
    if len(array.shape) not in (3, 4):
        raise Refused(f"{path}: expected {name!r} as [N, H, W] or [N, H, W, C], found the shape {array.shape}")
    count, height, width, channels = shape = (*array.shape, 1)[:4]
    if channels not in (1, 3):  # others cannot be displayed
        raise Refused(f"{path}: expected 1 or 3 channels last in {name!r}, found the shape {shape}")
    if 0 in shape:
        raise Refused(f"{path}: expected at least one image in {name!r}, found the shape {shape}")
    if array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
        raise Refused(f"{path}: expected {name!r} as uint8, or as floats in [0, 1]; found {array.dtype}")
    return count, height, width, channels


def _flat(path: Path, name: str, array: np.ndarray | Large) -> np.ndarray | Rows:
    """The images as uint8 or float32, [N, D]."""
    if isinstance(array, Large):
        return npy.to_rows(array)
    array = array.reshape(len(array), -1)
    if array.dtype == np.uint8:
        return array
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 1):  # also true for NaN
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


def _examples(path: Path, arrays: Arrays, images: str, labels: str) -> tuple[tuple[int, int, int], Examples]:
    """The shape (H, W, C) and the examples of one pair of arrays; all labels are 0 where there are none."""
    count, *shape = _shape(path, images, arrays[images])
    numbers = arrays.get(labels)
    assert not isinstance(numbers, Large), "labels are always read"
    label = np.zeros(count, np.int32) if numbers is None else _labels(path, labels, numbers, count)
    height, width, channels = shape
    return (height, width, channels), Examples(_flat(path, images, arrays[images]), label)


def _layout(path: Path, arrays: Arrays) -> list[tuple[str, str]]:
    """Names of (images, labels): of the whole set, or of train, test and perhaps valid."""
    if "images" in arrays:
        return [("images", "labels")]
    if {"x_train", "x_test"} <= arrays.keys():
        if ("y_train" in arrays) != ("y_test" in arrays):
            raise Refused(f"{path}: expected both y_train and y_test or neither, found one of them")
        return [("x_train", "y_train"), ("x_test", "y_test")]
    if {"train", "test"} <= arrays.keys():
        return [(name, "") for name in ("train", "test", "valid") if name in arrays]
    raise Refused(f"{path}: expected the arrays {LAYOUTS}; found {ascii(', '.join(arrays))[1:-1][:100] or 'none'}")


def _dataset(path: Path, arrays: Arrays, names: list[tuple[str, str]]) -> Dataset:
    splits = [_examples(path, arrays, *pair) for pair in names]
    kinds = {pair[0]: (*shape, part.image.dtype.name) for pair, (shape, part) in zip(names, splits)}
    if len(set(kinds.values())) > 1:
        raise Refused(f"{path}: expected every split in one shape and type, found {kinds}")
    shape, parts = splits[0][0], [part for _, part in splits]
    try:
        train, valid, test = in_three(*parts)
    except Refused as refusal:  # there are too few images
        raise Refused(f"{path}: {refusal}") from refusal
    most = max(int(part.label.max()) for part in parts)
    classes = tuple(str(n) for n in range(most + 1)) if names[0][1] in arrays else ()
    return dataset(path.stem, shape, classes, train, valid, test)


def npz_dataset(path: Path, resident: int = RESIDENT) -> Dataset:
    """The images of an .npz archive or .npy file, as a Dataset named after the file.

    Images are [N, H, W] or [N, H, W, C] with 1 or 3 channels, uint8 or any floats in [0, 1] (read as
    float32); labels are integers from 0, [N] or [N, 1].

    Args:
        path: of the file; with the suffix .npy it has one array.
        resident: bytes up to which images are held in memory. More are read from the file when they are needed; if they
            are compressed, or neither uint8 nor float32, they are unpacked once into the cache folder.

    Raises:
        Refused: the file is missing, empty, damaged, not an archive, claims to unpack to far more than is likely, has
            pickled objects or none of the layouts above, or an array has another shape, dtype, range or order.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy warns of old headers, which do no harm
            if path.suffix.lower() == ".npy":
                arrays = read_npy(path, resident)
                return _dataset(path, arrays, [(name, "") for name in arrays])
            arrays = read_npz(path, resident, IMAGES, LABELS)
            return _dataset(path, arrays, _layout(path, arrays))
    except Refused:
        raise
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        # Damage raises some ten types, from zipfile, zlib, struct and numpy, with one meaning here.
        reason = reason_of(error)
        if "allow_pickle" in str(error):
            reason = "it holds pickled objects, which could run any code"
        raise Refused(f"{path} cannot be read: {reason}") from error
