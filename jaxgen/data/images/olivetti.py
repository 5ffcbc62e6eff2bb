"""The Olivetti faces: 40 people, 10 photographs each, 64x64, AT&T Laboratories Cambridge 1992-1994.

Samaria & Harter, "Parameterisation of a stochastic model for human face identification", 1994.
"""

from pathlib import Path

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.examples import Dataset, Examples, dataset
from jaxgen.data.formats import matlab
from jaxgen.data.formats.arrays import read_npz
from jaxgen.data.places import data_folders, first_existing, reason_of
from jaxgen.data.rows import RESIDENT

PEOPLE, EACH, SIDE = 40, 10, 64
NPZ, MATLAB = "olivetti.npz", "olivettifaces.mat"
# From scikit-learn: address, bytes (unknown), sha256.
SOURCE = {
    MATLAB: (
        "https://ndownloader.figshare.com/files/5976027",
        None,
        "b612fb967f2dc77c9c62d3e1266e0c73d5fca46a4b8906c18e454d41af987794",
    )
}


def read_faces(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images [400, 64, 64] uint8 and labels [400] int32. Raises Refused where the file is damaged or another one."""
    try:
        if path.suffix == ".mat":
            # Columns are images, written column by column.
            faces = matlab.read(path, ["faces"])["faces"]
            image = np.asarray(faces).T.reshape(-1, SIDE, SIDE).swapaxes(1, 2)
            label = np.arange(len(image)) // EACH
        else:
            arrays = read_npz(path, RESIDENT, ["images"], ["labels"])
            image, label = (np.asarray(arrays[name]) for name in ("images", "labels"))
    except Refused:
        raise
    except Exception as error:  # damage raises many types, from zipfile, zlib and numpy
        raise Refused(f"{path} cannot be read: {reason_of(error)}") from error
    shape = (PEOPLE * EACH, SIDE, SIDE)
    if image.shape != shape or image.dtype != np.uint8:
        raise Refused(f"{path}: expected images {shape} uint8, found {image.shape} {image.dtype}")
    if not np.array_equal(np.sort(label), np.repeat(np.arange(PEOPLE), EACH)):
        raise Refused(f"{path}: expected {EACH} labels of each of {PEOPLE} people")
    return image, label.astype(np.int32)


def faces(data_dir: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Images [400, 64, 64] uint8 and people's numbers [400] int32.

    Raises:
        Refused: the file is damaged, or missing and cannot be downloaded.
    """
    bases = data_folders(data_dir)
    path = first_existing([b / folder / name for b in bases for folder in ("olivetti", "") for name in (NPZ, MATLAB)])
    if path is None:
        from jaxgen.data.download import fetch

        path = bases[0] / "olivetti" / MATLAB
        fetch("olivetti", SOURCE, path.parent)
    return read_faces(path)


def load(data_dir: str = "") -> Dataset:
    """Faces [64, 64, 1]: 8 photographs of each person for training, 1 for validation, 1 for the test, always the same.

    Raises Refused, see `faces`.
    """
    image, label = faces(data_dir)
    order = np.argsort(label, kind="stable").reshape(PEOPLE, EACH)
    order = np.random.Generator(np.random.PCG64(0)).permuted(order, axis=1)
    flat, names = image.reshape(len(image), -1), tuple(f"person {n + 1}" for n in range(PEOPLE))
    parts = (order[:, :8].ravel(), order[:, 8], order[:, 9])
    return dataset("olivetti", (SIDE, SIDE, 1), names, *(Examples(flat[p], label[p]) for p in parts))
