"""A bigram of notes, what a language model of melodies has to beat: p(note | note before), counted.

A note is a pitch and its length together, or the end of a tune; where notes begin in a bar it is told for nothing. Its
estimate is interpolated with that of single notes and with a uniform one (Jelinek & Mercer 1980; Chen & Goodman 1999,
https://doi.org/10.1006/csla.1999.0128); weights are those that suit the validation split best.

N    notes and ends of a split, of which the first is an end
V    pairs of a pitch and a length, and the end
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxgen.data.music import note_symbols
from jaxgen.data.music.melodies import Melodies

ROUNDS = 200  # of expectation and maximisation


class Counts(NamedTuple):
    """How often notes occur, and which follow which."""

    size: int  # V
    single: np.ndarray  # [V], as a note to predict
    before: np.ndarray  # [V], as the note before one
    pairs: np.ndarray  # sorted numbers V * before + note
    times: np.ndarray  # of each of the pairs


def numbered(tokens: np.ndarray, vocabulary: Sequence[str]) -> np.ndarray:
    """A split's notes, [N] ints: 0 for the end of a tune, else 1 + its pitch's place * lengths + its length's place."""
    kinds = np.array([note_symbols.kind(symbol) for symbol in vocabulary])
    rank = np.zeros(len(vocabulary), np.int64)
    for kind in ("pitch", "length"):
        rank[kinds == kind] = np.arange((kinds == kind).sum())
    first = np.flatnonzero(np.isin(kinds, ("pitch", "end"))[tokens])
    following = tokens[np.minimum(first + 1, len(tokens) - 1)]
    joint = 1 + rank[tokens[first]] * np.count_nonzero(kinds == "length") + rank[following]
    return np.where((kinds == "end")[tokens[first]], 0, joint)


def size(vocabulary: Sequence[str]) -> int:
    """V."""
    kinds = [note_symbols.kind(symbol) for symbol in vocabulary]
    return 1 + kinds.count("pitch") * kinds.count("length")


def count(notes: np.ndarray, size: int) -> Counts:
    """Of a training split [N]."""
    pairs, times = np.unique(notes[:-1] * size + notes[1:], return_counts=True)
    single, before = (np.bincount(each, minlength=size) for each in (notes[1:], notes[:-1]))
    return Counts(size, single, before, pairs, times)


def estimates(counts: Counts, notes: np.ndarray) -> np.ndarray:
    """p of each note but the first: [N - 1, 3] by the note before it, by itself, uniform.

    After a note that never stood before another, the first is the second.
    """
    single = counts.single[notes[1:]] / counts.single.sum()
    wanted = notes[:-1] * counts.size + notes[1:]
    place = np.minimum(np.searchsorted(counts.pairs, wanted), len(counts.pairs) - 1)
    times = np.where(counts.pairs[place] == wanted, counts.times[place], 0)
    before = counts.before[notes[:-1]]
    pair = np.where(before > 0, times / np.maximum(before, 1), single)
    return np.stack([pair, single, np.full(len(single), 1 / counts.size)], axis=1)


def mixed(p: np.ndarray) -> np.ndarray:
    """The weights of estimates [N, K] under which they are most probable, [K]: by expectation and maximisation."""
    weights = np.full(p.shape[1], 1 / p.shape[1])
    for _ in range(ROUNDS):
        share = p * weights
        weights = (share / share.sum(axis=1, keepdims=True)).mean(axis=0)
    return weights


def bits_per_note(p: np.ndarray, notes: np.ndarray) -> float:
    """-log2 of p [N - 1] of all but the first of the notes [N], ends of tunes included, over those that are no end."""
    return float(-np.log(p).sum() / math.log(2.0) / np.count_nonzero(notes))


def baselines(every: Melodies) -> dict[str, tuple[float, float]]:
    """Name -> bits per note of the validation and the test split.

    Counted on the training tunes as the network reads them, moved to other keys, and as they are written.
    """
    vocabulary = every.text.vocabulary
    read = lambda split: numbered(split.tokens, vocabulary)
    held = (read(every.text.valid), read(every.text.test))
    found = {}
    moved = [("moved to other keys", every.text.train)] * (len(every.text.train.tokens) > len(every.written.tokens))
    for where, split in (*moved, ("as written", every.written)):
        counts = count(read(split), size(vocabulary))
        estimated = [estimates(counts, notes) for notes in held]
        for name, columns in (("bigram", slice(0, 3)), ("unigram", slice(1, 3))):
            weights = mixed(estimated[0][:, columns])
            valid, test = (bits_per_note(p[:, columns] @ weights, notes) for p, notes in zip(estimated, held))
            found[f"{name}, tunes {where}"] = (valid, test)
    return found
