"""Where the weights of a network are: a file that is named, one in the data folder, or a published one, downloaded."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from jaxgen.core.types import Refused
from jaxgen.data.places import candidate_paths, data_folders, expanded, first_existing, reading
from jaxgen.data.weights.official import FILES, File

FOLDER = "weights"  # in the data folder
SUFFIXES = (".h5", ".hdf5", ".pth", ".pt", ".safetensors")


def locate(network: str, path: str = "", data_dir: str = "", top: bool = False, download: bool = False) -> Path:
    """The file of a network's weights.

    Without a `path` it is looked for in `weights` of the data folder, then in that of the cache: first by the names of
    FILES, then any file, the largest, whose name begins with the network's: "vgg19_block1-3.h5". Such a file may lack
    layers.

    Args:
        network: "vgg16", "vgg19", "inception_v3", "squeezenet", or another one, of which no published file is known.
        path: of a file, which is then used; relative to the working folder, the data folder or `weights` in it.
        data_dir: the data folder; "" for none.
        top: whether the dense layers or the classifier at the end are needed.
        download: where there is no file of FILES, whether to fetch one into the data folder.

    Raises:
        Refused: there is no such file, with the name of one and its address, or it cannot be downloaded.
    """
    folders = [base / FOLDER for base in data_folders(data_dir)]
    if path:
        paths = [*candidate_paths(path, data_dir), *(folder / expanded(path) for folder in folders)]
        if named := first_existing(paths):
            return named
        raise Refused(f"there is no file {path}; looked for {', '.join(dict.fromkeys(map(str, paths)))}")
    files = [file for file in FILES.get(network, ()) if file.top >= top]
    whole = first_existing([folder / file.name for folder in folders for file in files])
    if whole:
        return whole
    if download and (verified := next((file for file in files if file.digest), None)):
        return _fetched(network, verified, folders[0])
    part = next((each for folder in folders for each in _parts(network, folder, top)), None)
    if part is None:
        raise Refused(_advice(network, files, folders, top))
    return part


def _parts(network: str, folder: Path, top: bool) -> list[Path]:
    """The files whose names begin with the network's, the largest first; not vgg16_bn's, which is another network."""
    if not os.path.isdir(folder):
        return []
    begins = re.compile(rf"{re.escape(network)}(?=[_.-])(?!_bn(?![a-z]))", re.IGNORECASE)
    with reading(folder):
        paths = [each for each in folder.iterdir() if begins.match(each.name) and each.suffix.lower() in SUFFIXES]
        sizes = {each: each.stat().st_size for each in paths if not (top and "notop" in each.name)}
    return sorted(sizes, key=lambda each: (-sizes[each], each.name))


def _fetched(network: str, file: File, folder: Path) -> Path:
    from jaxgen.data.download import fetch

    fetch(network, {file.name: (file.url, file.size, file.digest)}, folder)
    return folder / file.name


def _advice(network: str, files: Sequence[File], folders: Sequence[Path], top: bool) -> str:
    missing = (
        f"there are no weights of {network}{' with its classifier' if top else ''} in {' or '.join(map(str, folders))}"
    )
    if not files:
        return f"{missing}; name a file of them with --weights=PATH"
    return f"{missing}; put {files[0].name} there (from {files[0].url}), or name a file with --weights=PATH"
