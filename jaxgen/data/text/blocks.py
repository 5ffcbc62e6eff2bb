"""Processing of long texts in blocks, so that memory besides the tokens does not grow with the text.

N          tokens in a text
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

BLOCK = 2**17  # bytes, characters or tokens that are processed at once


def smallest_dtype(size: int) -> np.dtype:
    """The smallest unsigned dtype for the numbers below `size`."""
    return np.min_scalar_type(max(0, size - 1))


def sliced(text: str) -> Iterator[str]:
    """A text in blocks."""
    return (text[first : first + BLOCK] for first in range(0, len(text), BLOCK))


def whole_words(blocks: Iterable[str]) -> Iterator[str]:
    """The same text in blocks that end at the end of a word, with the white space after it at the start of the next.

    Words of more than BLOCK characters are cut.
    """
    rest = ""
    for block in blocks:
        rest += block
        if len(rest) >= BLOCK and (end := _end_of_complete_words(rest)):
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


def _end_of_complete_words(text: str) -> int:
    """The end of the last complete word, which is the last but one; 0 without one, unless a long word has to be cut."""
    parts = text.rsplit(None, 1)
    if len(parts) == 2:
        return len(parts[0])
    end = len(text.rstrip())
    return end if parts and (end < len(text) or len(parts[0]) >= BLOCK) else 0


def concatenated(parts: list[np.ndarray], table: np.ndarray | None = None) -> np.ndarray:
    """The parts, or table[parts], as one array [N]; removes them from the list, so that none is in memory twice."""
    dtype = table.dtype if table is not None else max((part.dtype for part in parts), default=np.dtype(np.uint8))
    whole, first = np.empty(sum(map(len, parts)), dtype), 0
    parts.reverse()
    while parts:
        part = parts.pop()
        whole[first : first + len(part)] = part if table is None else table[part]
        first += len(part)
    return whole


def tokens_within(widths: np.ndarray, characters: int) -> int:
    """How many tokens, of `widths` [N] characters, lie entirely within the first `characters` of the text."""
    start = 0
    for first in range(0, len(widths), BLOCK):
        ends = start + np.cumsum(widths[first : first + BLOCK], dtype=np.int64)
        if ends[-1] > characters:
            return first + int(np.searchsorted(ends, characters, "right"))
        start = ends[-1]
    return len(widths)


def occurrences(parts: Sequence[np.ndarray], size: int) -> np.ndarray:
    """The number of occurrences in `parts` of each number below `size`: [size] int64."""
    counts = np.zeros(size, np.int64)
    for part in parts:
        counts += np.bincount(part, minlength=size)
    return counts
