"""Sets of images by name or path: `load(name)`."""

import difflib
import functools
import os
from collections.abc import Callable
from pathlib import Path

from jaxgen.core.types import Refused
from jaxgen.data.examples import Dataset, Examples, split
from jaxgen.data.formats import npz
from jaxgen.data.images import digits, frogs, glyphs, olivetti, originals
from jaxgen.data.images.subsets import narrowed
from jaxgen.data.rows import RESIDENT

__all__ = ["NAMES", "Dataset", "Examples", "load", "split"]

# Each takes the folder of local files; the two that come with libraries have no use for it.
LOADERS: dict[str, Callable[[str], Dataset]] = {
    "digits": lambda data_dir: digits.load(),
    "glyphs": lambda data_dir: glyphs.load(),
    **{name: functools.partial(originals.load, name) for name in originals.ORIGINALS},
    "olivetti": olivetti.load,
    "frogs": frogs.load,
}
NAMES = tuple(LOADERS)
TFDS = "tfds:"


def places(path: str, data_dir: str = "") -> list[Path]:
    """Where `path` may be: as it stands, and where it is relative in `data_dir` as well."""
    given, folders = os.path.expanduser(path), ("", os.path.expanduser(data_dir))
    return [Path(p) for p in dict.fromkeys(os.path.abspath(os.path.join(folder, given)) for folder in folders)]


def find(path: str, data_dir: str = "") -> Path:
    """The first of `places` that exists.

    Raises:
        Refused: there is none; the message lists the places.
    """
    for place in places(path, data_dir):
        if os.path.exists(place):  # says no, where Path.exists raises, to names that no file can have
            return place
    looked = " and ".join(map(str, places(path, data_dir)))
    raise Refused(f"there is no file or folder {path}; looked for {looked}")


def load(
    name: str,
    data_dir: str = "",
    image_size: int = 0,
    resident: int = RESIDENT,
    classes: str = "",
    per_class: int = 0,
    least: int = 0,
) -> Dataset:
    """A set of images in train, valid and test splits; the same images in every run.

    Args:
        name: one of NAMES; tfds:NAME or tfds:NAME:CONFIG; the path of a folder or zip of images, or of an .npz or
            .npy file.
        data_dir: folder in which sets, and relative paths as well, are looked for, and to which sets are downloaded.
        image_size: side of the square that images of a folder, or of TFDS, are brought to; 0 where all have one size.
        resident: bytes of images up to which a set is held in memory.
        classes, per_class: which part of it, see `subsets.narrowed`.
        least: how many classes the part must at least have, where images are to be told apart.

    Raises:
        Refused: an unknown name, a missing or unusable file, classes that the set has not, too few of them, or a
            library that is not installed.
    """
    found = narrowed(_load(name, data_dir, image_size, resident), classes, per_class)
    if len(found.classes) < least:
        which = f"--classes={classes} of {name}" if classes else name
        raise Refused(
            f"{which} has {len(found.classes) or 'no'} class{'es' * (len(found.classes) != 1)}; at least {least} are "
            "needed here (a folder has one for each subfolder)"
        )
    return found


def _load(name: str, data_dir: str, image_size: int, resident: int) -> Dataset:
    if name.startswith(TFDS):
        from jaxgen.data.images import tfds_sets

        return tfds_sets.load(name.removeprefix(TFDS), data_dir, image_size, resident)
    arrays = name.lower().endswith((".npz", ".npy"))
    if image_size and (arrays or name in LOADERS):
        raise Refused(f"--image_size is for folders of images and TFDS; the images of {name} have one size already")
    if name in LOADERS:
        return LOADERS[name](data_dir)
    if arrays:
        return npz.load(find(name, data_dir), resident)
    if os.sep in name or name.lower().endswith(".zip") or (name and any(map(os.path.isdir, places(name, data_dir)))):
        from jaxgen.data.images import folder

        return folder.load(find(name, data_dir), image_size, resident)
    near = difflib.get_close_matches(name.lower(), NAMES, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise Refused(
        f"no data set {name!r}{hint}; known are {', '.join(NAMES)}, tfds:NAME, and paths of folders, .zip, .npz or .npy"
    )
