"""Standard MIDI files, by mido: notes with their starts and lengths in beats, of which each is a quarter note."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.core.types import Refused
from jaxgen.data.places import reading, reason_of

TICKS = 480  # of a beat, in files that are written
ENDLESS = re.compile(rb"[\x80-\xff]{1000}")  # mido takes a number for as long as its bytes say that it goes on
PERCUSSION = 9  # the channel, counted from 0, whose notes are no pitches


class Note(NamedTuple):
    """A note; MIDI's number 60 is middle C."""

    pitch: int
    start: float  # beats
    length: float  # beats


def library() -> Any:
    """Mido. Raises Refused where it is not installed."""
    try:
        import mido
    except ImportError:
        raise Refused("MIDI files need mido: pip install 'jaxgen[music]'") from None
    return mido


def read(path: Path) -> list[Note]:
    """The notes of all tracks but percussion's, by their starts. Raises Refused where a file is damaged or has none."""
    mido = library()
    with reading(path):
        content = path.read_bytes()
    try:
        if ENDLESS.search(content):
            raise ValueError("a number in it does not end")
        file = mido.MidiFile(file=io.BytesIO(content), clip=True)
        if file.type == 2 or file.ticks_per_beat <= 0:
            raise ValueError("tracks that are not simultaneous, or no beats")
        notes = [note for track in file.tracks for note in of_track(track, file.ticks_per_beat)]
    except (EOFError, OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        said = reason_of(error) if str(error) else "it ends too early"
        raise Refused(f"{path} is no MIDI file, or damaged: {said}") from None
    if not notes:
        raise Refused(f"{path} has no notes")
    return sorted(notes, key=lambda note: (note.start, note.pitch))


def of_track(track: Any, ticks: int) -> list[Note]:
    """The notes of a track; one that is never ended ends with the track."""
    now, sounding, notes = 0, dict[tuple[int, int], int](), list[Note]()
    for message in track:
        now += message.time
        if message.type not in ("note_on", "note_off") or message.channel == PERCUSSION:
            continue
        source = (message.channel, message.note)
        if source in sounding:
            start = sounding.pop(source)
            notes.append(Note(message.note, start / ticks, max(now - start, 1) / ticks))
        if message.type == "note_on" and message.velocity:
            sounding[source] = now
    ends = ((pitch, start, now - start) for (_, pitch), start in sounding.items())
    return notes + [Note(pitch, start / ticks, max(length, 1) / ticks) for pitch, start, length in ends]


def written(notes: Sequence[Note], beats_per_minute: float = 100.0) -> bytes:
    """A file with one track of these notes."""
    mido = library()
    track, now = mido.MidiTrack(), 0
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(beats_per_minute)))
    ends = [(round(TICKS * (note.start + note.length)), 0, note.pitch) for note in notes]
    starts = [(round(TICKS * note.start), 1, note.pitch) for note in notes]
    for tick, begins, pitch in sorted(ends + starts):  # at one time, notes end before others begin
        kind, velocity = ("note_on", 80) if begins else ("note_off", 0)
        track.append(mido.Message(kind, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    file, out = mido.MidiFile(ticks_per_beat=TICKS), io.BytesIO()
    file.tracks.append(track)
    file.save(file=out)
    return out.getvalue()
