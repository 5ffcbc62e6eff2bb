"""The Olivetti faces: 40 people, 10 photographs each, 64x64, AT&T Laboratories Cambridge 1992-1994.

Samaria & Harter, "Parameterisation of a stochastic model for human face identification", 1994.
"""

from pathlib import Path

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.examples import Dataset, Examples, dataset
from jaxgen.data.rows import cache_folder

PEOPLE, EACH, SIDE = 40, 10, 64
NPZ, MATLAB = "olivetti.npz", "olivettifaces.mat"
# As scikit-learn knows it: address, bytes (unknown), sha256.
SOURCE = {
    MATLAB: (
        "https://ndownloader.figshare.com/files/5976027",
        None,
        "b612fb967f2dc77c9c62d3e1266e0c73d5fca46a4b8906c18e454d41af987794",
    )
}


def arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images [400, 64, 64] uint8 and labels [400], people in order. Raises Refused where the file is none of theirs."""
    try:
        if path.suffix == ".mat":
            from scipy.io import loadmat

            # Columns are images, written column by column.
            image = loadmat(path)["faces"].T.reshape(-1, SIDE, SIDE).swapaxes(1, 2)
            label = np.arange(len(image)) // EACH
        else:
            with np.load(path, allow_pickle=False) as archive:
                image, label = archive["images"], archive["labels"]
    except Exception as error:  # damage raises many types, from zipfile, zlib, numpy and scipy
        raise Refused(f"{path} cannot be read: {str(error).partition(chr(10))[0] or type(error).__name__}") from error
    wanted = (PEOPLE * EACH, SIDE, SIDE)
    if image.shape != wanted or image.dtype != np.uint8:
        raise Refused(f"{path}: expected images {wanted} uint8, found {image.shape} {image.dtype}")
    if label.shape != wanted[:1] or np.bincount(label, minlength=PEOPLE).tolist() != [EACH] * PEOPLE:
        raise Refused(f"{path}: expected {EACH} labels of each of {PEOPLE} people")
    return image, label


def load(data_dir: str = "") -> Dataset:
    """Of each person, 8 photographs to train on, 1 to validate and 1 to test on, drawn once and for all.

    Raises:
        Refused: the file is damaged, or missing and cannot be downloaded.
    """
    bases = [Path(data_dir).expanduser()] if data_dir else []
    bases.append(cache_folder() / "data")
    places = [base / folder / name for base in bases for folder in ("olivetti", "") for name in (NPZ, MATLAB)]
    path = next((place for place in places if place.exists()), None)
    if path is None:
        from jaxgen.data.download import fetch

        path = bases[0] / "olivetti" / MATLAB
        fetch("olivetti", SOURCE, path.parent)
    image, label = arrays(path)
    order = np.argsort(label, kind="stable").reshape(PEOPLE, EACH)
    order = np.random.Generator(np.random.PCG64(0)).permuted(order, axis=1)
    flat, names = image.reshape(len(image), -1), tuple(f"person {n + 1}" for n in range(PEOPLE))
    parts = (order[:, :8].ravel(), order[:, 8], order[:, 9])
    return dataset("olivetti", (SIDE, SIDE, 1), names, *(Examples(flat[p], label[p].astype(np.int32)) for p in parts))
