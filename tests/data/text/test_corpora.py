"""Where a text is found, how it is read, and what is refused in one sentence."""

import gzip

import pytest
import refusals

from jaxgen.data import download
from jaxgen.data.text import corpora, texts, utf8


@pytest.fixture(autouse=True)
def _nowhere_else(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "reachable", lambda *_: False)


def text(corpus, data_dir=""):
    return "".join(corpora.corpus_blocks(str(corpus), str(data_dir)))


def refused(says, corpus, data_dir="", **options):
    refusals.refused(says, texts.load, str(corpus), str(data_dir), **options)


def test_newlines_byte_order_marks_and_characters_across_blocks(tmp_path, monkeypatch):
    for stored, read in [
        ("a\r\nb\rc\n\r\r\nd\r", "a\nb\nc\n\n\nd\n"),
        ("\ufeffa\ufeffb", "a\ufeffb"),
        ("\u017c\u00f3\u0142w \u20ac \U0001f600",) * 2,
        ("\ufeff", ""),
    ]:
        (tmp_path / "a").write_bytes(stored.encode())
        for block in (1, 2, 3, 5, 2**17):
            # A byte order mark has to be in one block.
            monkeypatch.setattr(utf8, "BLOCK", max(3, block) if stored.startswith("\ufeff") else block)
            assert text(tmp_path / "a") == read


@pytest.mark.ci
def test_the_first_byte_that_is_not_utf8_is_named(tmp_path, monkeypatch):
    for stored, position, byte in [
        (b"ab\xe9cd", 2, "e9"),
        ("\ufeff\u20ac\u20ac".encode() + b"\x80", 9, "80"),
        (b"abcd\xf0\x9f\x98", 4, "f0"),
        (b"\xed\xa0\x80", 0, "ed"),
        (b"a" * 1500 + b"\xff", "1,500", "ff"),
    ]:
        (tmp_path / "a.txt").write_bytes(stored)
        for block in (3, 2**17):
            monkeypatch.setattr(utf8, "BLOCK", block)
            refused(rf"a.txt is not UTF-8: byte {position} \(counted from 0\), 0x{byte}, is part", tmp_path / "a.txt")


SHORT = "characters, too few to be cut 90/5/5: the validation split would be empty"
NO_TEXT = {
    b"": "a.txt is empty",
    b"\xef\xbb\xbf": "a.txt is empty",
    b"aaaa": "a.txt has one distinct character, 'a': there is nothing to learn from it",
    b"\n" * 40: r"one distinct character, '\\n'",
    b"abcdef": f"has 6 {SHORT}",
    b"text\x00\xff": r"a.txt is a binary file and not text: byte 4 \(counted from 0\) is NUL",
    gzip.compress(b"abc" * 99, mtime=0): "binary file",
    "text".encode("utf-16"): "a.txt is UTF-16 and not UTF-8; convert it with `iconv",
}
NO_WORDS = {
    b" \n ": "is empty, or has no words",
    b"each word here once only": "no word of the training split of .*a.txt occurs 2 or more times: nothing",
    b"so so so so so so so so": "one word, 'so', of the training split of .* occurs 2 or more times",
    b"yes no yes no yes": f"has 17 {SHORT}",
}


@pytest.mark.ci
def test_files_without_anything_to_learn(tmp_path):
    for level, files in (("char", NO_TEXT), ("word", NO_WORDS)):
        for stored, says in files.items():
            (tmp_path / "a.txt").write_bytes(stored)
            refused(says, "a.txt", tmp_path, level=level)


def test_shares_counts_and_names_that_are_none(tmp_path):
    for shares in [(90, 10), (90, 5, 6), (0, 50, 50), (110, -5, -5), (float("nan"), 5, 5), (100, float("inf"), 0)]:
        refused("expected the percentages of training, validation and test, such as 90/5/5: ", "pydocs", shares=shares)
    refused("found a minimum count of 0", "pydocs", level="word", min_count=0)
    for corpus, says in {
        "nietzche": r"no corpus 'nietzche' \(did you mean 'nietzsche'\?\); known are pydocs, nietzsche, tinysh",
        "": "no corpus ''; known are",
        "x\0y": r"no corpus 'x\\x00y'",
        "no/such/book": "there is no file or folder no/such/book; looked for ",
        "book.txt": "there is no file or folder book.txt; looked for ",
        "tfds:": "expected tfds:NAME",
    }.items():
        refused(says, corpus, tmp_path)


def test_a_named_corpus_is_found_where_data_are(tmp_path):
    for folder, content in (("cache/data/text", "cached"), ("mine/text", "mine")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "nietzsche.txt").write_text(content)
        assert text("nietzsche", tmp_path / "mine") == content


@pytest.mark.ci
def test_a_missing_corpus_says_where_it_belongs_and_whence_it_comes(tmp_path):
    for name, (address, *_) in corpora.FILES.items():
        whence = address.removesuffix(f"{name}.txt")
        refused(f"{name} is not in {tmp_path / 'text'}, and .* put {name}.txt there .from {whence}", name, tmp_path)
        refused(f"{name} is not in {tmp_path / 'cache' / 'data' / 'text'}", name)


def test_a_folder_is_its_files_by_name(tmp_path):
    folder = tmp_path / "books"
    (folder / "c.txt").mkdir(parents=True)
    for name, content in (("b.TXT", "second\r\n"), ("a.txt", "first"), ("a.md", "no"), (".a.txt", "\0"), ("d.txt", "")):
        (folder / name).write_text(content, newline="")
    assert text(folder) == text("books", tmp_path) == "first\nsecond\n\n"
    (folder / "b.TXT").write_bytes(b"\xff")
    refused("b.TXT is not UTF-8: byte 0", folder)


@pytest.mark.ci
def test_folders_and_files_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    refused("empty has no files .txt", tmp_path / "empty")
    (tmp_path / "a.txt").write_text("text")

    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", forbidden)
    refused("a.txt cannot be read: Permission denied", tmp_path / "a.txt")
