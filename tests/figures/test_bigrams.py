"""The bigram of notes against counts by hand, and what melodies are compared by."""

import math

import numpy as np
import pytest

from jaxgen.data.music import melodies
from jaxgen.data.music.midi import Note
from jaxgen.figures import bigrams, melodic

VOCABULARY = ("end", "rest", "60", "61", "1q", "2q", "4/4@0", "4/4@1/4")
A, B = ["4/4@0", "60", "1q"], ["4/4@1/4", "rest", "2q"]


def tokens(*symbols):
    return np.array([VOCABULARY.index(symbol) for symbol in symbols])


def test_notes_are_numbered():
    assert bigrams.size(VOCABULARY) == 7
    notes = bigrams.numbered(tokens("end", *A, *B, "end", *B, "end"), VOCABULARY)
    assert notes.tolist() == [0, 3, 2, 0, 2, 0]


def test_a_bigram_by_hand():
    train, test = np.array([0, 3, 3, 2, 0, 3, 2, 0]), np.array([0, 3, 0, 5, 3, 0])
    p = bigrams.estimates(bigrams.count(train, 7), test)
    # After 0 twice 3; after 3: 3, 2, 2; nothing is known of what follows 5.
    np.testing.assert_allclose(p[:, 0], [2 / 2, 0, 0, 3 / 7, 0])
    np.testing.assert_allclose(p[:, 1], [3 / 7, 2 / 7, 0, 3 / 7, 2 / 7])
    np.testing.assert_allclose(p[:, 2], 1 / 7)
    assert bigrams.bits_per_note(np.array([0.5, 0.25, 0.5, 0.5, 0.5]), test) == pytest.approx(6 / 3)
    every = np.stack([bigrams.estimates(bigrams.count(train, 7), np.array([3, n]))[0] for n in range(7)])
    np.testing.assert_allclose(every.sum(0), 1.0)


def test_weights_are_the_best_of_a_grid():
    p = np.random.default_rng(0).uniform(size=(50, 2))
    grid = np.linspace(0.001, 0.999, 999)
    best = max(grid, key=lambda share: np.log(p @ [share, 1 - share]).sum())
    assert bigrams.mixed(p)[0] == pytest.approx(best, abs=2e-3)


@pytest.mark.ci
def test_baselines_of_the_embedded_melodies():
    found = bigrams.baselines(melodies.load("tunes", transposed=1))
    assert [name.split()[0] for name in found] == ["bigram,", "unigram,"] * 2
    assert list(bigrams.baselines(melodies.load("tunes", transposed=0))) == list(found)[2:]
    assert all(0 < bits < math.log2(1000) for both in found.values() for bits in both)
    assert found["bigram, tunes moved to other keys"][1] < found["unigram, tunes moved to other keys"][1]


def test_statistics_by_hand():
    piece = [*A, "4/4@1/4", "64", "3q", *B, "60", "end"]
    found = melodic.statistics([piece])
    expected = [62.0, 2.0, 4.0, 0.0, 2.0, 1.0, 100 * 2 / 6, 3.0, 100 * 2 / 11]
    assert list(found.values()) == pytest.approx(expected)
    assert melodic.until_end([*A, "end", *B]) == [*A, "end"]
    assert melodic.until_end(A) == A
    assert melodic.within([Note(60, 0.0, 9.0), Note(62, 9.0, 1.0)], 4.0) == [Note(60, 0.0, 4.0)]
    size = (88 * 3, 256 * 3)
    for notes in ([], [Note(60, 0.0, 1e9)], [Note(60, 63.9, 1.0)]):
        assert melodic.pictured(notes).shape == size
