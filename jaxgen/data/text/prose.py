"""Tokenisation of prose into words, marks and ends of sentences, and the reverse.

A token is a word (with the apostrophes and hyphens inside it), a number, a run of equal marks of RUNS, or another mark.
END is inserted after each sentence: where white space or the end of the text follows a full stop, question or
exclamation mark (and quotes and brackets closed after it), and at a blank line. A text may also contain <end> and <unk>
literally.

P          distinct pieces: a token with the white space before it
N          tokens in a block
"""

import collections
import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from jaxgen.data.text.blocks import smallest_dtype, whole_words

UNKNOWN, END = "<unk>", "<end>"
WORDS = {UNKNOWN: 0, END: 1}  # the first words of every vocabulary
RUNS = "|".join(rf"\{mark}{{2,}}" for mark in "-.=*~")
PIECE = re.compile(rf"\s*(?:{UNKNOWN}|{END}|\d+(?:[.,]\d+)+|\w+(?:['’-]\w+)*|{RUNS}|[^\w\s])|\s+")
STOPS = frozenset(".!?…")
CLOSERS = frozenset("\"'”’»)]}")
ATTACHED = frozenset([*".,;:!?…%)]}”’»", "..", "..."])  # without a space before them
ATTACHING = frozenset("([{“‘«$#")  # without a space after them
TYING = frozenset(["--", "—", "/"])  # without a space before and after them
QUOTES = frozenset("\"'")


class Scan(NamedTuple):
    """The tokens of a text, in blocks, as indices of its distinct words."""

    words: list[str]  # UNKNOWN and END, then by first appearance
    tokens: list[np.ndarray]  # blocks of [N], indices into `words`
    widths: list[np.ndarray]  # blocks of [N], characters of a token and of the white space before it; 0 for END


class Pieces(NamedTuple):
    """The properties of each distinct piece."""

    word: np.ndarray  # [P] indices of words
    width: np.ndarray  # [P] characters
    spaced: np.ndarray  # [P] bool: it begins with white space
    blank: np.ndarray  # [P] bool: it begins with a blank line
    stop: np.ndarray  # [P] bool: its word is one of STOPS
    closer: np.ndarray  # [P] bool: its word is one of CLOSERS, without white space before it


def scan(blocks: Iterable[str]) -> Scan:
    """The tokens of a text, with END after each sentence; the widths sum to its characters.

    A token costs one look-up in a dictionary of pieces; the rest is done once for each distinct piece, or by numpy.
    """
    numbers: dict[str, int] = collections.defaultdict()
    numbers.default_factory = numbers.__len__  # type: ignore[attr-defined]
    parts = []
    for block in whole_words(blocks):
        pieces = PIECE.findall(block)
        part = np.fromiter(map(numbers.__getitem__, pieces), np.uint32, len(pieces))
        parts.append(part.astype(smallest_dtype(len(numbers))))
    distinct = list(numbers)
    tail = ""
    if distinct and distinct[-1].isspace():  # white space at the end of the text
        tail, parts[-1] = distinct.pop(), parts[-1][:-1]
        parts = [part for part in parts if len(part)]
    words, properties = _properties(distinct)
    tokens, widths = [], []
    last, ended = WORDS[END], False  # no END before the first token
    parts.reverse()
    while parts:
        each, width, last, ended = _sentences(parts.pop(), properties, last, ended)
        tokens.append(each)
        widths.append(width)
    return _closed(Scan(words, tokens, widths), tail, ended)


def _properties(pieces: list[str]) -> tuple[list[str], Pieces]:
    """The distinct words of distinct pieces, UNKNOWN and END first, and the properties of the pieces."""
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
    width = widths.astype(smallest_dtype(1 + int(widths.max(initial=0))))
    number = np.array(word, smallest_dtype(len(words)))
    before = np.array(spaced, bool)
    return words, Pieces(number, width, before, np.array(blank, bool), stop, closer & ~before)


def _sentences(part: np.ndarray, pieces: Pieces, last: int, ended: bool) -> tuple[np.ndarray, np.ndarray, int, bool]:
    """A block with END between sentences: its words, their widths, the last word, whether the last sentence ended.

    Args:
        part: [N] indices of pieces.
        pieces: their properties.
        last, ended: the last two results for the block before.
    """
    word = pieces.word[part]
    # A closer follows a stop if the piece before it is a stop, or a closer that follows one.
    origin = np.maximum.accumulate(np.where(pieces.closer[part], -1, np.arange(len(part))))
    stopped = np.where(origin < 0, ended, pieces.stop[part][origin])
    before = np.concatenate([[ended], stopped])[:-1]
    previous = np.concatenate([[last], word])[:-1]
    new_sentence = (before & pieces.spaced[part]) | pieces.blank[part]
    positions = np.flatnonzero(new_sentence & (word != WORDS[END]) & (previous != WORDS[END]))
    tokens, widths = np.insert(word, positions, WORDS[END]), np.insert(pieces.width[part], positions, 0)
    return tokens, widths, int(word[-1]), bool(stopped[-1])


def _closed(scan: Scan, tail: str, ended: bool) -> Scan:
    """The scan with END after a last sentence, and with the white space `tail` added to the last token's width."""
    if not scan.tokens:
        return scan
    tokens, widths = scan.tokens[-1], scan.widths[-1]
    last = int(widths[-1]) + len(tail)
    widths = widths.astype(max(widths.dtype, smallest_dtype(last + 1)))
    widths[-1] = last
    if (ended or tail.count("\n") > 1) and tokens[-1] != WORDS[END]:
        tokens, widths = np.append(tokens, tokens.dtype.type(WORDS[END])), np.append(widths, widths.dtype.type(0))
    return Scan(scan.words, [*scan.tokens[:-1], tokens], [*scan.widths[:-1], widths])


def written(words: Iterable[str]) -> str:
    """The text of words, without spaces before full stops and after opening brackets, and with quotes in pairs.

    END starts a new line, after a blank line where no full stop, question or exclamation mark ended the sentence, so
    that `scan` finds END there again.
    """
    parts: list[str] = []
    gap, stopped, opened = "", False, set[str]()
    for word in words:
        if word == END:
            opened.discard("'")  # an apostrophe, since nothing has closed it
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
