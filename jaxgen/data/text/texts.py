"""Texts by name or path, as tokens in contiguous splits: `load(corpus)`.

N          tokens in a split
V          size of the vocabulary
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.text import corpora, prose, vocabulary
from jaxgen.data.text.blocks import counted, joined, whole_words, within

SPLITS = ("training", "validation", "test")


class Split(NamedTuple):
    """A contiguous part of a text."""

    tokens: np.ndarray  # [N] of the smallest unsigned type that holds V
    # [N] unsigned: characters of the text that each token stands for, the white space before it included; None: one
    widths: np.ndarray | None = None


class Text(NamedTuple):
    """A text as it is learnt from, in the same three splits in every run."""

    name: str
    level: str  # "char" or "word"
    vocabulary: tuple[str, ...]
    train: Split
    valid: Split
    test: Split  # may be empty, as `valid` may
    sha256: str  # of the text in UTF-8, lower case where it is learnt so: results are comparable only where it agrees
    characters: tuple[int, int, int]  # in each split


def load(
    corpus: str,
    data_dir: str = "",
    level: str = "char",
    lowercase: bool = False,
    min_count: int = 2,
    shares: Sequence[float] = (90, 5, 5),
) -> Text:
    """A corpus as tokens. It is read in blocks: at level "char", what is held is little more than the tokens.

    Args:
        corpus, data_dir: see `corpora.load`.
        level: "char", with every character of the text; or "word", with the words of the training split.
        lowercase: whether the text is brought to lower case first.
        min_count: how often a word must occur in the training split to be known.
        shares: percentages of the characters in the training, validation and test splits, in this order in the text. A
            word that lies on a border is in the later split.

    Raises:
        Refused: whatever `corpora.load` refuses; a text that is empty, of one distinct character or of words that are
            all unknown, or too short to be cut; shares that are none.
    """
    _check_shares(shares)
    if min_count < 1:
        raise Refused(f"a word is known from 1 occurrence or more; found a minimum count of {min_count}")
    digest = hashlib.sha256()
    blocks = corpora.load(corpus, data_dir)
    if lowercase:
        # By whole words, because a capital sigma has another small letter at the end of one.
        blocks = (block.lower() for block in whole_words(blocks))
    cut = _words if level == "word" else _characters
    known, parts, sizes = cut(corpus, _hashed(blocks, digest), shares, min_count)
    for name, share, split in zip(SPLITS, shares, parts):
        if share and not len(split.tokens):
            raise Refused(
                f"{corpus} has {sum(sizes):,} characters, too few to be cut {_percent(shares)}: the {name} split would "
                "be empty"
            )
    train, valid, test = parts
    return Text(corpus, level, known, train, valid, test, digest.hexdigest(), sizes)


def check(text: Text, context: int) -> None:
    """Raises Refused where a split is too short for a window of `context` tokens and what follows each of them."""
    unit = "words and marks" if text.level == "word" else "characters"
    for name, split in zip(SPLITS, (text.train, text.valid, text.test)):
        if 0 < len(split.tokens) <= context:
            raise Refused(
                f"the {name} split of {text.name} has {len(split.tokens):,} {unit}, and a context of {context:,} needs "
                f"{context + 1:,} or more"
            )


def _check_shares(shares: Sequence[float]) -> None:
    usable = len(shares) == len(SPLITS) and all(math.isfinite(share) and share >= 0 for share in shares)
    if not usable or not math.isclose(sum(shares), 100) or not shares[0]:
        raise Refused(
            "expected the percentages of training, validation and test, such as 90/5/5: three numbers that sum to 100, "
            f"of which the first is not 0; found {_percent(shares)}"
        )


def _percent(shares: Sequence[float]) -> str:
    return "/".join(f"{share:g}" for share in shares)


def _hashed(blocks: Iterable[str], digest: Any) -> Iterator[str]:
    for block in blocks:
        digest.update(block.encode("utf-8", "surrogatepass"))
        yield block


def _borders(total: int, shares: Sequence[float]) -> tuple[int, int]:
    """Where the second and the third split begin, in characters."""
    return int(total * shares[0] / 100), int(total * (shares[0] + shares[1]) / 100)


def _characters(name, blocks, shares, min_count):
    """Vocabulary, three Splits, and the characters in each."""
    known, tokens = vocabulary.gathered(blocks)
    if not known:
        raise Refused(f"{name} is empty")
    if len(known) == 1:
        raise Refused(f"{name} has one distinct character, {known[0]!r}: there is nothing to learn from it")
    parts = np.split(tokens, _borders(len(tokens), shares))
    return known, [Split(part) for part in parts], tuple(map(len, parts))


def _words(name, blocks, shares, min_count):
    """Vocabulary, three Splits, and the characters in each."""
    found = prose.scan(blocks)
    widths = joined(found.widths)
    if not len(widths):
        raise Refused(f"{name} is empty, or has no words")
    places = [within(widths, border) for border in _borders(int(widths.sum(dtype=np.int64)), shares)]
    cut = np.split(widths, places)
    known = vocabulary.frequent(found.words, _first(found, places[0]), min_count)
    if len(known) <= len(prose.WORDS) + 1:
        few = "no word" if len(known) == len(prose.WORDS) else f"one word, {known[-1]!r},"
        raise Refused(
            f"{few} of the training split of {name} occurs {min_count} or more times: nothing is to be learnt"
        )
    tokens = joined(found.tokens, vocabulary.renumbered(found.words, known))
    sizes = tuple(int(part.sum(dtype=np.int64)) for part in cut)
    return known, [Split(*each) for each in zip(np.split(tokens, places), cut)], sizes


def _first(found: prose.Scan, tokens: int) -> np.ndarray:
    """How often each word occurs among the first `tokens`."""
    parts = []
    for part in found.tokens:
        parts.append(part[: max(0, tokens)])
        tokens -= len(part)
    return counted(parts, len(found.words))
