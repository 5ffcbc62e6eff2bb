"""Byte-pair tokens: pieces of words that were merged because they are frequent (Sennrich et al. 2016,
https://arxiv.org/abs/1508.07909), of bytes (Radford et al. 2019), so that every text has tokens.

A text is first cut into words, each with the space before it, numbers, runs of marks and white space; pairs are merged
within these. A vocabulary is written as GPT-2's: each byte as a printable character, the 256 of them first, and then
what was merged, in that order. So a token's place says which pair is merged first, and no list of merges is kept beside
it.

N          tokens in a text
V          size of the vocabulary
"""

import functools
import itertools
import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.text.blocks import concatenated, smallest_dtype, whole_words

BYTES = 256  # the smallest vocabulary
LONGEST = 2048  # characters of a word, or of white space, that is not cut where a vocabulary is learnt
RUN = re.compile(r"\S++|\s++")
# Bytes that are printable as Latin-1 characters stand for themselves, the others for those from code point 256 on.
PLAIN = (*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1))
OTHERS = (byte for byte in range(BYTES) if byte not in PLAIN)
NUMBERS = {chr(byte): byte for byte in PLAIN} | {chr(BYTES + n): byte for n, byte in enumerate(OTHERS)}


def trained(text: Iterable[str], size: int) -> tuple[str, ...]:
    """The vocabulary, at most `size`, of a text in blocks: the most frequent pair is merged again and again.

    It is smaller where no pair is left that occurs twice. Raises Refused without the package `tokenizers`.
    """
    package = _package()
    tokenizer = _cutting(package.models.BPE())
    alphabet = package.pre_tokenizers.ByteLevel.alphabet()
    trainer = package.trainers.BpeTrainer(
        vocab_size=size, min_frequency=2, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(map(_cut, whole_words(text)), trainer)
    numbers = tokenizer.get_vocab()
    return tuple(sorted(numbers, key=numbers.__getitem__))


def stored(folder: str | os.PathLike) -> tuple[str, ...]:
    """The vocabulary in a folder's vocab.json, whose merges are those of its merges.txt, as GPT-2's files are.

    Raises Refused where one of them is missing or damaged, or they do not belong together.
    """
    folder = Path(os.path.expanduser(folder))
    try:
        numbers = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Refused(f"byte pairs need vocab.json and merges.txt in {folder}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise Refused(f"vocab.json or merges.txt in {folder} is damaged") from error
    places = numbers.values() if isinstance(numbers, dict) else ()
    if not places or sorted(place for place in places if type(place) is int) != list(range(len(places))):
        raise Refused(f"vocab.json in {folder} does not number its tokens from 0")
    vocabulary = tuple(sorted(numbers, key=numbers.__getitem__))
    try:
        check(vocabulary)
    except Refused as refusal:
        raise Refused(f"vocab.json in {folder}: {refusal}") from refusal
    listed = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    first = {"".join(pair): pair for pair in reversed(listed)}  # a token that two pairs give is learnt from the first
    if merges(vocabulary) != [pair for pair in listed if first["".join(pair)] == pair]:
        raise Refused(f"merges.txt in {folder} is of another vocabulary than vocab.json")
    return vocabulary


def check(vocabulary: Sequence[str]) -> None:
    """Raises Refused where the vocabulary does not begin with the bytes, or has what no bytes are written as."""
    lacking = NUMBERS.keys() - set(vocabulary[:BYTES])
    if lacking:
        raise Refused(f"a vocabulary of byte pairs begins with the {BYTES} bytes; {len(lacking)} of them are not there")
    strange = next((token for token in vocabulary if not token or not NUMBERS.keys() >= set(token)), None)
    if strange is not None:
        raise Refused(f"{ascii(strange)[:60]} of the vocabulary is not written in the characters that stand for bytes")


def encode(text: Iterable[str], vocabulary: Sequence[str]) -> np.ndarray:
    """A text in blocks as tokens, [N] of the smallest unsigned dtype for V.

    Raises Refused where the vocabulary lacks one of the 256 bytes, and without the package `tokenizers`.
    """
    tokenizer, dtype = _tokenizer(tuple(vocabulary)), smallest_dtype(len(vocabulary))
    return concatenated([np.array(tokenizer.encode(block).ids, dtype) for block in whole_words(text)])


def decode(tokens: Iterable[int], vocabulary: Sequence[str]) -> str:
    """The text of tokens [N]; bytes that are no character become U+FFFD, as where a sample ends within one."""
    pieces = _pieces(tuple(vocabulary))
    return b"".join(pieces[token] for token in tokens).decode("utf-8", "replace")


def widths(vocabulary: Sequence[str]) -> np.ndarray:
    """[V] characters that begin in each token, of the smallest unsigned dtype: all bytes but those that go on."""
    counts = [sum(byte & 0xC0 != 0x80 for byte in piece) for piece in _pieces(tuple(vocabulary))]
    return np.array(counts, smallest_dtype(max(counts) + 1))


def merges(vocabulary: Sequence[str]) -> list[tuple[str, str]]:
    """The two tokens that each token but the bytes was merged from.

    Those that are left of its bytes once all pairs of earlier tokens are merged; a token of which more are left is
    none that merging gives, and is left out.
    """
    ranks, pairs = {token: rank for rank, token in enumerate(vocabulary)}, []
    for token in vocabulary[BYTES:]:
        parts = list(token)
        while len(parts) > 2:
            joint = [ranks.get(a + b, len(ranks)) for a, b in itertools.pairwise(parts)]
            first = min(range(len(joint)), key=joint.__getitem__)
            if joint[first] >= ranks[token]:
                break
            parts[first : first + 2] = [parts[first] + parts[first + 1]]
        if len(parts) == 2:
            pairs.append((parts[0], parts[1]))
    return pairs


def _cut(block: str) -> list[str]:
    """A block in parts without longer words than LONGEST: a merge within a word takes as long as the word is."""
    cuts = [0]
    for run in RUN.finditer(block):
        cuts += range(run.start(), run.end(), LONGEST) if run.end() - run.start() > LONGEST else ()
    return [block[begin:end] for begin, end in itertools.pairwise([*cuts, len(block)])]


@functools.lru_cache(2)
def _tokenizer(vocabulary: tuple[str, ...]) -> Any:
    """The package's tokenizer for a vocabulary."""
    check(vocabulary)
    numbers = {token: number for number, token in enumerate(vocabulary)}
    return _cutting(_package().models.BPE(vocab=numbers, merges=merges(vocabulary)))


def _cutting(model: Any) -> Any:
    """A tokenizer that cuts a text into words first, as GPT-2's does."""
    package = _package()
    tokenizer = package.Tokenizer(model)
    tokenizer.pre_tokenizer = package.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


@functools.lru_cache(2)
def _pieces(vocabulary: tuple[str, ...]) -> list[bytes]:
    """The bytes of each token."""
    return [bytes(NUMBERS[each] for each in token) for token in vocabulary]


def _package() -> Any:
    try:
        import tokenizers
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ModuleNotFoundError:
        raise Refused('byte-pair tokens need tokenizers: pip install "jaxgen[tokens]"') from None
    return tokenizers
