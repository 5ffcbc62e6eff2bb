"""Melodies in ABC notation, version 2.1, https://abcnotation.com/wiki/abc:standard:v2.1: what one voice needs of it.

Fields X, T, M, L and K stand on lines of their own; then come notes: accidentals ^ _ =, letters with ' and , for
octaves, lengths (2, /, /2, 3/2), rests z and x, > and < between notes for broken rhythm, bars. C is middle C, MIDI's
60. Chords, tuplets, ties, ornaments and repeats are none of it, and refused.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from jaxgen.core.types import Refused

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SHARPS = {"C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5, "F#": 6, "F": -1, "Bb": -2, "Eb": -3, "Ab": -4}
ORDER = "FCGDAEB"  # in which letters become sharp
METERS = {"C": "4/4", "C|": "2/2"}
MODES = {"": 0, "maj": 0, "m": -3, "min": -3, "dor": -2, "mix": -1}  # sharps more than the major key of the same name
TOKEN = re.compile(
    r"(?P<bar>\|\]|\|\||\|)|(?P<broken>[<>])|(?P<space>\s+)"
    r"|(?P<accidental>\^\^|\^|__|_|=)?(?P<letter>[A-Ga-gzx])(?P<octave>[',]*)(?P<length>\d*(?:/+\d*)?)"
)
ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}


class Tune(NamedTuple):
    """A melody."""

    title: str
    meter: Fraction  # whole notes of a bar
    notes: tuple[tuple[int | None, Fraction], ...]  # MIDI's number, or None for a rest, and whole notes
    bars: tuple[Fraction, ...]  # whole notes of each bar


def tunes(text: str) -> list[Tune]:
    """The melodies of a file, each of which begins with a line X:. Raises Refused where one cannot be read."""
    parts = re.split(r"(?m)^X:.*$", text)[1:]
    if not parts:
        raise Refused("there is no tune: each begins with a line X:")
    return [tune(part) for part in parts]


def tune(text: str) -> Tune:
    """One melody without its line X:. Raises Refused, with the title, where something is no part of the notation."""
    fields, music = {"T": "a tune without a title", "M": "4/4", "L": "1/8", "K": "C"}, []
    for line in filter(None, map(str.strip, text.splitlines())):
        if re.match(r"[A-Za-z]:", line):
            fields[line[0]] = line[2:].strip()
        else:
            music.append(line)
    title = fields["T"]
    notes, bars = read(title, " ".join(music), fraction(title, fields["L"]), signature(title, fields["K"]))
    if not any(pitch is not None for pitch, _ in notes):
        raise Refused(f"{title}: there are no notes")
    meter = fraction(title, METERS.get(fields["M"], fields["M"]))
    return Tune(title, meter, tuple(notes), tuple(bars))


def fraction(title: str, text: str) -> Fraction:
    """A positive fraction of whole notes."""
    if not re.fullmatch(r"[1-9]\d{0,3}/[1-9]\d{0,3}", text):
        raise Refused(f"{title}: {text[:40]!r} is no length such as 1/8")
    return Fraction(text)


def signature(title: str, key: str) -> dict[str, int]:
    """What the key adds to each letter, in semitones."""
    parts = re.fullmatch(r"([A-G][#b]?)\s*([A-Za-z]*)", key)
    tonic, mode = parts.groups() if parts else ("", "")
    mode = mode if mode in MODES else mode[:3].lower()
    if tonic not in SHARPS or mode not in MODES:
        raise Refused(f"{title}: {key[:40]!r} is no key that is known, such as G, Am, Ddor")
    sharps = SHARPS[tonic] + MODES[mode]
    changed = ORDER[:sharps] if sharps > 0 else ORDER[::-1][:-sharps]
    return {letter: (1 if sharps > 0 else -1) * (letter in changed) for letter in LETTERS}


def read(title: str, music: str, unit: Fraction, key: dict[str, int]) -> tuple[list, list]:
    """Notes and the lengths of bars."""
    notes, bars, here = list[tuple[int | None, Fraction]](), list[Fraction](), dict[str, int]()
    start, broken = 0, ""
    for token in tokens(title, music):
        if token["bar"]:
            if len(notes) > start:
                bars.append(sum((length for _, length in notes[start:]), Fraction()))
            start, here = len(notes), {}
        elif token["broken"]:
            broken = token["broken"]
        elif token["letter"]:
            notes.append((pitch(token, key, here), unit * length(title, token["length"])))
            if broken and len(notes) > 1:
                share = Fraction(3, 2) if broken == ">" else Fraction(1, 2)
                (before, a), (after, b) = notes[-2:]
                notes[-2:], broken = [(before, a * share), (after, b * (2 - share))], ""
    if len(notes) > start:
        bars.append(sum((length for _, length in notes[start:]), Fraction()))
    return notes, bars


def tokens(title: str, music: str) -> Iterator[re.Match]:
    """The parts of the music, in order."""
    position = 0
    while position < len(music):
        token = TOKEN.match(music, position)
        if token is None:
            raise Refused(f"{title}: {music[position : position + 20]!r} is none of the notation that is read here")
        yield token
        position = token.end()


def pitch(token: re.Match, key: dict[str, int], here: dict[str, int]) -> int | None:
    """MIDI's number of a note; `here` has the accidentals of the bar so far, of letters with their octaves."""
    letter, name = token["letter"], token["letter"].upper()
    if letter in "zx":
        return None
    octave = 5 + letter.islower() + token["octave"].count("'") - token["octave"].count(",")
    note = f"{name}{octave}"
    if token["accidental"]:
        here[note] = ACCIDENTALS[token["accidental"]]
    return 12 * octave + LETTERS[name] + here.get(note, key[name])


def length(title: str, text: str) -> Fraction:
    """How many units: 1 where nothing is said, / for a half, // for a quarter."""
    top, slashes, bottom = re.fullmatch(r"(\d*)(/*)(\d*)", text).groups()  # type: ignore[union-attr]
    below = int(bottom) if bottom else 2 ** len(slashes)
    if below == 0 or (top and int(top) == 0):
        raise Refused(f"{title}: {text!r} is no length")
    return Fraction(int(top or 1), below)
