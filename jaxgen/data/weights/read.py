"""Weights from the files of Keras, torch and safetensors, without any of them: a file is known by its content."""

import os
import zipfile
from pathlib import Path

from jaxgen.core.types import Refused
from jaxgen.data.places import reading, reason_of
from jaxgen.data.weights import hdf5
from jaxgen.data.weights.keras3_h5 import is_keras3, read_keras3
from jaxgen.data.weights.keras_h5 import is_keras, read_keras
from jaxgen.data.weights.safetensors_file import is_safetensors, read_safetensors
from jaxgen.data.weights.tensors import Tensors
from jaxgen.data.weights.torch_pth import START, is_torch_zip, read_legacy, read_zip

EXPECTED = "expected Keras's .h5 or .weights.h5, torch's .pth or a .safetensors file"


def read(path: str | os.PathLike) -> Tensors:
    """The weights in a file, by name. Arrays are read when they are asked for.

    Raises:
        Refused: the file is missing, empty, damaged, of another kind, or holds anything that would have to be executed.
            Files may be hostile: none of their code runs, no link in them is followed, and sizes that they claim are
            compared with theirs.
    """
    path = Path(path)
    with reading(path):
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(len(START))
        if not size:
            raise Refused(f"{path} is empty (0 bytes)")
        if start.startswith(hdf5.SIGNATURE):
            return _read_hdf5(path)
        if start.startswith(b"PK\x03\x04"):
            return _read_archive(path)
        if start == START:
            return read_legacy(path)
        if is_safetensors(start, size):
            return read_safetensors(path)
    shown = "a pickle" if start.startswith(b"\x80") else f"{start[:9]!r}..."
    raise Refused(f"{path} is not a file of weights: {EXPECTED}, found {shown}")


def _read_hdf5(path: Path) -> Tensors:
    with hdf5.opened(path) as file:
        hdf5.check_heaps(path, file)
        if is_keras(file):
            return read_keras(path, file)
        if is_keras3(file):
            return read_keras3(path, file)
        shown = ", ".join(sorted(file)[:5]) or "none"
        raise Refused(f"{path} is an HDF5 file without the weights of a model of Keras; found the groups {shown}")


def _read_archive(path: Path) -> Tensors:
    try:
        with zipfile.ZipFile(path) as archive:
            if is_torch_zip(archive):
                return read_zip(path, archive)
            members = archive.namelist()
    except (Refused, OSError):
        raise
    except Exception as error:  # damage raises several types, from zipfile, zlib and struct
        raise Refused(f"{path} is truncated or damaged: {reason_of(error)}") from error
    if "model.weights.h5" in members:
        raise Refused(f"{path} is Keras's archive of a whole model; unpack model.weights.h5 from it")
    kind = "an .npz archive of arrays" if any(name.endswith(".npy") for name in members) else "a zip archive"
    raise Refused(f"{path} is {kind}, not a file of weights: {EXPECTED}")
