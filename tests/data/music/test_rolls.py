"""Notes and rolls by hand, MIDI there and back, sets of pieces, refusals."""

import json

import numpy as np
import pytest
import scipy.io
from refusals import plainly

from jaxgen.core.types import Refused
from jaxgen.data.music import midi, pieces, rolls, tunes
from jaxgen.data.music.midi import Note

NOTES = [Note(60, 0.0, 1.0), Note(64, 0.0, 2.0), Note(60, 1.0, 1.0), Note(108, 2.5, 0.5)]


def test_a_roll_by_hand():
    roll = rolls.of_notes([*NOTES, Note(20, 0.0, 9.0)], 4)  # no piano has the last one
    assert roll.shape == (12, 88)
    assert set(zip(*np.nonzero(roll[:, [39, 43, 87]]))) == (
        {(n, 0) for n in range(8) if n != 3} | {(n, 1) for n in range(8)} | {(10, 2), (11, 2)}
    )  # a step of silence between the two middle C
    assert rolls.to_notes(roll, 4) == [Note(60, 0.0, 0.75), *NOTES[1:]]
    with pytest.raises(ValueError, match="none of the numbers 21 to 108"):
        rolls.of_chords([[60], [20]])
    assert rolls.of_chords([[60, 64], []]).sum() == 2


def test_midi_there_and_back(tmp_path):
    pytest.importorskip("mido")
    path = tmp_path / "piece.mid"
    path.write_bytes(midi.written(NOTES))
    assert midi.read(path) == NOTES


def test_damaged_midi_files_are_refused(tmp_path):
    mido = pytest.importorskip("mido")
    whole = midi.written(NOTES)
    path = tmp_path / "piece.mid"
    for content in (b"", b"RIFF", whole[:-20], whole[:30], whole[:8] + b"\xff" * 20):
        path.write_bytes(content)
        with pytest.raises(Refused, match=r"no MIDI file, or damaged|has no notes"):
            midi.read(path)
    drums = mido.MidiFile(tracks=[mido.MidiTrack([mido.Message("note_on", channel=9, note=60, time=0)])])
    drums.save(path)
    with pytest.raises(Refused, match="has no notes"):
        midi.read(path)


def test_the_embedded_melodies_are_a_set():
    every = pieces.load("tunes")
    assert [len(split.length) for split in (every.train, every.valid, every.test)] == [30, 4, 4]
    roll, length = every.train
    assert roll.max() == 1
    assert all(not row[steps:].any() and row[steps - 1 :].shape[0] for row, steps in zip(roll, length))
    assert roll.sum(2).max() == 1  # one voice
    first = tunes.melodies()[0]
    assert len(rolls.to_notes(rolls.of_tune(first, 4), 4)) == len(first.notes)  # repeated notes stay apart
    assert every.sha256 == pieces.load("tunes").sha256


def test_files_of_rolls_and_of_chords(tmp_path):
    rng = np.random.default_rng(0)
    drawn = {split: [rng.integers(0, 2, (n + 2, 88)).astype(np.uint8) for n in range(3)] for split in pieces.SPLITS}
    cells = {}
    for split, field in pieces.FIELDS.items():
        cells[field] = np.empty((1, 3), object)
        cells[field][0] = drawn[split]
    scipy.io.savemat(tmp_path / "set.mat", cells)
    (tmp_path / "set.json").write_text(json.dumps({split: [[[60, 64], []], [[62]]] for split in pieces.SPLITS}))
    every = pieces.load("set.mat", str(tmp_path))
    np.testing.assert_array_equal(every.test.roll[2, :4], drawn["test"][2])
    assert list(every.test.length) == [2, 3, 4]
    assert pieces.load("set.json", str(tmp_path)).train.roll.sum() == 3


def test_a_file_that_lasts_for_years_is_refused_before_it_is_held(tmp_path):
    pytest.importorskip("mido")
    for n in range(3):
        (tmp_path / f"{n}.mid").write_bytes(midi.written([Note(60, 5e5, 1.0)]))
    with pytest.raises(Refused, match="lasts 2,000,004 steps; a piece may have 100,000"):
        pieces.load(str(tmp_path))


def test_refusals_of_sets(tmp_path):
    scipy.io.savemat(tmp_path / "other.mat", {"traindata": np.zeros((3, 88))})
    (tmp_path / "cut.mat").write_bytes((tmp_path / "other.mat").read_bytes()[:150])
    (tmp_path / "other.json").write_text(json.dumps({"train": [[[60]]], "valid": [], "test": [[[60]]]}))
    (tmp_path / "odd.json").write_text(json.dumps({split: [[[600]]] for split in pieces.SPLITS}))
    (tmp_path / "folder").mkdir()
    cases = {
        "other.mat": "other.mat has no validdata",
        "cut.mat": "an element claims 2,176 bytes, and 14 are there",
        "other.json": "no pieces in valid",
        "odd.json": "600 is none",
        "folder": "at least 3",
        "tune": "did you mean 'tunes'",
        "nowhere.mid": "there is no file",
    }
    for name, message in cases.items():
        with pytest.raises(Refused, match=message):
            pieces.load(name, str(tmp_path))


def test_hostile_pieces(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    for says, content in {
        "recursion": "[" * 100_000,
        "has no train, valid and test of pieces, chords": json.dumps(
            {split: [[["9" * 4000]]] for split in pieces.SPLITS}
        ),
    }.items():
        path.write_text(content)
        plainly(says, path, pieces.load, str(path))
    path.write_text(json.dumps({split: [[[60]] * 9, [[60]]] for split in pieces.SPLITS}))
    monkeypatch.setattr(pieces, "MOST", 1000)
    plainly("has 2 pieces in train, and one of 9 steps: too many", path, pieces.load, str(path))


def test_a_number_of_midi_that_does_not_end(tmp_path):
    pytest.importorskip("mido")
    path = tmp_path / "a.mid"
    path.write_bytes(midi.written(NOTES)[:22] + b"\xff" * 500_000)
    plainly("a number in it does not end", path, midi.read, path)
    path.write_bytes(midi.written(NOTES)[:22] + b"\xff" * 900 + midi.written(NOTES)[22:])  # no float is so large
    plainly("no MIDI file, or damaged", path, midi.read, path)
