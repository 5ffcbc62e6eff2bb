"""Melodies in ABC notation, version 2.1, https://abcnotation.com/wiki/abc:standard:v2.1: files of one or many tunes.

A tune begins with a line X: and ends with an empty one. Fields stand on lines of their own, K, L and M within the
music too; which of them notes depend on is told in `abc_fields`, what of the music is read in `abc_notes`.
"""

import re
from fractions import Fraction
from typing import NamedTuple

from jaxgen.core.types import Refused
from jaxgen.data.music.abc_fields import setting_of
from jaxgen.data.music.abc_notes import read
from jaxgen.data.places import shown

START = re.compile(r"(?m)^X:.*$")
FIELD = re.compile(r"([A-Za-z+]):(?![|:])\s*(.*)")
UNTITLED = "a tune without a title"
VOICE = re.compile(r"(?m)(?:^|\[)V:\s*([^\s\]]+)")


class Tune(NamedTuple):
    """A melody."""

    title: str
    meter: Fraction  # whole notes of a bar, at the start; 1 where there is no meter
    notes: tuple[tuple[int | None, Fraction], ...]  # MIDI's number, or None for a rest, and whole notes
    bars: tuple[Fraction, ...]  # whole notes of each bar
    meters: tuple[str, ...]  # of each bar: "6/8", or "none"


def parts(text: str) -> list[str]:
    """The tunes of a file without their lines X:. Raises Refused where there is none."""
    found = START.split(text.replace("\r\n", "\n").replace("\r", "\n"))[1:]
    if not found:
        raise Refused("there is no tune: each begins with a line X:")
    return found


def tunes(text: str) -> list[Tune]:
    """The melodies of a file. Raises Refused where one cannot be read."""
    return [tune(part) for part in parts(text)]


def tune(text: str) -> Tune:
    """One melody without its line X:. Raises Refused, with the title, where something is no part of the notation.

    Nor are several voices read.
    """
    fields, music = _lines(text)
    title = fields.get("T") or UNTITLED
    try:
        if len(set(VOICE.findall(text))) > 1:
            raise Refused("there are several voices")
        setting = setting_of(fields)
        voice = read(music, setting)
        if not any(pitch is not None for pitch, _ in voice.notes):
            raise Refused("there are no notes")
    except Refused as error:
        raise Refused(f"{shown(title, 60)}: {error}") from None
    return Tune(title, setting.bar, tuple(voice.notes), tuple(voice.bars), tuple(voice.meters))


def _lines(text: str) -> tuple[dict[str, str], str]:
    """Fields before the music, of titles the first; and the music, in which later fields stand in brackets."""
    fields, music = dict[str, str](), list[str]()
    for line in re.split(r"\n[ \t]*\n", text.strip())[0].splitlines():
        line = re.sub(r"(?<!\\)%.*", "", line).strip()
        if not (field := FIELD.match(line)):
            music += [line] * bool(line)
        elif music or "K" in fields:
            music += [f"[{field[1]}:{field[2]}]"] * (field[1] in "KLM")
        elif field[1] != "T" or "T" not in fields:
            fields[field[1]] = field[2]
    return fields, "\n".join(music)
