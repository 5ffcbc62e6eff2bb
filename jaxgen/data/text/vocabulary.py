"""Vocabularies of characters, words or pairs of bytes, and encoding and decoding of texts with them.

N          tokens in a text
V          size of the vocabulary
"""

import sys
from collections.abc import Iterable, Sequence

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.text import byte_pairs, prose
from jaxgen.data.text.blocks import BLOCK, concatenated, occurrences, sliced, smallest_dtype
from jaxgen.data.text.prose import END, UNKNOWN, WORDS

__all__ = ["END", "UNKNOWN", "character_vocabulary", "decode", "encode", "encode_characters", "word_vocabulary"]

SHOWN = 8  # unknown characters that a message lists


def code_points(block: str) -> np.ndarray:
    """The code points of a text, [N] uint32."""
    return np.frombuffer(block.encode("utf-32-le", "surrogatepass"), "<u4")


def encode_characters(blocks: Iterable[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """(vocabulary, tokens) of a text: its sorted characters, and its tokens [N] of the smallest dtype.

    One pass over the text numbers characters by first appearance; in the end they are renumbered.
    """
    numbers = np.zeros(sys.maxunicode + 1, np.uint32)  # by code point, from 1; 0: has not appeared
    appeared: list[int] = []  # code points
    dtype, buffer = smallest_dtype(1), bytearray()  # which grows in place, without a second copy of the tokens
    for block in blocks:
        points = code_points(block)
        part = numbers[points]
        if not part.all():
            new = np.unique(points[part == 0])
            numbers[new] = len(appeared) + 1 + np.arange(len(new))
            appeared.extend(new.tolist())
            if smallest_dtype(len(appeared)) != dtype:
                buffer = bytearray(np.frombuffer(buffer, dtype).astype(smallest_dtype(len(appeared))).data)
                dtype = smallest_dtype(len(appeared))
            part = numbers[points]
        buffer += (part - 1).astype(dtype).data
    rank = np.empty(len(appeared), dtype)
    rank[np.argsort(appeared)] = np.arange(len(appeared))
    tokens = np.frombuffer(buffer, dtype)
    for first in range(0, len(tokens), BLOCK):
        tokens[first : first + BLOCK] = rank[tokens[first : first + BLOCK]]
    return tuple(map(chr, sorted(appeared))), tokens


def character_vocabulary(text: str) -> tuple[str, ...]:
    """The distinct characters of a text, sorted by code point."""
    return tuple(sorted(set(text)))


def word_vocabulary(text: str, min_count: int) -> tuple[str, ...]:
    """UNKNOWN and END, then the words that occur at least `min_count` times: frequent first, ties by code point."""
    scan = prose.scan(sliced(text))
    return frequent_words(scan.words, occurrences(scan.tokens, len(scan.words)), min_count)


def frequent_words(words: Sequence[str], counts: np.ndarray, min_count: int) -> tuple[str, ...]:
    """UNKNOWN and END, then the other `words` with `counts` [len(words)] of at least `min_count`, frequent first."""
    enough = [number for number in np.flatnonzero(counts >= min_count).tolist() if number >= len(WORDS)]
    enough.sort(key=lambda number: (-counts[number], words[number]))
    return (*WORDS, *(words[number] for number in enough))


def encode(text: str, vocabulary: Sequence[str], level: str = "char") -> np.ndarray:
    """A text as tokens, [N] of the smallest unsigned dtype for V.

    Args:
        text: to encode.
        vocabulary: [V] characters; or words, as of `word_vocabulary`: other words become UNKNOWN, and END follows each
            sentence; or those of `byte_pairs.trained`.
        level: "char", "word" or "bpe".

    Raises:
        Refused: characters are not in the vocabulary; the message lists them. See also `byte_pairs.encode`.
    """
    if level == "bpe":
        return byte_pairs.encode(sliced(text), vocabulary)
    if level == "word":
        scan = prose.scan(sliced(text))
        return concatenated(scan.tokens, word_tokens(scan.words, vocabulary))
    numbers = np.zeros(sys.maxunicode + 1, np.uint32)  # by code point, from 1; 0: unknown
    numbers[code_points("".join(vocabulary))] = 1 + np.arange(len(vocabulary))
    parts = []
    for block in sliced(text):
        part = numbers[code_points(block)]
        if not part.all():
            raise Refused(_unknown(text, vocabulary))
        parts.append((part - 1).astype(smallest_dtype(len(vocabulary))))
    return concatenated(parts)


def word_tokens(words: Sequence[str], vocabulary: Sequence[str]) -> np.ndarray:
    """The token of each of `words` in a vocabulary, that of UNKNOWN for words not in it: [len(words)]."""
    tokens = {word: number for number, word in enumerate(vocabulary)}
    return np.array([tokens.get(word, tokens[UNKNOWN]) for word in words], smallest_dtype(len(vocabulary)))


def _unknown(text: str, vocabulary: Sequence[str]) -> str:
    """The message that lists the characters of the text that are not in the vocabulary."""
    known = set(vocabulary)
    unknown = [each for each in dict.fromkeys(text) if each not in known]
    shown = ", ".join(map(repr, unknown[:SHOWN]))
    more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
    verb = "is" if len(unknown) == 1 else "are"
    return f"{shown}{more} {verb} not among the {len(vocabulary)} characters it was trained on"


def decode(tokens: np.ndarray, vocabulary: Sequence[str], level: str = "char") -> str:
    """The text of tokens [N]; words are joined by `prose.written`."""
    if level == "bpe":
        return byte_pairs.decode(np.asarray(tokens).tolist(), vocabulary)
    pieces = (vocabulary[token] for token in np.asarray(tokens).tolist())
    return prose.written(pieces) if level == "word" else "".join(pieces)
