"""ABC notation by hand, and the embedded melodies: every bar is as long as its metre."""

from fractions import Fraction

import pytest

from jaxgen.core.types import Refused
from jaxgen.data.music import abc, tunes

TUNE = "X:1\nT:One\nM:3/4\nL:1/8\nK:G\nF ^c c' C,,|f2 =f/2 f// z3/2|A>B c<d|]\n"


def test_a_tune_by_hand():
    (tune,) = abc.tunes(TUNE)
    pitches = [pitch for pitch, _ in tune.notes]
    # F is sharp in G; ^c holds for its own octave until the bar's end, =f likewise.
    assert pitches == [66, 73, 84, 36, 78, 77, 77, None, 69, 71, 72, 74]
    halves = [16 * length for _, length in tune.notes]  # of eighths
    assert halves == [2, 2, 2, 2, 4, 1, 0.5, 3, 3, 1, 1, 3]
    assert tune.bars == (Fraction(1, 2), Fraction(17, 32), Fraction(1, 2))
    assert (tune.title, tune.meter) == ("One", Fraction(3, 4))


@pytest.mark.parametrize(
    ("key", "sharps"),
    [("C", ""), ("D", "FC"), ("Am", ""), ("Bb", "BE"), ("Edor", "FC"), ("Dmix", "F"), ("F#m", "FCG"), ("Cm", "BEA")],
)
def test_signatures(key, sharps):
    signature = abc.signature("", key)
    assert {letter for letter, change in signature.items() if change} == set(sharps)
    assert set(signature.values()) <= {0, -1 if key in ("Bb", "Cm") else 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("T:One", "no tune"),
        ("X:1\nT:One\nK:C\n[CEG]", "none of the notation"),
        ("X:1\nT:One\nK:H\nCDE", "no key"),
        ("X:1\nT:One\nL:eighth\nCDE", "no length"),
        ("X:1\nT:One\nC0", "no length"),
        ("X:1\nT:One\nz2|", "no notes"),
    ],
)
def test_what_is_not_read_is_refused(text, message):
    with pytest.raises(Refused, match=message):
        abc.tunes(text)


def test_bars_of_the_embedded_melodies_add_up():
    """The first may be an upbeat, which the last one may lack."""
    every = tunes.melodies()
    assert len(every) == len({tune.title for tune in every}) == 38
    for tune in every:
        first, *middle, last = tune.bars
        assert set(middle) == {tune.meter}, tune.title
        assert first == tune.meter or first + last <= tune.meter or last == tune.meter, tune.title
        assert max(first, last) <= tune.meter, tune.title
        assert all(pitch is None or 48 <= pitch <= 84 for pitch, _ in tune.notes), tune.title
