"""The arrays of a file of weights by name, each read when it is asked for, and their numbers as NumPy knows them."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from jaxgen.core.types import Refused

BFLOAT16 = "bfloat16"  # which NumPy lacks: the upper half of a float32
Reader = Callable[[], np.ndarray]


class Lazy(Mapping[str, np.ndarray]):
    """Name -> array, read from the file each time it is asked for: an interface of Python's that only a class can have.

    Raises Refused, when an array is asked for, where the file has been damaged since its names were read.
    """

    def __init__(self, readers: Mapping[str, Reader]):
        self._readers = dict(readers)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._readers[name]()

    def __contains__(self, name: object) -> bool:  # that of Mapping would read the array
        return name in self._readers

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


class Tensors(NamedTuple):
    """The weights in a file.

    The names of `arrays` depend on the layout:

    keras    "layer/weight", in the order of the layers, with weight = kernel, bias, gamma, beta, moving_mean or
             moving_variance whatever the version of Keras called it; a slash in a layer's name is written _
    keras3   "conv2d_3/0": class with a counter, and number of the variable, as they are in the file
    torch    "features.0.weight": as in the state dict
    """

    layout: Literal["keras", "keras3", "torch"]
    arrays: Mapping[str, np.ndarray]  # floating numbers as float32, integers as the file has them
    names: Mapping[str, str] = {}  # of keras3, where the file tells: "conv2d_3" -> the layer's own name


def numbers(data: bytes | np.ndarray, dtype: str) -> np.ndarray:
    """The numbers in `data`, [n], as float32 or as integers in the machine's byte order; `dtype` may be BFLOAT16.

    They may share the memory of `data`, and are then not to be written to.
    """
    if dtype.endswith(BFLOAT16):
        order = ">" if dtype.startswith(">") else "<"
        return (np.frombuffer(data, f"{order}u2").astype(np.uint32) << 16).view(np.float32)
    array = np.frombuffer(data, dtype)
    return array.astype(np.float32 if array.dtype.kind == "f" else array.dtype.newbyteorder("="), copy=False)


def bytes_of(dtype: str) -> int:
    """Bytes of a number of a type that `numbers` takes."""
    return 2 if dtype.endswith(BFLOAT16) else np.dtype(dtype).itemsize


def read_at(path: Path, start: int, length: int) -> bytes:
    """So many bytes of a file. Raises Refused where it has become shorter, or cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(length)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) < length:
        raise Refused(f"{path} is truncated: expected {start + length:,} bytes, found {start + len(data):,}")
    return data
