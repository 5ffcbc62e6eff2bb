"""Drawings in text files: QuickDraw's .ndjson, and .json files of one's own. Files are not trusted.

.ndjson    a line a drawing, {"word": class, "drawing": [[[x, ...], [y, ...]], ...]}; the times that raw drawings have
           as third list of each stroke are not used (https://github.com/googlecreativelab/quickdraw-dataset)
.json      {"classes": ["a", ...], "sketches": [{"class": "a", "strokes": [[[x, y], ...], ...]}, ...]}
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.places import reading, shown
from jaxgen.data.strokes import shaping

BAD = (TypeError, ValueError, LookupError, OverflowError)  # raised by values that are something else than is expected
Labelled = tuple[np.ndarray, str]  # offsets [n, 3] and a class


def read_ndjson(path: Path) -> list[Labelled]:
    """The drawings of a QuickDraw file as offsets [n, 3] float32, in its order; empty lines are passed over.

    Raises:
        Refused: the file cannot be read, or a line of it is no drawing.
    """
    labelled = []
    for number, line in enumerate(_text(path).split("\n"), 1):
        if line.strip():
            where = f"line {number} of {path}"
            drawing = _parsed(where, line)
            try:
                strokes = [_points(list(zip(*stroke[:2], strict=True))) for stroke in drawing["drawing"]]
                labelled.append((shaping.to_offsets(strokes), _word(drawing["word"])))
            except BAD as error:
                raise Refused(
                    f'{where} is no drawing {{"word": ..., "drawing": [[[x, ...], [y, ...]], ...]}}'
                ) from error
    return labelled


def read_json(path: Path) -> tuple[list[Labelled], tuple[str, ...]]:
    """The sketches of a .json file as offsets [n, 3] float32, in its order, and its classes.

    Raises:
        Refused: the file cannot be read, is arranged otherwise, names a class twice, or has a sketch of another class.
    """
    content = _parsed(str(path), _text(path))
    labelled = []
    try:
        classes = tuple(_word(each) for each in content["classes"])
        listed = list(content["sketches"])
    except BAD as error:
        raise Refused(f'{path} is not arranged as {{"classes": ["a", ...], "sketches": [...]}}') from error
    if len(set(classes)) < len(classes):
        raise Refused(f"{path} names a class twice")
    for number, sketch in enumerate(listed):
        try:
            strokes = [_points(stroke) for stroke in sketch["strokes"]]
            label = _word(sketch["class"])
        except BAD as error:
            form = '{"class": ..., "strokes": [[[x, y], ...], ...]}'
            raise Refused(f"sketch {number} of {path}, counted from 0, is not arranged as {form}") from error
        if label not in classes:
            of = shown(label, 60)
            raise Refused(f"sketch {number} of {path}, counted from 0, is of class {of!r}, which is not among classes")
        labelled.append((shaping.to_offsets(strokes), label))
    return labelled, classes


def _text(path: Path) -> str:
    with reading(path):
        content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is not UTF-8 text") from error


def _parsed(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{where} is not JSON, or truncated: {error}") from error


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a class {value!r}")
    return value


def _points(pairs: Any) -> np.ndarray:
    """A list of pairs as float64 [m, 2]."""
    points = np.array(pairs, np.float64)
    if points.size and (points.ndim != 2 or points.shape[1] != 2):
        raise ValueError(f"points of the shape {points.shape}")
    return points.reshape(-1, 2)


def folder_files(path: Path, suffix: str) -> Iterator[tuple[Path, str]]:
    """(file, class) of visible files with a suffix in the subfolders of a folder, sorted; a subfolder is a class.

    Raises Refused where a folder cannot be read.
    """
    with reading(path):
        for folder in sorted(each for each in path.iterdir() if each.is_dir() and not each.name.startswith(".")):
            for file in sorted(folder.iterdir()):
                if file.suffix.lower() == suffix and not file.name.startswith("."):
                    yield file, folder.name
