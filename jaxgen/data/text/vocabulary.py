"""Characters or words as numbers, and numbers as a text.

N          tokens in a text
V          size of the vocabulary
"""

import sys
from collections.abc import Iterable, Sequence

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.text import prose
from jaxgen.data.text.blocks import BLOCK, counted, joined, sliced, smallest
from jaxgen.data.text.prose import END, UNKNOWN, WORDS

__all__ = ["END", "UNKNOWN", "characters", "decode", "encode", "frequent", "gathered", "words"]

SHOWN = 8  # unknown characters that a message lists


def codes(block: str) -> np.ndarray:
    """The code points of a text, [N] uint32."""
    return np.frombuffer(block.encode("utf-32-le", "surrogatepass"), "<u4")


def gathered(blocks: Iterable[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """The distinct characters of a text, sorted, and the text as numbers of them: [N] of the smallest type.

    The text is gone through once, with characters numbered as they appear, and renumbered in the end.
    """
    numbers = np.zeros(sys.maxunicode + 1, np.uint32)  # by code point, from 1; 0: has not appeared
    found: list[int] = []
    kind, kept = smallest(1), bytearray()  # which grows where it stands: no second copy of the tokens
    for block in blocks:
        points = codes(block)
        part = numbers[points]
        if not part.all():
            new = np.unique(points[part == 0])
            numbers[new] = len(found) + 1 + np.arange(len(new))
            found.extend(new.tolist())
            if smallest(len(found)) != kind:
                kept = bytearray(np.frombuffer(kept, kind).astype(smallest(len(found))).data)
                kind = smallest(len(found))
            part = numbers[points]
        kept += (part - 1).astype(kind).data
    rank = np.empty(len(found), kind)
    rank[np.argsort(found)] = np.arange(len(found))
    tokens = np.frombuffer(kept, kind)
    for first in range(0, len(tokens), BLOCK):
        tokens[first : first + BLOCK] = rank[tokens[first : first + BLOCK]]
    return tuple(map(chr, sorted(found))), tokens


def characters(text: str) -> tuple[str, ...]:
    """The distinct characters of a text, sorted by code point."""
    return tuple(sorted(set(text)))


def words(text: str, min_count: int) -> tuple[str, ...]:
    """UNKNOWN and END, then the words that occur at least `min_count` times: frequent first, ties by code point."""
    found = prose.scan(sliced(text))
    return frequent(found.words, counted(found.tokens, len(found.words)), min_count)


def frequent(words: Sequence[str], counts: np.ndarray, min_count: int) -> tuple[str, ...]:
    """UNKNOWN and END, then the others of `words` by falling `counts` [len(words)], from `min_count` up."""
    enough = [number for number in np.flatnonzero(counts >= min_count).tolist() if number >= len(WORDS)]
    enough.sort(key=lambda number: (-counts[number], words[number]))
    return (*WORDS, *(words[number] for number in enough))


def encode(text: str, vocabulary: Sequence[str], level: str = "char") -> np.ndarray:
    """A text as tokens, [N] of the smallest unsigned type that holds V.

    Args:
        text: what to encode.
        vocabulary: [V] characters; or words, as `words` gives them: others become UNKNOWN, END stands after sentences.
        level: "char" or "word".

    Raises:
        Refused: characters that are not in the vocabulary, which the message shows.
    """
    if level == "word":
        found = prose.scan(sliced(text))
        return joined(found.tokens, renumbered(found.words, vocabulary))
    numbers = np.zeros(sys.maxunicode + 1, np.uint32)  # by code point, from 1; 0: unknown
    numbers[codes("".join(vocabulary))] = 1 + np.arange(len(vocabulary))
    parts = []
    for block in sliced(text):
        part = numbers[codes(block)]
        if not part.all():
            raise Refused(_unknown(text, vocabulary))
        parts.append((part - 1).astype(smallest(len(vocabulary))))
    return joined(parts)


def renumbered(words: Sequence[str], vocabulary: Sequence[str]) -> np.ndarray:
    """The place of each of `words` in a vocabulary, of UNKNOWN where it has none: [len(words)]."""
    places = {word: number for number, word in enumerate(vocabulary)}
    return np.array([places.get(word, places[UNKNOWN]) for word in words], smallest(len(vocabulary)))


def _unknown(text: str, vocabulary: Sequence[str]) -> str:
    known = set(vocabulary)
    unknown = [each for each in dict.fromkeys(text) if each not in known]
    shown = ", ".join(map(repr, unknown[:SHOWN]))
    more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
    verb = "is" if len(unknown) == 1 else "are"
    return f"{shown}{more} {verb} not among the {len(vocabulary)} characters it was trained on"


def decode(tokens: np.ndarray, vocabulary: Sequence[str], level: str = "char") -> str:
    """The text of tokens [N]: characters joined, words joined as prose is written (see `prose.written`)."""
    found = (vocabulary[token] for token in np.asarray(tokens).tolist())
    return prose.written(found) if level == "word" else "".join(found)
