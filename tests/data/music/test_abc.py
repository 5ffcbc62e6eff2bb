"""ABC notation by hand, and the embedded melodies: every bar is as long as its metre."""

from fractions import Fraction

import pytest

from jaxgen.core.types import Refused
from jaxgen.data.music import abc, abc_fields, tunes

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


def notes(music, fields="M:4/4\nL:1/8\nK:C"):
    """[(pitch, eighths)] of a tune."""
    (tune,) = abc.tunes(f"X:1\nT:One\n{fields}\n{music}\n")
    return [(pitch, 8 * length) for pitch, length in tune.notes]


C, D, E, F, G = 60, 62, 64, 65, 67
READ = {
    "C2-C4-|C2 D-E": [(C, 8), (D, 1), (E, 1)],  # tied over the bar line; what ties two pitches is a slur
    "^F-|F F": [(66, 2), (F, 1)],  # an accidental holds on over a tie, not after it
    "(3CDE (2CD (3:2:2CD E": [*[(n, Fraction(2, 3)) for n in (C, D, E)], *[(n, 1.5) for n in (C, D)],
                              *[(n, Fraction(2, 3)) for n in (C, D)], (E, 1)],
    "C>D C<D C>>D C>-D": [(C, 1.5), (D, 0.5), (C, 0.5), (D, 1.5), (C, 1.75), (D, 0.25), (C, 1.5), (D, 0.5)],
    "|:C D|1 E:|2 F:|[3 G|]": [(n, 1) for n in (C, D, E, F, G)],  # once, as it is written
    "[CEG]2 [C2E2]/ [C-G]G": [(G, 2), (E, 1), (G, 2)],  # the highest note
    "{de}C ~D .E !trill!F \"Am\"(G vC) +fermata+D y2 E\\\n`F %CCC": [(n, 1) for n in (C, D, E, F, G, C, D, E, F)],
    "C[K:G]F[L:1/4]F\nK:C\nF|[M:3/4]Z2|": [(C, 1), (66, 1), (66, 2), (F, 2), (None, 6), (None, 6)],
    "C\nw:la\nD\nP:B\nE": [(C, 1), (D, 1), (E, 1)],
    "C ! D * E": [(C, 1), (D, 1), (E, 1)],
}  # fmt: skip


def test_notation_of_collections():
    for music, expected in READ.items():
        assert notes(music) == expected, music


def test_fields_of_collections():
    text = "X:7\n% first\nT:One\nT:Uno\nM:2/4\nK:D\nC|\n\nfree text\n\nX: 8\nM:none\nK:C\nC4|D|\n"
    one, two = abc.tunes(text.replace("\n", "\r\n"))
    assert (one.title, one.notes, one.meters) == ("One", ((61, Fraction(1, 16)),), ("2/4",))  # L follows from M
    assert (two.title, two.bars, two.meters) == (abc.UNTITLED, (Fraction(1, 2), Fraction(1, 8)), ("none", "none"))
    assert [abc_fields.meter_of(text) for text in ("C", "C|", "(3+2+3)/8", "")] == ["4/4", "2/2", "8/8", "none"]
    assert notes("(5CDEFG", "M:6/8\nK:C")[0] == (C, Fraction(3, 5))


KEYS = {"C": "", "D": "FC", "Am": "", "Bb": "BE", "Edor": "FC", "D Mixolydian": "F", "F#m": "FCG", "Cm": "BEA"}
KEYS |= {"C#": "FCGDAEB", "Cb": "BEADGCF", "Bloc": "", "Flyd": "", "E phr": "", "A Minor": "", "HP": "", "Hp": "FC"}
KEYS |= {"G clef=bass": "F", "none": "", "": "", "Ador": "F"}


def test_signatures():
    for key, letters in KEYS.items():
        signature = abc_fields.signature(key)
        assert {letter for letter, change in signature.items() if change} == set(letters), key
        assert set(signature.values()) <= {0, -1 if key in ("Bb", "Cm", "Cb") else 1}, key
    assert {abc_fields.signature("D Phr ^f")[letter] for letter in "FBE"} == {1, -1}


@pytest.mark.ci
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("T:One", "no tune"),
        ("X:1\nT:One\nK:C\n[CEG", "One: .* none of the notation"),
        ("X:1\nT:One\nK:C\nC & E", "none of the notation"),
        ("X:1\nT:One\nK:C\n[!trill!]", "no chord"),
        ("X:1\nT:One\nK:C\n> C", "behind no note"),
        ("X:1\nT:One\nK:C\nC200", "more than 16"),
        ("X:1\nT:One\nK:C\nC,,,,,,", "MIDI has no such note"),
        ("X:1\nT:One\nV:1\nK:C\nC\nV:2\nD", "several voices"),
        ("X:1\nT:One\nM:quick\nK:C\nC", "no meter"),
        ("X:1\nT:One\nK:H\nCDE", "no key"),
        ("X:1\nT:One\nK:G#\nCDE", "no key"),
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


def test_tunes_that_no_music_is():
    for says, music in {
        "more than 10,000 notes": "E" + "<g>" * 10_000,
        "more than 10,000 notes ": "CZ99" * 200,
        r"'c/9997' lasts 1/79976 of a whole note; the finest part is 1/1024": "".join(
            f"c/{n}" for n in range(9997, 9000, -1)
        ),
        "lasts 1249.88 whole notes": "[ceg]9999",
    }.items():
        with pytest.raises(Refused, match=says.strip()):
            notes(music)
    with pytest.raises(Refused) as caught:
        abc.tunes(f"X:1\nT:{chr(127) * 999}\nK:C\n&\n")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200
