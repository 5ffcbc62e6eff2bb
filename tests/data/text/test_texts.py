"""Texts by characters and words: splits, vocabularies, memory."""

import hashlib
import os
import tracemalloc

import numpy as np
import pytest

from jaxgen.core.types import Refused
from jaxgen.data.text import blocks, corpora, texts, utf8
from jaxgen.data.text.vocabulary import decode, encode, word_vocabulary

DATA = os.environ.get("JAXGEN_DATA", "")
STORY = "Ala ma kota. Kot ma Al\u0119!\n\nIt is \u20ac1.\n" * 12


@pytest.fixture
def story(tmp_path):
    path = tmp_path / "story.txt"
    path.write_text(STORY, encoding="utf-8")
    return str(path)


def whole(text):
    return "".join(decode(split.tokens, text.vocabulary) for split in (text.train, text.valid, text.test))


def test_a_file_by_characters(story):
    found = texts.load(story)
    assert (found.name, found.level, found.vocabulary) == (story, "char", tuple(sorted(set(STORY))))
    assert found.sha256 == hashlib.sha256(STORY.encode()).hexdigest()
    assert found.train.widths is None
    assert found.train.tokens.dtype == np.uint8
    for first, second in ((90, 10), (50, 0.5)):  # percent
        found, count = texts.load(story, shares=(first, second, 100 - first - second)), len(STORY)
        ends = np.rint(np.array([first, first + second, 100]) / 100 * count).astype(int)
        assert np.abs(np.cumsum(found.characters) - ends).max() <= 1
        assert found.characters == tuple(len(split.tokens) for split in found[3:6])
        assert whole(found) == STORY


@pytest.fixture(params=[16, 10**6])
def _in_blocks(request, monkeypatch):
    for module in (blocks, utf8):
        monkeypatch.setattr(module, "BLOCK", request.param)


@pytest.mark.usefixtures("_in_blocks")
def test_lower_case_is_that_of_the_whole_text(tmp_path):
    text = "\u039f\u0394\u039f\u03a3 \u0130 ABC\n" * 20  # a capital sigma at the end of a word, a dotted capital I
    path = tmp_path / "a.txt"
    path.write_text(text, encoding="utf-8")
    found = texts.load(str(path), lowercase=True)
    assert whole(found) == text.lower()
    assert found.sha256 == hashlib.sha256(text.lower().encode()).hexdigest()


def test_a_file_by_words(story):
    found = texts.load(story, level="word", min_count=1, shares=(60, 20, 20))
    assert sum(found.characters) == len(STORY)
    assert found.characters == tuple(int(split.widths.sum()) for split in found[3:6])
    assert all(len(split.widths) == len(split.tokens) for split in found[3:6])
    first = STORY[: found.characters[0]]
    assert abs(len(first) - 0.6 * len(STORY)) < 5
    assert found.vocabulary == word_vocabulary(first, 1)
    every = np.concatenate([split.tokens for split in found[3:6]])
    np.testing.assert_array_equal(every, encode(STORY, found.vocabulary, "word"))
    assert found.sha256 == texts.load(story).sha256


@pytest.mark.usefixtures("_in_blocks")
def test_words_of_the_training_split_alone_are_known(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("red green " * 30 + " blue" * 40 + " green" * 17)
    for share in np.arange(47, 50, 0.5).tolist():  # up to the last "green" before "blue"
        assert "blue" not in texts.load(str(path), level="word", min_count=1, shares=(share, 50 - share, 50)).vocabulary
    found = texts.load(str(path), level="word", shares=(50, 25, 25))
    assert found.vocabulary == ("<unk>", "<end>", "green", "red")
    assert decode(found.test.tokens[:2], found.vocabulary, "word") == "<unk> <unk>"
    assert decode(found.train.tokens[:2], found.vocabulary, "word") == "red green"


def test_a_border_within_a_word_moves_to_its_beginning(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("aaaa bbbb aaaa bbbb aaaa bbbb")  # 29 characters, half of them end within the third word
    found = texts.load(str(path), level="word", min_count=1, shares=(45, 5, 50))
    assert found.characters == (9, 5, 15)
    assert decode(found.valid.tokens, found.vocabulary, "word") == "aaaa"


def test_pydocs_needs_no_file():
    found = texts.load("pydocs")
    assert 'The "assert" statement\n' in whole(found)
    assert sum(found.characters) > 300_000


def test_a_window_and_what_follows_must_fit(story):
    found = texts.load(story, shares=(80, 10, 10))
    shortest = min(found.characters)
    texts.check_context(found, shortest - 1)
    with pytest.raises(Refused, match=f"the validation split of {story} has {shortest} characters, and a context of "):
        texts.check_context(found, shortest)
    texts.check_context(texts.load(story, shares=(80, 20, 0)), shortest)
    short = texts.load(story, level="word", min_count=1)
    with pytest.raises(Refused, match="words and marks, and a context of 1,000 needs 1,001 or more"):
        texts.check_context(short, 1000)


def peak(path, level):
    tracemalloc.start()
    texts.load(str(path), level=level)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


@pytest.mark.ci
@pytest.mark.parametrize(
    ("level", "size", "least", "most"),
    [("char", 2_000_000, 0.9, 1.2), ("word", 100_000, 0.25, 2.5)],  # bytes a character; words of four, with the space
)
def test_memory_grows_as_the_tokens_do(tmp_path, level, size, least, most, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 2**14)
    monkeypatch.setattr(utf8, "BLOCK", 2**14)
    peaks = []
    for length in (size, 2 * size):
        path = tmp_path / f"{length}.txt"
        path.write_text(("the cat sat on a mat, " * (length // 22 + 1))[:length])
        peaks.append(peak(path, level))
    assert least < (peaks[1] - peaks[0]) / size < most


@pytest.mark.slow
@pytest.mark.needs_data
@pytest.mark.skipif(not DATA, reason="JAXGEN_DATA is not set")
def test_real_corpora_have_their_published_sizes():
    nietzsche = texts.load("nietzsche", DATA, lowercase=True)  # the Keras example's corpus
    assert (sum(nietzsche.characters), len(nietzsche.vocabulary)) == (600_893, 57)
    shakespeare = texts.load("tinyshakespeare", DATA, shares=(90, 10, 0))  # nanoGPT's tokens, data/shakespeare_char
    assert (shakespeare.characters, len(shakespeare.vocabulary)) == ((1_003_854, 111_540, 0), 65)
    assert shakespeare.sha256 == corpora.FILES["tinyshakespeare"][2]
