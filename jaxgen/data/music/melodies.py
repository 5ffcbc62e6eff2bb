"""Sets of melodies as tokens of notes, by name or path: `load(name)`.

tunes       38 melodies, see `tunes`; embedded
oneills     O'Neill's Music of Ireland 1903, tunes in ABC notation, in the corpus of the package music21

N    tokens of a split
V    size of the vocabulary
"""

import difflib
import hashlib
import importlib.util
import os
import re
from collections.abc import Sequence, Set
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data import examples
from jaxgen.data.music import abc, note_symbols, tunes
from jaxgen.data.music.abc import Tune
from jaxgen.data.music.rolls import KEYS, LOWEST
from jaxgen.data.places import candidate_paths, existing, reading
from jaxgen.data.text.blocks import smallest_dtype
from jaxgen.data.text.texts import Split, Text

NAMES = ("tunes", "oneills")
OPENING = 16  # intervals: tunes that begin with the same ones are settings of one
TOKENS = 3  # of a note
SHIFTS = (5, 6)  # semitones down and up: all twelve keys
Order = tuple[tuple[int | None, ...], tuple[Fraction, ...]]


class Melodies(NamedTuple):
    """A set of melodies as tokens, in the same three splits in every run."""

    text: Text  # at level "note"; its training split has every transposition of a tune
    written: Split  # the training tunes as they are written, once
    tunes: tuple[int, int, int]  # in each split
    unread: int  # tunes that cannot be read, and are left out
    repeated: int  # tunes that have the notes of an earlier one, transposed or not, and are left out


def load(name: str, data_dir: str = "", transposed: int = 6) -> Melodies:
    """A set of melodies, of which 80 / 10 / 10 % train, validate and test.

    Settings of one tune are in one split: those with the same title, or the same OPENING intervals. The vocabulary has
    the positions and lengths of all splits, as a text's has all characters, and all pitches between the lowest and the
    highest. Each split begins with the end of a tune, so that all its notes have a token before them.

    Args:
        name: one of NAMES, or the path of an .abc file or of a folder of them.
        data_dir: folder in which relative paths are looked for.
        transposed: semitones that training tunes are moved by at most, either way, but at most SHIFTS.

    Raises:
        Refused: the name is unknown, the package or a file is missing, no tune can be read, or there are fewer than
            three.
    """
    read, unread = _read(name, data_dir)
    known = {_notes(tune): tune for tune in reversed(read)}  # of those that are the same, the first
    distinct = list(reversed(known.values()))
    parted = examples.parted(settings(distinct), name)
    splits = [[tune for group in parted[part] for tune in group] for part in ("train", "valid", "test")]
    spelled = [[note_symbols.of_tune(tune) for tune in split] for split in splits]
    down, up = (min(transposed, most) for most in SHIFTS)
    vocabulary = vocabulary_of({symbol for split in spelled for tune in split for symbol in tune}, down, up)
    number = {symbol: n for n, symbol in enumerate(vocabulary)}
    encoded = [[np.array([number[symbol] for symbol in tune]) for tune in split] for split in spelled]
    kinds = np.array([note_symbols.kind(symbol) for symbol in vocabulary])
    keys = (kinds == "pitch") & (np.array(vocabulary) != note_symbols.REST)
    moved = [np.where(keys[tune], tune + shift, tune) for shift in range(-down, up + 1) for tune in encoded[0]]
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(moved))  # the set's, not the run's
    parts = [[moved[n] for n in order], encoded[1], encoded[2], encoded[0]]
    train, valid, test, written = (split_of(part, number[note_symbols.END], kinds) for part in parts)
    held = [[split.tokens] for split in (train, valid, test)]
    made = hashlib.sha256(repr(vocabulary).encode() + examples.digest(held).encode())
    first, second, third = (sum(len(tune) // TOKENS for tune in part) for part in parts[:3])
    text = Text(Path(name).stem, "note", vocabulary, train, valid, test, made.hexdigest(), (first, second, third))
    counts = (len(splits[0]), len(splits[1]), len(splits[2]))
    return Melodies(text, written, counts, unread, len(read) - len(distinct))


def split_of(tunes: Sequence[np.ndarray], end: int, kinds: np.ndarray) -> Split:
    """Tunes [n] one after the other, behind an end; widths are 1 for pitches and rests, 0 for other tokens."""
    tokens = np.concatenate([np.array([end]), *tunes]).astype(smallest_dtype(len(kinds)))
    return Split(tokens, (kinds == "pitch")[tokens].astype(np.uint8))


def vocabulary_of(symbols: Set[str], down: int, up: int) -> tuple[str, ...]:
    """The end, the rest, pitches in order, lengths in order, positions in order; moved down and up by semitones."""
    of_kind = lambda kind: [symbol for symbol in symbols if note_symbols.kind(symbol) == kind]
    pitches = [int(symbol) for symbol in of_kind("pitch") if symbol != note_symbols.REST]
    keys = map(str, range(min(pitches) - down, max(pitches) + up + 1))
    lengths = sorted(of_kind("length"), key=lambda length: Fraction(length[:-1]))
    by_meter = lambda position: (position.split("@")[0], Fraction(position.split("@")[1]))
    return (note_symbols.END, note_symbols.REST, *keys, *lengths, *sorted(of_kind("position"), key=by_meter))


def settings(tunes: Sequence[Tune]) -> list[list[Tune]]:
    """Tunes that share a title, or their first intervals, as one group each, in order."""
    parent, first = list(range(len(tunes))), dict[object, int]()

    def root(n):
        while parent[n] != n:
            n = parent[n]
        return n

    for n, tune in enumerate(tunes):
        title = re.sub(r"\bthe\b|\W+", "", tune.title.lower())
        opening = _notes(tune)[0][:OPENING]
        for key in (title if tune.title != abc.UNTITLED else n, opening if len(opening) == OPENING else n):
            parent[root(n)] = root(first.setdefault(key, n))
    groups: dict[int, list[Tune]] = {}
    for n, tune in enumerate(tunes):
        groups.setdefault(root(n), []).append(tune)
    return list(groups.values())


def _notes(tune: Tune) -> Order:
    """Intervals from note to note, rests as None, and lengths: what is the same in all keys."""
    moves, before = list[int | None](), None
    for pitch, _ in tune.notes:
        moves.append(None if pitch is None else pitch - (pitch if before is None else before))
        before = before if pitch is None else pitch
    return tuple(moves), tuple(length for _, length in tune.notes)


def _read(name: str, data_dir: str) -> tuple[list[Tune], int]:
    """The tunes of a set that can be read, and how many cannot."""
    if name == "tunes":
        return tunes.melodies(), 0
    if name == "oneills":
        package = importlib.util.find_spec("music21")  # found without being imported
        if package is None:
            raise Refused("oneills is in the corpus of music21: pip install music21")
        folder = Path((package.submodule_search_locations or [""])[0]) / "corpus" / "oneills1850"
        return of_files(sorted(folder.glob("*.abc")), folder)
    is_there = name and any(map(os.path.exists, candidate_paths(name, data_dir)))
    if is_there or os.sep in name or name.lower().endswith(".abc"):
        path = existing(name, data_dir)
        files = sorted(each for each in path.rglob("*") if each.suffix.lower() == ".abc") if path.is_dir() else [path]
        return of_files(files, path)
    near = difflib.get_close_matches(name.lower(), NAMES, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    known = f"known are {', '.join(NAMES)}, and paths of .abc files or of a folder of them"
    raise Refused(f"no melodies {name!r}{hint}; {known}")


def of_files(files: Sequence[Path], where: Path) -> tuple[list[Tune], int]:
    """The tunes of ABC files that can be read, and how many cannot. Raises Refused, with the reason, where none can."""
    if not files:
        raise Refused(f"{where} has no .abc files")
    found, reasons = list[Tune](), list[str]()
    for file in files:
        with reading(file):
            content = file.read_bytes()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("latin-1")  # of older collections
        try:
            parts = abc.parts(text)
        except Refused as error:
            parts = []
            reasons.append(f"{file}: {error}")
        for part in parts:
            try:
                found.append(playable(abc.tune(part)))
            except Refused as error:
                reasons.append(f"{file}: {error}")
    if not found:
        raise Refused(f"{where} has no tune that can be read: {reasons[0]}")
    return found, len(reasons)


def playable(tune: Tune) -> Tune:
    """The tune. Raises Refused where no piano has one of its notes."""
    for pitch, _ in tune.notes:
        if pitch is not None and not LOWEST <= pitch < LOWEST + KEYS:
            raise Refused(f"{tune.title}: no piano has MIDI's note {pitch}")
    return tune
