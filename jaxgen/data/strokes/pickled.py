"""Sketch-RNN's files: .npz archives with the arrays train, valid and test, each an array of pickled arrays [n, 3].

https://github.com/magenta/magenta/tree/main/magenta/models/sketch_rnn#datasets. Rows are (dx, dy, 1 where the pen is
lifted after the point). Python 2 wrote the files of the authors, Python 3 others; neither is unpickled, see
`formats.pickle_machine`.
"""

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.formats import pickle_machine, zipped

SPLITS = ("train", "valid", "test")
NUMBERS = {f"{kind}{size}" for kind in "iuf" for size in (1, 2, 4, 8)} - {"f1"}
OBJECTS = ("O", "O4", "O8")


class _Type:
    """What stands for a numpy.dtype."""

    def __init__(self, code: str, *_: Any):
        if code not in NUMBERS and code not in OBJECTS:
            raise ValueError(f"an array of {code!r}")
        self.code, self.order = code, "|"

    def numpy(self) -> np.dtype:
        """The type of these numbers."""
        if self.order not in ("<", ">", "|", "="):
            raise ValueError(f"the byte order {self.order!r}")
        return np.dtype(f"{self.order}{self.code}")


class _Array:
    """What stands for an array: empty where it is begun, filled by its state."""

    def __init__(self, *_: Any):
        self.value: Any = None


def _fill(made: Any, state: tuple) -> None:
    """Gives its state to a type: version, byte order; or to an array: version, shape, type, Fortran order, data."""
    if isinstance(made, _Type):
        made.order = state[1]
        return
    _, shape, kind, fortran, data = state
    if kind.code in OBJECTS:
        if not isinstance(data, list) or len(data) != math.prod(shape):
            raise ValueError(f"{len(data)} objects in the shape {shape}")
        made.value = data
        return
    content = data.encode("latin-1") if isinstance(data, str) else data
    numbers = np.frombuffer(content, kind.numpy())
    made.value = numbers.reshape(shape, order="F" if fortran else "C")


NAMES: dict[str, Any] = {
    **{f"numpy.{core}.multiarray _reconstruct": _Array for core in ("core", "_core")},
    "numpy ndarray": None,  # the argument of _reconstruct
    "numpy dtype": _Type,
    "_codecs encode": lambda text, _: text.encode("latin-1"),  # of bytes in the protocols before 3
}


def read_npz(path: Path) -> dict[str, list[np.ndarray]]:
    """Split -> sketches [n, 3], in the types that they are stored in. Arrays of numbers [N, n, 3] are read too.

    Raises:
        Refused: the file is no archive, damaged, lacks one of the three splits, or holds something other than arrays.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            zipped.check_archive(path, archive)
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if not set(SPLITS) <= set(members):
                arrays = ", ".join(sorted(members)) or "none"
                raise Refused(f"{path}: expected the arrays train, valid and test; found {ascii(arrays)[1:-1][:100]}")
            return {name: _sketches(path, name, archive, members[name]) for name in SPLITS}
    except Refused:
        raise
    except pickle_machine.UnknownName as error:
        shown = pickle_machine.printable(error)
        raise Refused(f"{path} holds more than arrays: a pickle of {shown}, which could run any code") from error
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # of damage: many types, from zipfile, numpy, pickletools and here
        said = " ".join(str(error).split())[:80]
        raise Refused(f"{path} is damaged, or no .npz file of sketches: {ascii(said)[1:-1]}") from error


def _sketches(path: Path, name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> list[np.ndarray]:
    # A pickle may end early, and its checksum would then not be compared.
    if not zipped.is_whole(archive, info):
        raise Refused(f"{path} is damaged: the checksum of {name!r} does not agree")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
        if not dtype.hasobject:
            if math.prod(shape) * dtype.itemsize > info.file_size:  # before as much is allocated
                raise ValueError(f"{name} claims more numbers than are there")
            file.seek(0)
            return list(np.lib.format.read_array(file, allow_pickle=False))
        top = pickle_machine.run(file, NAMES, _fill)
    values = [each.value for each in top.value if isinstance(each, _Array)]
    arrays = [each for each in values if isinstance(each, np.ndarray)]
    if len(shape) != 1 or not len(arrays) == len(top.value) == shape[0]:
        raise Refused(f"{path}: expected {name!r} as an array of arrays, one for each sketch")
    return arrays
