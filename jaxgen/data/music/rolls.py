"""Pieces as piano rolls: for each step of time, which of the 88 keys of a piano sound.

L    steps
"""

from collections.abc import Iterable, Sequence

import numpy as np

from jaxgen.data.music.abc import Tune
from jaxgen.data.music.midi import Note

KEYS, LOWEST = 88, 21  # keys, and MIDI's number of the first


def of_notes(notes: Iterable[Note], steps_per_beat: int) -> np.ndarray:
    """The roll [L, 88] uint8 of notes; those that no piano has are left out.

    Notes begin and end at the nearest steps, and last one at least. Between a note and the next of the same pitch is
    silence, a step of the longer than one; else they would be one note.
    """
    own = [note for note in notes if LOWEST <= note.pitch < LOWEST + KEYS]
    at = lambda beats: round(steps_per_beat * beats)
    ends = lambda note: max(at(note.start + note.length), at(note.start) + 1)
    bounds = [(note.pitch - LOWEST, at(note.start), ends(note)) for note in own]
    roll = np.zeros((max((end for _, _, end in bounds), default=0), KEYS), np.uint8)
    for key, start, end in sorted(bounds, key=lambda bound: bound[1]):
        if start > 0 and roll[start - 1 : start, key].any():
            before = roll[:start, key]
            if len(before) > 1 and before[-2:].all():
                roll[start - 1, key] = 0
        roll[start:end, key] = 1
    return roll


def of_tune(tune: Tune, steps_per_beat: int) -> np.ndarray:
    """The roll of a melody."""
    notes, now = [], 0.0
    for pitch, length in tune.notes:
        if pitch is not None:
            notes.append(Note(pitch, now, 4 * float(length)))
        now += 4 * float(length)
    return of_notes(notes, steps_per_beat)


def of_chords(chords: Sequence[Sequence[int]]) -> np.ndarray:
    """The roll of a list of chords, each a list of MIDI's numbers. Raises ValueError for what is no key."""
    roll = np.zeros((len(chords), KEYS), np.uint8)
    for step, chord in enumerate(chords):
        for pitch in chord:
            if not isinstance(pitch, int) or not LOWEST <= pitch < LOWEST + KEYS:
                raise ValueError(f"{pitch!r} is none of the numbers {LOWEST} to {LOWEST + KEYS - 1} of a piano's keys")
            roll[step, pitch - LOWEST] = 1
    return roll


def to_notes(roll: np.ndarray, steps_per_beat: int) -> list[Note]:
    """The notes of a roll: a key that sounds for several steps is one note."""
    edges = np.diff(np.pad(np.asarray(roll, np.int8), ((1, 1), (0, 0))), axis=0)
    notes = []
    for key in np.flatnonzero(np.asarray(roll).any(0)):
        starts, ends = (np.flatnonzero(edges[:, key] == sign) for sign in (1, -1))
        pairs = zip(starts / steps_per_beat, (ends - starts) / steps_per_beat)
        notes += [Note(int(key) + LOWEST, float(start), float(length)) for start, length in pairs]
    return sorted(notes, key=lambda note: (note.start, note.pitch))
