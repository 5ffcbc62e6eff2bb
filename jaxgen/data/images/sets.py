"""Sets of images by name or path: `load(name)`.

A module of one named set has `load(data_dir) -> Dataset`, with "" for no folder of local files; where a set is chosen
by name, here and in `text.texts`, `load` takes the name first. Functions for one kind of file are named after the kind.
"""

import difflib
import functools
import os
from collections.abc import Callable

from jaxgen.core.types import Refused
from jaxgen.data.examples import Dataset, Examples, split
from jaxgen.data.formats import npz
from jaxgen.data.images import digits, frogs, glyphs, olivetti, olivetti_glasses, originals, stacked
from jaxgen.data.images.subsets import narrowed
from jaxgen.data.places import TFDS, candidate_paths, existing
from jaxgen.data.rows import RESIDENT

__all__ = ["NAMES", "Dataset", "Examples", "load", "split"]

LOADERS: dict[str, Callable[[str], Dataset]] = {  # each takes data_dir
    "digits": digits.load,
    "glyphs": glyphs.load,
    **{name: functools.partial(originals.original_dataset, name) for name in originals.ORIGINALS},
    "olivetti": olivetti.load,
    "olivetti_glasses": olivetti_glasses.load,
    "frogs": frogs.load,
    stacked.NAME: stacked.load,
}
NAMES = tuple(LOADERS)


def load(
    name: str,
    data_dir: str = "",
    image_size: int = 0,
    resident: int = RESIDENT,
    classes: str = "",
    per_class: int = 0,
    draw_seed: int = 0,
    least: int = 0,
) -> Dataset:
    """A set of images in train, valid and test splits.

    Args:
        name: one of NAMES; tfds:NAME or tfds:NAME:CONFIG; the path of a folder or zip of images, or of an .npz or
            .npy file.
        data_dir: folder in which sets and relative paths are looked for, and to which sets are downloaded.
        image_size: side of the square to which images of a folder, or of TFDS, are resized and cropped; 0 where all
            have one size.
        resident: bytes up to which a set's images are held in memory.
        classes, per_class, draw_seed: the part of the set to return, see `subsets.narrowed`.
        least: the smallest number of classes that the part must have, for classifiers.

    Raises:
        Refused: the name is unknown, a file is missing or damaged, the set lacks one of the classes or has too few, or
            a library is not installed.
    """
    images = narrowed(_load(name, data_dir, image_size, resident), classes, per_class, draw_seed)
    if len(images.classes) < least:
        part = f"--classes={classes} of {name}" if classes else name
        raise Refused(
            f"{part} has {len(images.classes) or 'no'} class{'es' * (len(images.classes) != 1)}; at least {least} are "
            "needed here (a folder has one for each subfolder)"
        )
    return images


def _load(name: str, data_dir: str, image_size: int, resident: int) -> Dataset:
    if name.startswith(TFDS):
        from jaxgen.data.images import tfds_sets

        return tfds_sets.tfds_dataset(name.removeprefix(TFDS), data_dir, image_size, resident)
    is_file = name.lower().endswith((".npz", ".npy"))
    if image_size and (is_file or name in LOADERS):
        raise Refused(f"--image_size is for folders of images and TFDS; the images of {name} have one size already")
    if name in LOADERS:
        return LOADERS[name](data_dir)
    if is_file:
        return npz.npz_dataset(existing(name, data_dir), resident)
    is_folder = name and any(map(os.path.isdir, candidate_paths(name, data_dir)))
    if os.sep in name or name.lower().endswith(".zip") or is_folder:
        from jaxgen.data.images import folder

        return folder.folder_dataset(existing(name, data_dir), image_size, resident)
    near = difflib.get_close_matches(name.lower(), NAMES, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise Refused(
        f"no data set {name!r}{hint}; known are {', '.join(NAMES)}, tfds:NAME, and paths of folders, .zip, .npz or .npy"
    )
