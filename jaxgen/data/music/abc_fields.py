"""Fields of ABC notation that notes depend on: key, meter and unit of lengths.

Sections 3.1.6, 3.1.7 and 3.1.14 of version 2.1, https://abcnotation.com/wiki/abc:standard:v2.1.
"""

import re
from fractions import Fraction
from typing import NamedTuple

from jaxgen.core.types import Refused

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SHARPS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}  # of the major keys
ORDER = "FCGDAEB"  # in which letters become sharp
# Sharps more than the major key of the same name; of a mode only three letters count, and small ones are capitals too.
MODES = {"": 0, "maj": 0, "ion": 0, "m": -3, "min": -3, "aeo": -3, "dor": -2, "phr": -4, "lyd": 1, "mix": -1, "loc": -5}
PIPES = {"HP": {}, "Hp": {"F": 1, "C": 1}}  # the keys of bagpipes
ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
METERS = {"C": "4/4", "C|": "2/2", "": "none", "none": "none"}
FREE = "none"  # the meter of music without one

Key = dict[str, int]  # letter -> semitones that the key adds to it


class Setting(NamedTuple):
    """What notes are read in."""

    key: Key
    meter: str  # such as "6/8", or FREE
    unit: Fraction  # whole notes

    @property
    def bar(self) -> Fraction:
        """Whole notes of a bar; one where there is no meter."""
        return Fraction(1) if self.meter == FREE else Fraction(self.meter)


def setting_of(fields: dict[str, str]) -> Setting:
    """Of a tune's fields K, M and L; where L is missing it follows from M. Raises Refused, as the functions below."""
    meter = meter_of(fields.get("M", "4/4"))
    short = meter != FREE and Fraction(meter) < Fraction(3, 4)
    return Setting(signature(fields.get("K", "C")), meter, unit_of(fields.get("L", "1/16" if short else "1/8")))


def changed(setting: Setting, name: str, value: str) -> Setting:
    """After a field within the music; those other than K, L and M change nothing."""
    match name:
        case "K" if not re.match(r"(clef|octave|transpose|middle|stafflines|staffscale)=", value.strip()):
            return setting._replace(key=signature(value))
        case "L":
            return setting._replace(unit=unit_of(value))
        case "M":
            return setting._replace(meter=meter_of(value))
    return setting


def meter_of(text: str) -> str:
    """A meter with its beats added up: "4/4" for "C", "8/8" for "(3+2+3)/8", "none". Raises Refused for others."""
    text = METERS.get(text.strip(), text.strip())
    parts = re.fullmatch(r"\(?(\d{1,2}(?:\+\d{1,2})*)\)?/([1-9]\d{0,2})", text)
    beats = sum(map(int, parts[1].split("+"))) if parts else 0
    if text != FREE and not beats:
        raise Refused(f"{text[:40]!r} is no meter such as 6/8")
    return f"{beats}/{parts[2]}" if parts else text


def unit_of(text: str) -> Fraction:
    """A positive fraction of whole notes. Raises Refused for anything else."""
    if not re.fullmatch(r"[1-9]\d{0,3}(/[1-9]\d{0,3})?", text.strip()):
        raise Refused(f"{text[:40]!r} is no length such as 1/8")
    return Fraction(text.strip())


def signature(key: str) -> Key:
    """What the key adds to each letter, in semitones; what follows it, such as a clef, adds nothing.

    Raises Refused where there is no such key, such as that of 8 sharps.
    """
    tonic, mode, rest = _parts(key.strip())
    if tonic in ("", *PIPES):
        changed = dict.fromkeys(LETTERS, 0) | PIPES.get(tonic, {})
    else:
        sharps = SHARPS[tonic[0]] + 7 * (tonic[1:] == "#") - 7 * (tonic[1:] == "b") + MODES[mode]
        if abs(sharps) > len(ORDER):
            raise Refused(f"{key[:40]!r} is no key that is known, such as G, Am, Ddor")
        letters = ORDER[:sharps] if sharps > 0 else ORDER[::-1][:-sharps]
        changed = {letter: (1 if sharps > 0 else -1) * (letter in letters) for letter in LETTERS}
    own = re.findall(r"(?<!\S)(\^\^|\^|=|__|_)([A-Ga-g])", rest)
    return changed | {letter.upper(): ACCIDENTALS[accidental] for accidental, letter in own}


def _parts(key: str) -> tuple[str, str, str]:
    """Tonic ("" for none), mode of at most three small letters, and what follows."""
    if key in ("", "none"):
        return "", "", ""
    if parts := re.match(r"(HP|Hp)\b(.*)", key):
        return parts[1], "", parts[2]
    parts = re.match(r"([A-G][#b]?)\s*([A-Za-z]*)(?![=\w])(.*)", key)
    mode = parts[2][:3].lower() if parts else "?"
    if parts and mode not in MODES and re.match(r"(treble|bass|alto|tenor|perc|exp)", parts[2]):
        mode = ""
    if not parts or mode not in MODES:
        raise Refused(f"{key[:40]!r} is no key that is known, such as G, Am, Ddor")
    return parts[1], mode, parts[3]
