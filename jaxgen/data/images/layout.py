"""Classes and splits of images, inferred from the folders that they are in."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.places import shown

SPLITS = {  # folder, in lower case -> split
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("valid", "val", "validation"), "valid"),
}

Path = tuple[str, ...]  # folders and file


class Layout(NamedTuple):
    """The splits and classes of N files."""

    parts: tuple[slice, ...]  # of the files: all; or train and test; or train, test and valid
    classes: tuple[str, ...]  # () where there are none
    label: np.ndarray  # [N] int32


def layout(where: str, names: Sequence[str]) -> Layout:
    """The layout of files.

    Args:
        where: the name of the set in messages.
        names: sorted paths of the files, with slashes.

    Raises:
        Refused: files and folders are mixed, a split is missing or occurs twice, or splits differ in their classes.
    """
    paths = [tuple(name.split("/")) for name in names]
    while min(map(len, paths)) > 1 and len({path[0] for path in paths}) == 1:
        paths = [path[1:] for path in paths]  # all are in one folder
    parts: dict[str, slice] = {"": slice(0, len(paths))}
    tops = {path[0] for path in paths if len(path) > 1}
    if sum(top.lower() in SPLITS for top in tops) > 1:
        parts = _split(where, paths)
        paths = [path[1:] for path in paths]
    classes_by_split = {name: _classes(where, paths[part], names[part]) for name, part in parts.items()}
    classes = next(iter(classes_by_split.values()))
    for name, others in classes_by_split.items():
        if others != classes:
            odd = shown(", ".join(sorted(classes ^ others)[:5]), 100)
            raise Refused(f"{where}: expected the same classes in train and {name}; only one of them has {odd}")
    if not classes:
        return Layout(tuple(parts.values()), (), np.zeros(len(paths), np.int32))
    number = {name: n for n, name in enumerate(sorted(classes))}
    label = np.array([number[path[0]] for path in paths], np.int32)
    return Layout(tuple(parts.values()), tuple(number), label)


def _split(where: str, paths: Sequence[Path]) -> dict[str, slice]:
    """Split -> its files, which are adjacent; train and test first."""
    start: dict[str, int] = {}
    for n, path in enumerate(paths):
        start.setdefault(path[0], n)
    if others := [top for top in start if top.lower() not in SPLITS]:
        other = shown(others[0], 60)
        raise Refused(f"{where}: expected only the folders train, test and valid beside each other, found {other!r}")
    split = [SPLITS[top.lower()] for top in start]
    if sorted(split) not in (["test", "train"], ["test", "train", "valid"]):
        raise Refused(
            f"{where}: expected one folder train, one test and at most one valid, found {shown(', '.join(start), 60)}"
        )
    ends = [*list(start.values())[1:], len(paths)]
    slices = {name: slice(*bounds) for name, *bounds in zip(split, start.values(), ends)}
    return {name: slices[name] for name in ("train", "test", "valid") if name in slices}


def _classes(where: str, paths: Sequence[Path], names: Sequence[str]) -> set[str]:
    """Names of the folders that these files are in; none where they are in no folder."""
    inside = {len(path) > 1: name for path, name in zip(paths, names)}
    if len(inside) > 1:
        raise Refused(
            f"{where}: expected images in one folder for each class, or all in the folder itself; "
            f"found {shown(inside[False], 60)} beside {shown(inside[True], 60)}"
        )
    return {path[0] for path in paths if len(path) > 1}
