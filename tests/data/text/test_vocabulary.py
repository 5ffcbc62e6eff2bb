"""Vocabularies of characters and words, and the tokens that they give."""

import collections
import itertools
import random
import re

import numpy as np
from refusals import refused

from jaxgen.data.text import blocks, prose, vocabulary
from jaxgen.data.text.vocabulary import character_vocabulary, decode, encode, word_vocabulary

TEXT = "Ala ma kota. Ko\u0142o \u2014 \u20ac1 \U0001f600!\nAla"


def random_text(size, seed=0, first=32, last=0x3000):
    draw = random.Random(seed)
    return "".join(chr(draw.randrange(first, last)) for _ in range(size))


def test_characters_are_their_places_in_the_sorted_set(monkeypatch):
    for text, block in itertools.product(("", "a", TEXT, random_text(500)), (1, 7, 10**6)):
        known = sorted(set(text))
        assert character_vocabulary(text) == tuple(known)
        monkeypatch.setattr(blocks, "BLOCK", block)
        tokens = encode(text, known)
        assert tokens.tolist() == [known.index(each) for each in text]
        assert decode(tokens, known) == text
        characters, same = vocabulary.encode_characters(blocks.sliced(text))
        assert characters == tuple(known)
        assert same.dtype == tokens.dtype
        np.testing.assert_array_equal(same, tokens)


def test_tokens_are_of_the_smallest_type():
    for size, kind in ((256, np.uint8), (257, np.uint16), (2**16, np.uint16), (2**16 + 1, np.uint32)):
        characters = [chr(0x20000 + number) for number in range(size)]
        for level, known in (("char", characters), ("word", [*prose.WORDS, *map(str, range(size - 2))])):
            tokens = encode(known[-1], known, level)
            assert tokens.dtype == kind
            assert tokens.tolist() == [size - 1]


def test_a_type_that_becomes_too_small_half_way_is_widened():
    text = "".join(map(chr, range(1000, 1300)))
    known, tokens = vocabulary.encode_characters([text[:200], text[200:], text[::-1]])
    assert len(known) == 300
    assert tokens.tolist() == [*range(300), *range(299, -1, -1)]


def test_unknown_characters_are_shown():
    for text, says in {
        "caf\u00e9 \u20ac caf\u00e9": "'\u00e9', '\u20ac' are not among the 26 characters it was trained on",
        "x\n": r"'\n' is not among the 26 characters it was trained on",
        "\udcff": r"'\udcff' is not among the 26 characters it was trained on",
        "0987654321": "'0', '9', '8', '7', '6', '5', '4', '3' and 2 more are not among the 26 characters",
    }.items():
        refused(f"^{re.escape(says)}", encode, text, character_vocabulary(" abcdefghijklmnopqrstuvwxy"))


def test_words_stand_by_frequency_and_then_by_name():
    text = "b a c b a c b d. B e e"
    assert word_vocabulary(text, 1) == ("<unk>", "<end>", "b", "a", "c", "e", ".", "B", "d")
    assert word_vocabulary(text, 2) == ("<unk>", "<end>", "b", "a", "c", "e")
    assert word_vocabulary(text, 4) == ("<unk>", "<end>")
    assert word_vocabulary("", 1) == ("<unk>", "<end>")


def test_unknown_words_are_unknown_and_sentences_end():
    known = word_vocabulary("Ala ma kota. Kot ma Ale.", 1)
    tokens = encode("Ala ma psa. Kot", known, "word")
    assert [known[token] for token in tokens] == ["Ala", "ma", "<unk>", ".", "<end>", "Kot"]
    assert decode(tokens, known, "word") == "Ala ma <unk>.\nKot"


def test_the_counts_of_words_are_those_of_a_counter(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 64)
    draw = random.Random(1)
    found = [draw.choice(["the", "of", "and", "to", "in", "a", "is"]) * draw.randint(1, 2) for _ in range(400)]
    counts = collections.Counter(found)
    expected = sorted((word for word in counts if counts[word] >= 20), key=lambda word: (-counts[word], word))
    assert word_vocabulary(" ".join(found), 20) == ("<unk>", "<end>", *expected)
