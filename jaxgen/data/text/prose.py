"""Words, marks and sentences: a text cut into tokens, and tokens written as a text again.

A token is a word (with the apostrophes and hyphens inside it), a number, a run of equal marks of RUNS, or another mark.
After a sentence stands END: where white space or the end of the text follows a full stop, question or exclamation mark
(and the quotes and brackets closed behind it), and at a blank line. A text may also say <end> and <unk> itself.

P          distinct pieces: a token with the white space before it
N          tokens in a block
"""

import collections
import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from jaxgen.data.text.blocks import smallest, whole_words

UNKNOWN, END = "<unk>", "<end>"
WORDS = {UNKNOWN: 0, END: 1}  # what a count of words begins with
RUNS = "|".join(rf"\{mark}{{2,}}" for mark in "-.=*~")
PIECE = re.compile(rf"\s*(?:{UNKNOWN}|{END}|\d+(?:[.,]\d+)+|\w+(?:['’-]\w+)*|{RUNS}|[^\w\s])|\s+")
STOPS = frozenset(".!?…")
CLOSERS = frozenset("\"'”’»)]}")
ATTACHED = frozenset([*".,;:!?…%)]}”’»", "..", "..."])  # no space before them
ATTACHING = frozenset("([{“‘«$#")  # no space behind them
TYING = frozenset(["--", "—", "/"])  # neither
QUOTES = frozenset("\"'")


class Scan(NamedTuple):
    """A text as numbers of the words that occur in it."""

    words: list[str]  # UNKNOWN and END, then by first appearance
    tokens: list[np.ndarray]  # blocks of [N], numbers into `words`
    widths: list[np.ndarray]  # blocks of [N], characters of a token and of the white space before it; of END 0


class Pieces(NamedTuple):
    """What is known of each distinct piece."""

    word: np.ndarray  # [P] numbers of words
    width: np.ndarray  # [P] characters
    spaced: np.ndarray  # [P] bool: white space stands before it
    blank: np.ndarray  # [P] bool: a blank line
    stop: np.ndarray  # [P] bool: of STOPS
    closer: np.ndarray  # [P] bool: of CLOSERS, and directly behind something


def scan(blocks: Iterable[str]) -> Scan:
    """The tokens of a text, END after each sentence; the widths sum to its characters.

    In Python a token costs one look into a dictionary of pieces; all else is done for distinct pieces, or by numpy.
    """
    numbers: dict[str, int] = collections.defaultdict()
    numbers.default_factory = numbers.__len__  # type: ignore[attr-defined]
    parts = []
    for block in whole_words(blocks):
        found = PIECE.findall(block)
        part = np.fromiter(map(numbers.__getitem__, found), np.uint32, len(found))
        parts.append(part.astype(smallest(len(numbers))))
    pieces = list(numbers)
    tail = ""
    if pieces and pieces[-1].isspace():  # nothing follows this white space
        tail, parts[-1] = pieces.pop(), parts[-1][:-1]
        parts = [part for part in parts if len(part)]
    words, known = _known(pieces)
    tokens, widths = [], []
    last, ended = WORDS[END], False  # no END before the first token
    parts.reverse()
    while parts:
        each, width, last, ended = _sentences(parts.pop(), known, last, ended)
        tokens.append(each)
        widths.append(width)
    return _closed(Scan(words, tokens, widths), tail, ended)


def _known(pieces: list[str]) -> tuple[list[str], Pieces]:
    numbers = dict(WORDS)
    word, spaced, blank = [], [], []
    for piece in pieces:
        bare = piece.lstrip()
        word.append(numbers.setdefault(bare, len(numbers)))
        spaced.append(len(bare) < len(piece))
        blank.append(piece.count("\n") > 1)
    words = list(numbers)
    stop, closer = (np.array([each in kind for each in words])[word] for kind in (STOPS, CLOSERS))
    widths = np.array([*map(len, pieces)], np.uint32)
    width = widths.astype(smallest(1 + int(widths.max(initial=0))))
    number = np.array(word, smallest(len(words)))
    before = np.array(spaced, bool)
    return words, Pieces(number, width, before, np.array(blank, bool), stop, closer & ~before)


def _sentences(part: np.ndarray, known: Pieces, last: int, ended: bool) -> tuple[np.ndarray, np.ndarray, int, bool]:
    """Words and widths of a block [N] of pieces with END between sentences, its last word, whether a stop came last.

    Args:
        part: numbers of pieces.
        known: what they are.
        last, ended: the same of the block before.
    """
    word = known.word[part]
    # A closer is behind a stop if what stands before it is.
    origin = np.maximum.accumulate(np.where(known.closer[part], -1, np.arange(len(part))))
    stopped = np.where(origin < 0, ended, known.stop[part][origin])
    before = np.concatenate([[ended], stopped])[:-1]
    previous = np.concatenate([[last], word])[:-1]
    over = (before & known.spaced[part]) | known.blank[part]
    places = np.flatnonzero(over & (word != WORDS[END]) & (previous != WORDS[END]))
    tokens, widths = np.insert(word, places, WORDS[END]), np.insert(known.width[part], places, 0)
    return tokens, widths, int(word[-1]), bool(stopped[-1])


def _closed(found: Scan, tail: str, ended: bool) -> Scan:
    """With END where the text ends a sentence, and the white space at its end counted to the last token."""
    if not found.tokens:
        return found
    tokens, widths = found.tokens[-1], found.widths[-1]
    last = int(widths[-1]) + len(tail)
    widths = widths.astype(max(widths.dtype, smallest(last + 1)))
    widths[-1] = last
    if (ended or tail.count("\n") > 1) and tokens[-1] != WORDS[END]:
        tokens, widths = np.append(tokens, tokens.dtype.type(WORDS[END])), np.append(widths, widths.dtype.type(0))
    return Scan(found.words, [*found.tokens[:-1], tokens], [*found.widths[:-1], widths])


def written(words: Iterable[str]) -> str:
    """Tokens as prose is written: no space before a full stop or behind a bracket, quotes in pairs.

    What follows END stands in a line of its own, or behind a blank line where no full stop, question or exclamation
    mark ended the sentence: `scan` finds END there again.
    """
    parts: list[str] = []
    gap, stopped, opened = "", False, set[str]()
    for word in words:
        if word == END:
            opened.discard("'")  # it was an apostrophe, if nothing closed it
            if parts:
                gap = "\n" if stopped else "\n\n"
            if gap == "\n\n":
                opened.clear()
            continue
        closing = word in ATTACHED or word in opened
        parts += ["" if gap == " " and (closing or word in TYING) else gap, word]
        opening = word in QUOTES and not closing
        gap = "" if opening or word in ATTACHING or word in TYING else " "
        stopped = word in STOPS or (stopped and closing and word in CLOSERS)
        opened ^= {word} & QUOTES
    return "".join(parts)
