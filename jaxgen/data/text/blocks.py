"""Long texts a block at a time: what is needed beside the tokens does not grow with the text.

N          tokens in a text
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

BLOCK = 2**17  # bytes, characters or tokens that are worked on at once


def smallest(size: int) -> np.dtype:
    """The smallest unsigned type that holds the numbers below `size`."""
    return np.min_scalar_type(max(0, size - 1))


def sliced(text: str) -> Iterator[str]:
    """A text in blocks."""
    return (text[first : first + BLOCK] for first in range(0, len(text), BLOCK))


def whole_words(blocks: Iterable[str]) -> Iterator[str]:
    """The same text in blocks that end where a word does, with the white space at the beginning of the next.

    A word of more than BLOCK characters is cut.
    """
    rest = ""
    for block in blocks:
        rest += block
        if len(rest) >= BLOCK and (end := _last_word_but_one(rest)):
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


def _last_word_but_one(text: str) -> int:
    """Where it ends: the last one may go on. 0 where there is none, unless the last has to be cut."""
    parts = text.rsplit(None, 1)
    if len(parts) == 2:
        return len(parts[0])
    end = len(text.rstrip())
    return end if parts and (end < len(text) or len(parts[0]) >= BLOCK) else 0


def joined(parts: list[np.ndarray], table: np.ndarray | None = None) -> np.ndarray:
    """One array [N] of `parts`, of table[parts] where one is given; empties `parts`, so that memory is held once."""
    kind = table.dtype if table is not None else max((part.dtype for part in parts), default=np.dtype(np.uint8))
    whole, first = np.empty(sum(map(len, parts)), kind), 0
    parts.reverse()
    while parts:
        part = parts.pop()
        whole[first : first + len(part)] = part if table is None else table[part]
        first += len(part)
    return whole


def within(widths: np.ndarray, characters: int) -> int:
    """How many of the first tokens, of `widths` [N] characters each, lie within the first `characters`."""
    start = 0
    for first in range(0, len(widths), BLOCK):
        ends = start + np.cumsum(widths[first : first + BLOCK], dtype=np.int64)
        if ends[-1] > characters:
            return first + int(np.searchsorted(ends, characters, "right"))
        start = ends[-1]
    return len(widths)


def counted(parts: Sequence[np.ndarray], size: int) -> np.ndarray:
    """How often each number below `size` occurs in `parts`: [size] int64."""
    counts = np.zeros(size, np.int64)
    for part in parts:
        counts += np.bincount(part, minlength=size)
    return counts
