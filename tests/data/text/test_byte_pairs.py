"""Byte pairs: what is merged first, every text and back, the package's own tokens, characters of each token."""

import itertools
import json
import re
import sys
from collections import Counter

import numpy as np
import pytest
from refusals import plainly, refused

from jaxgen.core.types import Refused
from jaxgen.data.text import blocks, byte_pairs, texts
from jaxgen.data.text.vocabulary import decode, encode

tokenizers = pytest.importorskip("tokenizers")

pytestmark = pytest.mark.ci

SAID = "It's the cat's hat, isn't it?  The cat sat;\n\n\tthe   hat - it is 1984.\n"
ODD = "def f(x):\n    return {'\U0001f600': x ** 2}  # \u0142\u00f3\u017c\u4e2d\u6587\u0301\u200d\U0001f469\n"
TEXT = (SAID + ODD) * 30


@pytest.fixture(scope="module")
def vocabulary():
    return byte_pairs.trained([TEXT], 320)


def of_package(vocabulary, merges):
    """The package's tokenizer, as one would write it for GPT-2's files."""
    model = tokenizers.models.BPE(vocab={token: n for n, token in enumerate(vocabulary)}, merges=merges)
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def test_the_most_frequent_pair_is_merged_first(vocabulary):
    assert len(vocabulary) == len(set(vocabulary)) == 320
    assert set(vocabulary[:256]) == set(byte_pairs.NUMBERS)
    assert sorted(byte_pairs.NUMBERS.values()) == list(range(256))
    words = [f" {word}" for word in ("ab", "ab", "ab", "abc", "abc", "bc", "cd")]
    counts = Counter(pair for word in words for pair in itertools.pairwise(word))
    first, second = (token.replace("\u0120", " ") for token in byte_pairs.trained(["".join(words)], 258)[256:])
    assert counts[tuple(first)] == max(counts.values()) == 5
    assert second == " ab"
    assert byte_pairs.trained([TEXT], 320) == vocabulary
    assert len(byte_pairs.trained(["abcdef"], 300)) == 256  # nothing occurs twice


@pytest.mark.parametrize("block", [7, 10**6])
def test_every_text_has_tokens_and_comes_back(vocabulary, block, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", block)
    strange = "".join(map(chr, [*range(0x300), *range(0x1F600, 0x1F620), 0x10FFFF]))
    for text in ("", " ", "\n \n", "a  b", SAID, ODD, strange):
        tokens = encode(text, vocabulary, "bpe")
        assert tokens.dtype == np.uint16 or not text
        assert decode(tokens, vocabulary, "bpe") == text
        assert byte_pairs.widths(vocabulary)[tokens].sum() == len(text)
    assert len(encode(SAID, vocabulary, "bpe")) < 0.7 * len(SAID)
    plain = vocabulary[:256]
    assert decode(encode("\U0001f600", plain, "bpe")[:1], plain, "bpe") == "\ufffd"


@pytest.mark.parametrize(("block", "times"), [(100, 1), (2**17, 300)])
def test_tokens_are_those_of_the_package(vocabulary, block, times, monkeypatch):
    """With the merges that it learnt itself, of a text in one piece, of a megabyte in the end."""
    monkeypatch.setattr(blocks, "BLOCK", block)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=320, min_frequency=2, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()
    )
    own = of_package((), [])
    own.train_from_iterator([TEXT], trainer)
    assert own.get_vocab() == {token: n for n, token in enumerate(vocabulary)}
    text = times * (TEXT + "unseen words, \u00e9\u00e8 and \U0001f680\U0001f680 as well")
    assert len(text) > 1e6 or times == 1
    assert encode(text, vocabulary, "bpe").tolist() == own.encode(text).ids


def test_merges_are_found_in_the_order_of_a_vocabulary():
    letters = sorted(byte_pairs.NUMBERS)
    found = byte_pairs.merges([*letters, "ab", "cd", "abcd", "xyz", "abc"])  # nothing gives xyz
    assert found == [("a", "b"), ("c", "d"), ("ab", "cd"), ("ab", "c")]


def test_a_text_in_splits(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(TEXT, encoding="utf-8")
    found = texts.load(str(path), level="bpe", shares=(80, 20, 0), size=300)
    assert (len(found.vocabulary), found.sha256) == (300, texts.load(str(path)).sha256)
    assert sum(found.characters) == len(TEXT)
    for split, characters in zip(found[3:6], found.characters):
        assert split.widths.sum() == characters
    whole = "".join(decode(split.tokens, found.vocabulary, "bpe") for split in found[3:6])
    assert whole == TEXT
    first = TEXT[: found.characters[0]]
    assert found.vocabulary == byte_pairs.trained([first], 300)


def test_what_cannot_be_read(tmp_path, monkeypatch, vocabulary):
    path = tmp_path / "a.txt"
    path.write_text("")
    assert f"{path} is empty" in refused(None, texts.load, str(path), level="bpe")
    assert "begins with the 256 bytes; 1 of them" in refused(None, encode, "a", vocabulary[1:], "bpe")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(Refused, match=r'pip install "jaxgen\[tokens\]"'):
        byte_pairs.trained(["a"], 300)


def test_hostile_vocabularies(tmp_path):
    (tmp_path / "merges.txt").write_text("")
    vocabulary = tmp_path / "vocab.json"
    vocabulary.write_text("[" * 100_000)
    plainly("is damaged", vocabulary, byte_pairs.stored, tmp_path)
    every = {token: number for number, token in enumerate(byte_pairs.NUMBERS)}
    for strange, says in {"\x7f" * 500: "stand for bytes", "\u4e2d": "stand for bytes"}.items():
        vocabulary.write_text(json.dumps({**every, strange: 256}))
        plainly(says, vocabulary, byte_pairs.stored, tmp_path)
    vocabulary.write_text(json.dumps({"a": 0}))
    plainly("255 of them are not there", vocabulary, byte_pairs.stored, tmp_path)


def test_long_words_are_cut_where_a_vocabulary_is_learnt():
    """Merging within a word takes as long as the word is, once for each of its pairs."""
    odd = f"{TEXT}{'a' * 5000} {' ' * 5000}b"
    parts = byte_pairs._cut(odd)
    assert "".join(parts) == odd
    assert all(len(run) <= byte_pairs.LONGEST for part in parts for run in re.findall(r"\S+|\s+", part))
    assert byte_pairs._cut(TEXT) == [TEXT]
    assert len(byte_pairs.trained([TEXT + "[{" * 300_000], 300)) == 300  # in a second or two
