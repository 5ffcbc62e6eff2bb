"""A melody as symbols, three for each note or rest, and one behind the last.

6/8@3/8     position: the meter, and how far the bar has come, in whole notes
60, rest    pitch: MIDI's number
1/2q        length in quarter notes
end         of a tune
"""

import itertools
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Literal

from jaxgen.data.music.abc import Tune
from jaxgen.data.music.abc_fields import FREE
from jaxgen.data.music.midi import Note

END, REST = "end", "rest"
QUARTERS = 4  # of a whole note

Kind = Literal["position", "pitch", "length", "end"]
Sung = tuple[int | None, Fraction]  # MIDI's number, or None for a rest, and quarter notes


def kind(symbol: str) -> Kind:
    """What a symbol is."""
    if symbol == END:
        return "end"
    if "@" in symbol:
        return "position"
    return "length" if symbol.endswith("q") else "pitch"


def of_tune(tune: Tune) -> list[str]:
    """A melody's symbols."""
    symbols = []
    for position, (pitch, length) in zip(positions(tune), tune.notes, strict=True):
        symbols += [position, REST if pitch is None else str(pitch), f"{QUARTERS * length}q"]
    return [*symbols, END]


def positions(tune: Tune) -> list[str]:
    """Where each note begins."""
    begins, ends, now = origins(tune), list[Fraction](), Fraction(0)
    for length in tune.bars:
        ends.append((ends[-1] if ends else Fraction(0)) + length)
    found, bar = list[str](), 0
    for _, length in tune.notes:
        while bar < len(ends) - 1 and now >= ends[bar]:
            bar += 1
        found.append(f"{tune.meters[bar]}@{begins[bar] + now - (ends[bar] - tune.bars[bar])}")
        now += length
    return found


def origins(tune: Tune) -> list[Fraction]:
    """How far each bar has come at its bar line: whole notes.

    An upbeat is counted from its end, so that the first full bar begins at 0. A bar that is too short is filled by the
    next one, where that one fits: so parts end and begin at a repeat in the middle of a bar.
    """
    begins, filled, before = list[Fraction](), Fraction(0), ""
    for number, (length, meter) in enumerate(zip(tune.bars, tune.meters)):
        whole = Fraction(0) if meter == FREE else Fraction(meter)
        if number == 0:
            begin = max(Fraction(0), whole - length)
        else:
            begin = filled if meter == before and filled + length <= whole else Fraction(0)
        begins.append(begin)
        filled, before = begin + length, meter
        if filled >= whole:
            filled = Fraction(0)
    return begins


def tunes_of(symbols: Iterable[str]) -> list[list[Sung]]:
    """The notes of each tune in a sequence of symbols, whatever their order; of the last one too if it has no end.

    A length makes a note of the last pitch before it, positions do not matter. A pitch that another pitch or an end
    follows, and a length without a pitch, are none.
    """
    tunes, pitch = [list[Sung]()], ""
    for symbol in symbols:
        match kind(symbol):
            case "end":
                tunes.append([])
                pitch = ""
            case "pitch":
                pitch = symbol
            case "length" if pitch:
                tunes[-1].append((None if pitch == REST else int(pitch), Fraction(symbol[:-1])))
                pitch = ""
    return [tune for tune in tunes if tune]


def misplaced(symbols: Sequence[str]) -> int:
    """How many symbols are not of the kind that the one before asks for: position, pitch, length; or an end."""
    after = {"position": ("pitch",), "pitch": ("length",), "length": ("position", "end"), "end": ("position",)}
    kinds = [kind(symbol) for symbol in symbols]
    return sum(second not in after[first] for first, second in itertools.pairwise(kinds))


def timed(tune: Iterable[Sung]) -> list[Note]:
    """Notes with their starts, in quarter notes."""
    notes, now = list[Note](), Fraction(0)
    for pitch, length in tune:
        if pitch is not None:
            notes.append(Note(pitch, float(now), float(length)))
        now += length
    return notes
