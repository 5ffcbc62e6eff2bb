"""Words and sentences, against a scanner that goes through a text a token at a time."""

import itertools
import random
import re

import numpy as np

from jaxgen.data.text import blocks, prose

SIMPLE = re.compile(r"<unk>|<end>|\d+(?:[.,]\d+)+|\w+(?:['’-]\w+)*|-{2,}|\.{2,}|={2,}|\*{2,}|~{2,}|[^\w\s]")


def scanned(text):
    """Tokens and widths, as lists."""
    found = prose.scan(blocks.sliced(text))
    assert [*map(len, found.tokens)] == [*map(len, found.widths)]
    tokens = [found.words[number] for part in found.tokens for number in part]
    return tokens, [int(width) for part in found.widths for width in part]


def reference(text):
    tokens, widths, stopped, end = [], [], False, 0
    for match in SIMPLE.finditer(text):
        word, gap = match.group(), text[end : match.start()]
        if tokens and ((stopped and gap) or gap.count("\n") > 1) and tokens[-1] != "<end>" != word:
            tokens, widths = [*tokens, "<end>"], [*widths, 0]
        tokens, widths = [*tokens, word], [*widths, len(gap) + len(word)]
        stopped = word in ".!?…" or (stopped and not gap and word in "\"'”’»)]}")
        end = match.end()
    if tokens:
        widths[-1] += len(text) - end
        if (stopped or text[end:].count("\n") > 1) and tokens[-1] != "<end>":
            tokens, widths = [*tokens, "<end>"], [*widths, 0]
    return tokens, widths


EXAMPLES = {
    "Ala ma kota.": "Ala ma kota . <end>",
    "Ala ma kota <end> Kot": "Ala ma kota <end> Kot",
    "Ala ma kota. <end>\n\nKot": "Ala ma kota . <end> Kot",
    'He said: "Don\'t!" (Twice?) And': 'He said : " Don\'t ! " <end> ( Twice ? ) <end> And',
    "a well-known fact--so 3.14, 1,000.": "a well-known fact -- so 3.14 , 1,000 . <end>",
    "PREFACE\n\n\nSupposing\nthat": "PREFACE <end> Supposing that",
    "Wait... what?! object.name x": "Wait ... what ? ! <end> object . name x",
    'So. "Go" on': 'So . <end> " Go " on',
    "Title\n=====\n\n": "Title ===== <end>",
    " \n\n kota": "kota",
    " \n\n ": "",
    "": "",
}


def test_examples():
    for text, tokens in EXAMPLES.items():
        assert scanned(text)[0] == tokens.split() == reference(text)[0], text


def test_random_texts_are_cut_as_one_token_at_a_time_does(monkeypatch):
    parts = [*"ab.!?\"')(-,=", " ", " ", " ", "\n", "\n\n", "  ", "ab's", "<end>", "<unk>", "3.5", "…", "--", "ł"]
    for block, number in itertools.product((20, 50, 10**6), range(20)):
        monkeypatch.setattr(blocks, "BLOCK", block)
        draw, text, run = random.Random(block + number), "", ""
        for part in draw.choices(parts, k=draw.randrange(120)):
            run = "" if part.isspace() else run + part
            text += part + " " * (len(run) > 8)  # a word as long as a block would be cut
            run = run if len(run) <= 8 else ""
        tokens, widths = scanned(text)
        assert (tokens, widths) == reference(text)
        assert sum(widths) == len(text) * bool(tokens)
        assert "".join(token for token, width in zip(tokens, widths) if width) == re.sub(r"\s", "", text)


def test_widths_may_be_long():
    text = "a" * 300 + "\n" * 70_000 + "b" + " " * 300
    assert scanned(text) == (["a" * 300, "<end>", "b"], [300, 0, 70_301])
    assert scanned("a" + " " * 254) == (["a"], [255])
    assert scanned("a" + " " * 255) == (["a"], [256])
    assert scanned("a" + " " * 255 + "b") == (["a", "b"], [1, 256])


def test_a_word_longer_than_a_block_is_cut(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 10)
    tokens, widths = scanned("ab " + "c" * 37 + " d")
    assert "".join(tokens) == "ab" + "c" * 37 + "d"
    assert tokens[0] == "ab"
    assert tokens[-1] == "d"
    assert sum(widths) == 42
    assert scanned("c" * 20 + "  ") == (["c" * 10, "c" * 10], [10, 12])
    assert scanned("c" * 9 + ".) d")[0] == ["c" * 9, ".", ")", "<end>", "d"]


WRITTEN = {
    "Ala ma kota <end> <end> <end>": "Ala ma kota",
    "<end> Ala ma kota . <end> Kot ma Ale .": "Ala ma kota.\nKot ma Ale.",
    "PREFACE <end> What then ? <end> So": "PREFACE\n\nWhat then?\nSo",
    'He said : " Go , now ! " <end> And ( so ) on ; is it : no': 'He said: "Go, now!"\nAnd (so) on; is it: no',
    "truth--what -- then / now": "truth--what--then/now",
    "“ Yes ” , he said … <end> 100 % [ sure ]": "“Yes”, he said…\n100% [sure]",
    "' tis . <end> ' twas": "'tis.\n'twas",
    'a <end> " b <end> " c "': 'a\n\n"b\n\n"c"',
    "<unk> a <unk>": "<unk> a <unk>",
    "": "",
}
PREFACE = 'PREFACE\n\nSUPPOSING Truth is a woman--what then? He said: "Go (now)." So it is.\nYes; and no!\n\nEnd of it.'


def test_words_are_written_as_prose():
    for tokens, text in WRITTEN.items():
        assert prose.written(tokens.split()) == text
    tokens, _ = scanned(PREFACE)
    assert scanned(prose.written(tokens))[0] == tokens


def test_blocks_end_where_words_do(monkeypatch):
    text = "".join(random.Random(0).choices(["a", "bc", " ", "\n", "   "], k=3000))
    for size in (1, 17, 400):
        assert "".join(blocks.whole_words(text[first : first + size] for first in range(0, len(text), size))) == text
    long = text * (blocks.BLOCK // 300)
    for pieces in ([long], blocks.sliced(long)):
        found = list(blocks.whole_words(pieces))
        assert "".join(found) == long
        assert all(block[-1].strip() and after[0].isspace() for block, after in itertools.pairwise(found))
    assert len(found) > 10
    monkeypatch.setattr(blocks, "BLOCK", 4)  # white space alone is no block
    assert list(blocks.whole_words(["      ", "   a", "b    ", "c"])) == ["         ab", "    c"]
    assert list(blocks.whole_words(["     "])) == ["     "]
    assert list(blocks.whole_words([])) == []


def test_parts_are_joined_and_emptied():
    parts = [np.array([0, 2], np.uint8), np.array([1], np.uint16)]
    assert blocks.concatenated(parts, np.array([7, 8, 9], np.uint8)).tolist() == [7, 9, 8]
    assert parts == [] == blocks.concatenated([]).tolist()


def test_how_many_tokens_lie_within(monkeypatch):
    widths = np.array([3, 0, 2, 0, 0, 4, 1], np.uint8)
    ends = np.cumsum(widths)
    for block, characters in itertools.product((1, 3, 100), range(12)):
        monkeypatch.setattr(blocks, "BLOCK", block)
        assert blocks.tokens_within(widths, characters) == sum(ends <= characters)
