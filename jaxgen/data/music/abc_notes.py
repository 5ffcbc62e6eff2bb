"""The notes of ABC notation: sections 4.1 to 4.20 of version 2.1, https://abcnotation.com/wiki/abc:standard:v2.1.

Read are accidentals, octaves, lengths, rests, broken rhythm, ties, tuplets, bars, and fields K, L and M in brackets. Of
a chord only the highest note is. Repeats are read once, as they are written: the first ending, then the second. Grace
notes, ornaments, slurs, texts in quotes and what the standard reserves are passed over.
"""

import functools
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from jaxgen.core.types import Refused
from jaxgen.data.music.abc_fields import ACCIDENTALS, LETTERS, Key, Setting, changed

LENGTH = r"\d{0,4}(?:/{1,6}\d{0,4})?"
REPETITIONS = r"\d+(?:[,.-]\d+)*"  # for which an ending is played
TOKEN = re.compile(
    r"(?P<field>\[(?P<name>[A-Za-z]):(?P<value>[^\]\n]*)\])"
    rf"|(?P<bar>(?::*\[?\|[|\]:]*|:{{2,}})(?:{REPETITIONS})?|\[{REPETITIONS})"
    rf"|(?P<chord>\[(?P<inner>[^\[\]|:\n]*)\](?P<times>{LENGTH}))"
    r"|(?P<broken><{1,3}|>{1,3})|(?P<tie>-)"
    r"|(?P<tuplet>\((?P<p>[2-9])(?::(?P<q>\d?))?(?::(?P<r>\d?))?)"
    r"|(?P<silence>[ZX](?P<bars>\d{0,2}))"
    rf"|(?P<note>(?P<accidental>\^\^|\^|__|_|=)?(?P<letter>[A-Ga-gzx])(?P<octave>[',]*)(?P<length>{LENGTH}))"
    r'|(?P<ignored>\s+|"[^"\n]*"|![^!\n]*!|!|\+(?![A-Ga-g\d/,\'^_=]*\+)[^+\n]*\+|\{[^}\n]*\}|[()]|[.~H-Wh-w]|y\d*'
    r"|[\\`$#*;?@])"
)
LONGEST = 16  # whole notes that a note may last
FINEST = 1024  # parts of a whole note: sums of others would need ever longer numbers
MOST = 10_000  # notes of a tune
COMPOUND = ("6/8", "9/8", "12/8")  # meters in which tuplets of 5, 7 and 9 fill the time of three notes


class Written(NamedTuple):
    """A note as it is written."""

    pitch: int | None  # MIDI's number, or None for a rest
    length: Fraction  # whole notes
    name: str = ""  # letter and octave, of a note
    tied: bool = False  # to the next


class Voice(NamedTuple):
    """What was read."""

    notes: list[tuple[int | None, Fraction]]  # tied ones joined; whole notes
    bars: list[Fraction]  # whole notes of each bar
    meters: list[str]  # of each bar


def read(music: str, setting: Setting) -> Voice:
    """One voice. Raises Refused where something is no part of the notation, or is none of what is read here."""
    written, borders = list[Written](), list[tuple[int, str]]()
    here, broken, scale, left = dict[str, int](), "", Fraction(1), 0
    for token in tokens(music):
        if len(written) > MOST:
            raise Refused(f"there are more than {MOST:,} notes")
        match token.lastgroup:
            case "bar":
                borders.append((len(written), setting.meter))
                here = {}
            case "field":
                borders += [(len(written), setting.meter)] * (token["name"] == "M")
                setting = changed(setting, token["name"], token["value"])
            case "tie" if written:
                written[-1] = written[-1]._replace(tied=True)
            case "tuplet":
                scale, left = tuplet(token, setting)
            case "silence":
                for _ in range(int(token["bars"] or 1)):
                    borders.append((len(written), setting.meter))
                    written.append(Written(None, setting.bar))
                borders.append((len(written), setting.meter))
            case "broken":
                if not written:
                    raise Refused(f"{token['broken']!r} stands behind no note")
                broken = token["broken"]
            case "note" | "chord":
                note = sounding(token, setting, here, written[-1:])
                written.append(note._replace(length=note.length * scale) if left else note)
                left = max(0, left - 1)
                if broken:
                    written[-2:], broken = swung(written[-2], written[-1], broken), ""
    return Voice(joined(written), *bars_of(written, [*borders, (len(written), setting.meter)]))


def tokens(music: str) -> Iterator[re.Match]:
    """The parts of the music, in order. Raises Refused at what is none."""
    position = 0
    while position < len(music):
        token = TOKEN.match(music, position)
        if token is None:
            raise Refused(f"{music[position : position + 20]!r} is none of the notation that is read here")
        yield token
        position = token.end()


def sounding(token: re.Match, setting: Setting, here: dict[str, int], before: Sequence[Written]) -> Written:
    """A note, rest or chord; `here` has the accidentals of the bar so far. Raises Refused for a length of 0."""
    if token["note"] is not None:
        length = possible(setting.unit * times(token["length"]), token["note"])
        if token["letter"] in "zx":
            return Written(None, length)
        octave = 5 + token["letter"].islower() + token["octave"].count("'") - token["octave"].count(",")
        name = f"{token['letter'].upper()}{octave}"
        if token["accidental"]:
            here[name] = ACCIDENTALS[token["accidental"]]
        elif before and before[-1].tied and before[-1].name == name:  # an accidental holds on over a tie and its bar
            return Written(before[-1].pitch, length, name)
        return Written(pitch(name, setting.key, here), length, name)
    parts = list(tokens(token["inner"]))
    notes = [sounding(part, setting, here, before) for part in parts if part["note"] is not None]
    heard = [note for note in notes if note.pitch is not None]
    if not heard or any(part.lastgroup not in ("note", "tie", "ignored") for part in parts):
        raise Refused(f"{token['chord'][:20]!r} is no chord")
    top = max(heard, key=lambda note: note.pitch or 0)
    tied = any(part.lastgroup == "tie" for part in parts)
    return top._replace(length=possible(notes[0].length * times(token["times"]), token["chord"]), tied=tied)


def possible(length: Fraction, note: str) -> Fraction:
    """The length. Raises Refused where it is longer or finer than music is."""
    if length > LONGEST:
        raise Refused(f"{note[:20]!r} lasts {float(length):g} whole notes, more than {LONGEST}")
    if length.denominator > FINEST:
        raise Refused(f"{note[:20]!r} lasts {length} of a whole note; the finest part is 1/{FINEST}")
    return length


def pitch(name: str, key: Key, here: dict[str, int]) -> int:
    """MIDI's number of a letter with its octave; C5 is middle C, 60. Raises Refused where MIDI has none."""
    number = 12 * int(name[1:]) + LETTERS[name[0]] + here.get(name, key[name[0]])
    if not 0 <= number < 128:
        raise Refused(f"{name[0]} is {abs(int(name[1:]) - 5)} octaves away from the middle one: MIDI has no such note")
    return number


@functools.cache
def times(text: str) -> Fraction:
    """How many units: 1 where nothing is said, / for a half, // for a quarter. Raises Refused for 0."""
    top, slashes, bottom = re.fullmatch(r"(\d*)(/*)(\d*)", text).groups()  # type: ignore[union-attr]
    below = int(bottom) if bottom else 2 ** len(slashes)
    if below == 0 or (top and int(top) == 0):
        raise Refused(f"{text!r} is no length")
    return Fraction(int(top or 1), below)


def tuplet(token: re.Match, setting: Setting) -> tuple[Fraction, int]:
    """By how much the next notes are scaled, and how many: p notes in the time of q, for r notes, section 4.13."""
    p = int(token["p"])
    own = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(p, 3 if setting.meter in COMPOUND else 2)
    return Fraction(int(token["q"] or own) or own, p), int(token["r"] or p)


def swung(first: Written, second: Written, broken: str) -> list[Written]:
    """Two notes of broken rhythm: > makes the first longer by a half, >> by three quarters, < the second."""
    part = Fraction(1, 2 ** len(broken))
    shares = (2 - part, part) if broken[0] == ">" else (part, 2 - part)
    return [note._replace(length=note.length * share) for note, share in zip((first, second), shares)]


def joined(written: Sequence[Written]) -> list[tuple[int | None, Fraction]]:
    """The notes, of which tied ones of one pitch are one; what ties others is a slur."""
    notes, tied = list[tuple[int | None, Fraction]](), False
    for note in written:
        if tied and note.pitch is not None and notes[-1][0] == note.pitch:
            notes[-1] = (note.pitch, notes[-1][1] + note.length)
        else:
            notes.append((note.pitch, note.length))
        tied = note.tied
    return notes


def bars_of(written: Sequence[Written], borders: Sequence[tuple[int, str]]) -> tuple[list[Fraction], list[str]]:
    """Lengths and meters of the bars that end at each border (notes before it, meter); empty ones are none."""
    bars, meters, start = list[Fraction](), list[str](), 0
    for end, meter in borders:
        if end > start:
            bars.append(sum((note.length for note in written[start:end]), Fraction()))
            meters.append(meter)
        start = end
    return bars, meters
