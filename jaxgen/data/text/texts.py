"""Corpora by name or path as tokens, in contiguous splits: `load(corpus)`.

N          tokens in a split
V          size of the vocabulary
"""

import functools
import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.text import byte_pairs, corpora, prose
from jaxgen.data.text.blocks import concatenated, occurrences, sliced, tokens_within, whole_words
from jaxgen.data.text.vocabulary import encode_characters, frequent_words, word_tokens

SPLITS = ("training", "validation", "test")


class Split(NamedTuple):
    """A contiguous part of a text."""

    tokens: np.ndarray  # [N] of the smallest unsigned dtype for V
    # [N] unsigned: characters of each token, the white space before it included, or that begin in it, of byte pairs;
    # None: one character each. Of melodies the notes that end with each token: 0 or 1.
    widths: np.ndarray | None = None


class Text(NamedTuple):
    """A text as tokens, in the same three splits in every run."""

    name: str
    level: str  # "char", "word" or "bpe"; or "note", of melodies
    vocabulary: tuple[str, ...]
    train: Split
    valid: Split
    test: Split  # may be empty, as `valid` may
    sha256: str  # of the text in UTF-8, after `lowercase`: results are comparable only where it agrees
    characters: tuple[int, int, int]  # in each split; notes of melodies


def load(
    corpus: str,
    data_dir: str = "",
    level: str = "char",
    lowercase: bool = False,
    min_count: int = 2,
    shares: Sequence[float] = (90, 5, 5),
    size: int = 1024,
    merges: str = "",
) -> Text:
    """A corpus as tokens. It is read in blocks, so that at level "char" memory is little more than the tokens.

    Args:
        corpus, data_dir: see `corpora.corpus_blocks`.
        level: "char": the vocabulary has every character of the text; "word": the words of the training split; "bpe":
            byte pairs of the training split.
        lowercase: whether the text is converted to lower case first.
        min_count: how often a word must occur in the training split to be in the vocabulary.
        shares: percentages of the characters in the training, validation and test splits, in this order in the text. A
            word across a border is in the later split; of byte pairs it is cut.
        size: of the vocabulary of byte pairs, at most.
        merges: the folder of a vocabulary of byte pairs, see `byte_pairs.stored`; "": one is trained on the split.

    Raises:
        Refused: see `corpora.corpus_blocks` and `byte_pairs.encode`; or the text is empty, too short for the splits,
            has one distinct character or no frequent words; or shares are no percentages.
    """
    _check_shares(shares)
    if min_count < 1:
        raise Refused(f"a word is known from 1 occurrence or more; found a minimum count of {min_count}")
    digest = hashlib.sha256()
    blocks = corpora.corpus_blocks(corpus, data_dir)
    if lowercase:
        # By whole words, because the small letter of a capital sigma is another one at the end of a word.
        blocks = (block.lower() for block in whole_words(blocks))
    tokenise: Callable = _characters
    if level == "word":
        tokenise = functools.partial(_words, min_count=min_count)
    elif level == "bpe":
        tokenise = functools.partial(_pairs, size=size, merges=merges)
    vocabulary, parts, sizes = tokenise(corpus, _hashed(blocks, digest), shares)
    for name, share, split in zip(SPLITS, shares, parts):
        if share and not len(split.tokens):
            raise Refused(
                f"{corpus} has {sum(sizes):,} characters, too few to be cut {_percent(shares)}: the {name} split would "
                "be empty"
            )
    train, valid, test = parts
    return Text(corpus, level, vocabulary, train, valid, test, digest.hexdigest(), sizes)


def check_context(text: Text, context: int) -> None:
    """Raises Refused where a split that is not empty has fewer than `context` + 1 tokens."""
    unit = {"char": "characters", "word": "words and marks", "bpe": "tokens", "note": "tokens"}[text.level]
    for name, split in zip(SPLITS, (text.train, text.valid, text.test)):
        if 0 < len(split.tokens) <= context:
            raise Refused(
                f"the {name} split of {text.name} has {len(split.tokens):,} {unit}, and a context of {context:,} needs "
                f"{context + 1:,} or more"
            )


def _check_shares(shares: Sequence[float]) -> None:
    valid = len(shares) == len(SPLITS) and all(math.isfinite(share) and share >= 0 for share in shares)
    if not valid or not math.isclose(sum(shares), 100) or not shares[0]:
        raise Refused(
            "expected the percentages of training, validation and test, such as 90/5/5: three numbers that sum to 100, "
            f"of which the first is not 0; found {_percent(shares)}"
        )


def _percent(shares: Sequence[float]) -> str:
    return "/".join(f"{share:g}" for share in shares)


def _hashed(blocks: Iterable[str], digest: Any) -> Iterator[str]:
    """The blocks, each of which updates the digest on its way."""
    for block in blocks:
        digest.update(block.encode("utf-8", "surrogatepass"))
        yield block


def _borders(total: int, shares: Sequence[float]) -> tuple[int, int]:
    """The starts of the second and the third split, in characters."""
    return int(total * shares[0] / 100), int(total * (shares[0] + shares[1]) / 100)


def _characters(name, blocks, shares):
    """Vocabulary, three Splits, and the characters in each, of a text by characters."""
    characters, tokens = encode_characters(blocks)
    if not characters:
        raise Refused(f"{name} is empty")
    if len(characters) == 1:
        raise Refused(f"{name} has one distinct character, {characters[0]!r}: there is nothing to learn from it")
    parts = np.split(tokens, _borders(len(tokens), shares))
    return characters, [Split(part) for part in parts], tuple(map(len, parts))


def _words(name, blocks, shares, min_count):
    """Vocabulary, three Splits, and the characters in each, of a text by words."""
    scan = prose.scan(blocks)
    widths = concatenated(scan.widths)
    if not len(widths):
        raise Refused(f"{name} is empty, or has no words")
    borders = [tokens_within(widths, border) for border in _borders(int(widths.sum(dtype=np.int64)), shares)]
    parts = np.split(widths, borders)
    words = frequent_words(scan.words, _first_occurrences(scan, borders[0]), min_count)
    if len(words) <= len(prose.WORDS) + 1:
        few = "no word" if len(words) == len(prose.WORDS) else f"one word, {words[-1]!r},"
        raise Refused(
            f"{few} of the training split of {name} occurs {min_count} or more times: nothing is to be learnt"
        )
    tokens = concatenated(scan.tokens, word_tokens(scan.words, words))
    sizes = tuple(int(part.sum(dtype=np.int64)) for part in parts)
    return words, [Split(*each) for each in zip(np.split(tokens, borders), parts)], sizes


def _pairs(name, blocks, shares, size, merges):
    """Vocabulary, three Splits, and the characters in each, of a text by byte pairs; all of it is held in memory."""
    text = "".join(blocks)
    if not text:
        raise Refused(f"{name} is empty")
    first, second = _borders(len(text), shares)
    parts = [text[:first], text[first:second], text[second:]]
    vocabulary = byte_pairs.stored(merges) if merges else byte_pairs.trained(sliced(parts[0]), size)
    widths, tokens = byte_pairs.widths(vocabulary), [byte_pairs.encode(sliced(part), vocabulary) for part in parts]
    return vocabulary, [Split(part, widths[part]) for part in tokens], tuple(map(len, parts))


def _first_occurrences(scan: prose.Scan, tokens: int) -> np.ndarray:
    """The number of occurrences of each word among the first `tokens`."""
    parts = []
    for part in scan.tokens:
        parts.append(part[: max(0, tokens)])
        tokens -= len(part)
    return occurrences(parts, len(scan.words))
