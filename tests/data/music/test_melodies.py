"""Melodies as tokens: positions by hand, tokens there and back, splits, transposition, sets that cannot be read."""

from fractions import Fraction

import numpy as np
import pytest
from refusals import plainly

from jaxgen.core.types import Refused
from jaxgen.data.music import abc, melodies, note_symbols, tunes

UPBEAT = "X:1\nT:One\nM:3/4\nL:1/4\nK:G\nD|G>A B|F2:|B|c- c z|d3|]\n"


def scale(number, start, title="", lengths="1111"):
    """A tune of four notes; `start` is a letter."""
    letters = "CDEFGAB"[start:] + "cdefgab"
    body = "".join(letter + length for letter, length in zip(letters, lengths))
    return f"X:{number}\nT:{title or f'Tune {number}'}\nM:4/4\nL:1/4\nK:C\n{body}|\n\n"


def decoded(split, vocabulary):
    return note_symbols.tunes_of([vocabulary[token] for token in split.tokens.tolist()])


def test_positions_by_hand():
    """An upbeat is counted from its end; a bar in two halves, at a repeat, is one."""
    (tune,) = abc.tunes(UPBEAT)
    assert note_symbols.of_tune(tune)[:6] == ["3/4@1/2", "62", "1q", "3/4@0", "67", "3/2q"]
    places = [position.removeprefix("3/4@") for position in note_symbols.positions(tune)]
    assert places == ["1/2", "0", "3/8", "1/2", "0", "1/2", "0", "1/2", "0"]
    assert note_symbols.of_tune(tune)[-1] == "end"


def test_symbols_there_and_back():
    for tune in tunes.melodies():
        symbols = note_symbols.of_tune(tune)
        assert note_symbols.tunes_of(symbols) == [[(pitch, 4 * length) for pitch, length in tune.notes]]
        assert note_symbols.misplaced(symbols) == 0
    mixed = ["1q", "60", "3/4@0", "2q", "62", "64", "1/2q", "rest", "end", "end", "67", "1q", "69"]
    assert note_symbols.tunes_of(mixed) == [[(60, 2), (64, Fraction(1, 2))], [(67, 1)]]
    assert note_symbols.misplaced(mixed) == 10
    assert note_symbols.timed([(60, Fraction(1)), (None, Fraction(2)), (64, Fraction(1, 2))])[1].start == 3.0


def test_the_embedded_melodies_are_split_by_tune():
    every = melodies.load("tunes", transposed=2)
    text, bars = every.text, every.tunes
    assert (bars, every.unread, every.repeated) == ((30, 4, 4), 0, 0)
    parts = [decoded(split, text.vocabulary) for split in (every.written, text.valid, text.test)]
    assert [len(part) for part in parts] == [30, 4, 4]
    assert text.characters[1:] == tuple(sum(map(len, part)) for part in parts[1:])
    moved = decoded(text.train, text.vocabulary)
    assert len(moved) == 5 * 30
    shifts = {
        shift: sum([(pitch and pitch + shift, length) for pitch, length in tune] in moved for tune in parts[0])
        for shift in range(-3, 4)
    }
    assert shifts == {-3: 0, -2: 30, -1: 30, 0: 30, 1: 30, 2: 30, 3: 0}
    assert text.sha256 == melodies.load("tunes", transposed=2).text.sha256
    assert {text.vocabulary[split.tokens[0]] for split in (text.train, text.valid, text.test)} == {"end"}
    assert set(np.unique(text.train.widths)) == {0, 1}


def test_settings_of_one_tune_are_in_one_split(tmp_path):
    """Those that are the same in another key are read once; what is damaged is left out, and both are counted."""
    other = ["1111", "1121", "2111", "1211", "1112", "2211", "2112", "1221", "1122", "3111"]
    text = "".join(scale(n, 0, f"Tune {n // 2}", lengths) for n, lengths in enumerate(other))
    (tmp_path / "a.abc").write_text(text + scale(10, 0) + "X:11\nT:Bad\nK:C\nC & D\n")
    (tmp_path / "b.abc").write_bytes(scale(12, 3, "Mélodie", "1113").encode("latin-1"))
    (tmp_path / "c.abc").write_text("no tune")
    every = melodies.load(str(tmp_path), transposed=0)
    assert (sum(every.tunes), every.unread, every.repeated) == (11, 2, 1)
    assert all(count % 2 == 0 for count in sorted(every.tunes)[:2])
    groups = melodies.settings(abc.tunes(scale(0, 0, "The Hare") + scale(1, 1, "Hare, The") + scale(2, 2)))
    assert [len(group) for group in groups] == [2, 1]


@pytest.mark.ci
def test_refusals_of_sets(tmp_path, monkeypatch):
    monkeypatch.setattr(melodies.importlib.util, "find_spec", lambda name: None)
    (tmp_path / "none").mkdir()
    (tmp_path / "text.abc").write_text("no tune")
    (tmp_path / "two.abc").write_text(scale(1, 0) + scale(2, 0, "", "1112"))
    (tmp_path / "low.abc").write_text("X:1\nT:Low\nK:C\nC,,,,\n")
    cases = {
        "tune": "did you mean 'tunes'",
        "oneills": "pip install music21",
        "nowhere.abc": "there is no file",
        str(tmp_path / "none"): "has no .abc files",
        str(tmp_path / "text.abc"): "no tune that can be read: .*each begins with a line X:",
        str(tmp_path / "two.abc"): "at least 3",
        str(tmp_path / "low.abc"): "Low: no piano has MIDI's note 12",
    }
    for name, message in cases.items():
        with pytest.raises(Refused, match=message):
            melodies.load(name)


def test_too_few_tunes_are_refused_by_name(tmp_path):
    path = tmp_path / "a.abc"
    path.write_text(scale(1, 0) + scale(2, 1, lengths="2112"))
    plainly("three splits need at least 3 of .*; there are 2", path, melodies.load, str(path))
