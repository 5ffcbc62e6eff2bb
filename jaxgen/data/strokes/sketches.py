"""Sets of sketches by name or path: `load(name)`.

letters        outlines of letters a to z, of the fonts in matplotlib; embedded
aaron_sheep    sheep that Aaron Koblin's Mechanical Turk workers drew; simplified by the authors of Sketch-RNN
omniglot       handwritten characters (Lake et al. 2015), likewise

N    sketches of a split
L    points of the longest sketch of a set
"""

import difflib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data import examples
from jaxgen.data.places import candidate_paths, data_folders, existing, first_existing
from jaxgen.data.strokes import drawings, letters, pickled, shaping, svg

FILES = ("aaron_sheep", "omniglot")
ADDRESS = "https://github.com/hardmaru/sketch-rnn-datasets"
NAMES = ("letters", *FILES)
SUFFIXES = (".npz", ".ndjson", ".svg", ".json")
SPLITS = ("train", "valid", "test")

Parts = dict[str, list[drawings.Labelled]]  # split -> (offsets [n, 3], class; "" where the set has no classes)


class Split(NamedTuple):
    """Sketches of one length, with zeros behind the shorter ones."""

    strokes: np.ndarray  # [N, L, 3] float32: dx, dy in units of the set's scale, 1 where the pen is lifted afterwards
    length: np.ndarray  # [N] int32, points of each sketch
    label: np.ndarray  # [N] int32 class numbers; zeros where the set has no classes


class Sketches(NamedTuple):
    """A named set of sketches with its three splits, the same ones in every run."""

    name: str
    train: Split
    valid: Split
    test: Split
    classes: tuple[str, ...]  # the name of each class number; () where the set has none
    scale: float  # of which dx and dy are multiples: the standard deviation of all of them in the training split
    longest: int  # L, of all splits
    sha256: str  # of every array of every split, in order: results are comparable only where it agrees
    left_out: int  # sketches of all splits that have too many points


def load(name: str, data_dir: str = "", longest: int = 250) -> Sketches:
    """A set of sketches in train, valid and test splits.

    Args:
        name: one of NAMES; the path of an .npz (see `pickled`), .ndjson, .json (see `drawings`) or .svg file, or of a
            folder that has a subfolder of .svg files for each class. An .npz file has its own splits; of other sets
            80 / 10 / 10 % are drawn with a seed of the set. A single .svg file is one drawing, in all three splits.
        data_dir: folder in which sets (as sketch/NAME.npz) and relative paths are looked for.
        longest: points that a sketch may have; those with more are left out, after the splits are drawn.

    Raises:
        Refused: the name is unknown; a file is missing, damaged or has other splits; a sketch is empty, not [n, 3], not
            finite, or has a pen other than 0 and 1; all sketches of a split are left out; there are fewer than three.
    """
    if longest < 1:
        raise Refused(f"sketches have at least 1 point; found a maximum of {longest}")
    parts, classes, where = _read(name, data_dir)
    kept, left_out = {}, 0
    for split in SPLITS:
        every = [(_checked(f"{split} of {where}", n, each), label) for n, (each, label) in enumerate(parts[split])]
        if not every:
            raise Refused(f"{where} has no sketches in {split}")
        kept[split] = [each for each in every if len(each[0]) <= longest]
        left_out += len(every) - len(kept[split])
        if not kept[split]:
            shortest = min(len(each) for each, _ in every)
            raise Refused(
                f"all {len(every):,} sketches in {split} of {where} have more than {longest} points; the shortest has "
                f"{shortest}"
            )
    try:
        scale = shaping.scale_of([each for each, _ in kept["train"]])
    except Refused as refusal:
        raise Refused(f"{where}: {refusal}") from refusal
    most = max(len(each) for part in kept.values() for each, _ in part)
    train, valid, test = splits = [_split(kept[split], classes, most, scale) for split in SPLITS]
    return Sketches(Path(name).stem, train, valid, test, classes, scale, most, examples.digest(splits), left_out)


def _split(part: list[drawings.Labelled], classes: tuple[str, ...], length: int, scale: float) -> Split:
    numbers = {label: number for number, label in enumerate(classes)}
    strokes, lengths = shaping.padded([each for each, _ in part], length, scale)
    return Split(strokes, lengths, np.array([numbers.get(label, 0) for _, label in part], np.int32))


def _checked(where: str, number: int, sketch: np.ndarray) -> np.ndarray:
    """The sketch as [n, 3] float32. Raises Refused where it cannot be used; `number` counts from 0."""
    which = f"sketch {number} in {where}, counted from 0,"
    if sketch.ndim != 2 or sketch.shape[1] != 3:
        raise Refused(f"{which} has the shape {sketch.shape}; expected [points, 3]")
    if not len(sketch):
        raise Refused(f"{which} is empty: it has no points")
    with np.errstate(over="ignore"):  # reported below
        sketch = sketch.astype(np.float32)
    if not np.isfinite(sketch).all():
        raise Refused(f"{which} has offsets that are not finite")
    if not np.isin(sketch[:, 2], (0, 1)).all():
        raise Refused(f"{which} has a pen other than 0 (drawing goes on) and 1 (lifted) in its third column")
    return sketch


def _read(name: str, data_dir: str) -> tuple[Parts, tuple[str, ...], str]:
    """The splits of a set, its classes, and how messages call it."""
    if name == "letters":
        return letters.sketches(), letters.CLASSES, name
    if name in FILES:
        folders = [folder / "sketch" for folder in data_folders(data_dir)]
        path = first_existing([folder / f"{name}.npz" for folder in folders])
        if path is None:
            raise Refused(f"no {name}.npz in {' or '.join(map(str, folders))}; it can be had from {ADDRESS}")
        return _unlabelled(path), (), str(path)
    is_folder = name and any(map(os.path.isdir, candidate_paths(name, data_dir)))
    if is_folder or os.sep in name or name.lower().endswith(SUFFIXES):
        return _of_path(existing(name, data_dir))
    near = difflib.get_close_matches(name.lower(), NAMES, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    kinds = f"paths of {', '.join(SUFFIXES)} files or of a folder of .svg files"
    raise Refused(f"no sketches {name!r}{hint}; known are {', '.join(NAMES)}, and {kinds}")


def _unlabelled(path: Path) -> Parts:
    return {split: [(sketch, "") for sketch in part] for split, part in pickled.read_npz(path).items()}


def _of_path(path: Path) -> tuple[Parts, tuple[str, ...], str]:
    where, suffix = str(path), path.suffix.lower()
    listed: tuple[str, ...] | None = None
    if path.is_dir():
        files = list(drawings.folder_files(path, ".svg"))
        labelled = [(shaping.to_offsets(svg.read_svg(file)), label) for file, label in files]
    elif suffix == ".npz":
        return _unlabelled(path), (), where
    elif suffix == ".svg":
        drawing = (shaping.to_offsets(svg.read_svg(path)), "")
        return {split: [drawing] for split in SPLITS}, (), where
    elif suffix == ".ndjson":
        labelled = drawings.read_ndjson(path)
    elif suffix == ".json":
        labelled, listed = drawings.read_json(path)
    else:
        raise Refused(f"{where} is none of the files that sketches are read from: {', '.join(SUFFIXES)}")
    if len(labelled) < len(SPLITS):
        kind = ", in subfolders for its classes" if path.is_dir() else ""
        raise Refused(f"{where} has {len(labelled)} sketches{kind}; three splits need at least 3")
    classes = tuple(sorted({label for _, label in labelled})) if listed is None else listed
    return examples.parted(labelled, where), classes, where
