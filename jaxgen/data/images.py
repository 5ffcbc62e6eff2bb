"""Sets of images by name or path: `load(name)`."""

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from jaxgen.core.types import Refused
from jaxgen.data import digits, glyphs, npz
from jaxgen.data.examples import Dataset, Examples, split

__all__ = ["NAMES", "Dataset", "Examples", "load", "split"]

# Each takes the folder of local files; the two that come with libraries have no use for it.
LOADERS: dict[str, Callable[[str], Dataset]] = {
    "digits": lambda data_dir: digits.load(),
    "glyphs": lambda data_dir: glyphs.load(),
}
NAMES = tuple(LOADERS)


def find(path: str, data_dir: str = "") -> Path:
    """The file at `path`, or at `path` in `data_dir` where it is relative.

    Raises:
        Refused: there is none; the message lists the places.
    """
    given, folders = os.path.expanduser(path), ("", os.path.expanduser(data_dir))
    places = dict.fromkeys(os.path.abspath(os.path.join(folder, given)) for folder in folders)
    for place in places:
        if os.path.exists(place):
            return Path(place)
    raise Refused(f"there is no file {path}; looked for {' and '.join(places)}")


def load(name: str, data_dir: str = "") -> Dataset:
    """A set of images in train, valid and test splits; the same images in every run.

    Args:
        name: one of NAMES, or the path of an .npz archive (see `jaxgen.data.npz`).
        data_dir: folder in which a relative path is looked for as well.

    Raises:
        Refused: an unknown name, a missing or unusable file, or a library that is not installed.
    """
    if name in LOADERS:
        return LOADERS[name](data_dir)
    if name.lower().endswith(".npz"):
        return npz.load(find(name, data_dir))
    near = difflib.get_close_matches(name.lower(), NAMES, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise Refused(f"no data set {name!r}{hint}; known are {', '.join(NAMES)}, and paths that end in .npz")
