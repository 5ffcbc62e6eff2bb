"""Positions in texts as long as they can be, and longer, without the texts."""

import jax
import numpy as np
import pytest

from jaxgen.core.types import Refused
from jaxgen.data.text import windows
from jaxgen.data.text.texts import Split

B, T = 8, 50
LONGEST = 2**31 - 1 - (B + 2) * (T + 1)
KEY = jax.random.key(0)
SOURCES = {
    "streams": (windows.streams, (), lambda: windows.stream_length(LONGEST, B, T)),
    "anywhere": (windows.anywhere, (), lambda: 2**31 - 1),
    "strided": (windows.strided, (3,), lambda: windows.strided_windows(LONGEST, T, 3) // B),
}
HOLDOUTS = {"pieces": (windows.pieces, ()), "overlapping": (windows.overlapping, (T // 2,))}


class Positions:
    """A text of LONGEST tokens, each of which is its position."""

    def __len__(self):
        return LONGEST

    def __getitem__(self, places):
        return places


@pytest.fixture
def unread(monkeypatch):
    monkeypatch.setattr(windows, "_arrays", lambda split, batch_size, context: {"tokens": split.tokens})


def windows_of(batch):
    tokens = np.asarray(batch["tokens"], np.int64)
    assert (tokens >= 0).all()
    assert (tokens < LONGEST).all()
    assert (np.diff(tokens) == 1)[tokens[:, 1:] < LONGEST - 1].all()
    return tokens


@pytest.mark.parametrize("name", SOURCES)
def test_each_batch_has_windows_of_its_own(name):
    make, more, _ = SOURCES[name]
    text = np.arange(2000, dtype=np.int32)  # each token is its place
    source = make(Split(text), B, T, *more)
    first = [np.asarray(source.take(source.arrays, KEY, n)["tokens"])[:, 0] for n in (0, 1, 0)]
    assert (first[0] == first[2]).all()
    assert len(set(first[0]) & set(first[1])) <= 1


@pytest.mark.parametrize("name", SOURCES)
def test_windows_of_the_longest_text_are_whole(name, unread):
    make, options, batches = SOURCES[name]
    source = make(Split(Positions()), B, T, *options)
    for n in (0, batches() // 2, batches() - 1):
        tokens = windows_of(source.take(source.arrays, KEY, np.int32(n)))
        assert (np.diff(tokens) == 1).all()
    assert tokens.max() > LONGEST / 2


@pytest.mark.parametrize("name", HOLDOUTS)
def test_the_last_token_of_the_longest_text_counts_once(name, unread):
    make, options = HOLDOUTS[name]
    holdout = make(Split(Positions()), B, T, *options)
    counted = 0
    for n in (0, holdout.batches // 2, holdout.batches - 2, holdout.batches - 1):
        batch, _ = holdout.take(holdout.arrays, np.int32(n))
        counted += np.sum(np.asarray(batch["counted"]) & (windows_of(batch)[:, 1:] == LONGEST - 1))
    assert counted == 1


@pytest.mark.parametrize("make", [windows.streams, windows.pieces])
def test_longer_texts_are_refused(make):
    tokens = lambda count, what: np.broadcast_to(what, (count,))
    with pytest.raises(Refused, match="a split of 2,147,483,138 tokens is longer than the 2,147,483,137 that"):
        make(Split(tokens(LONGEST + 1, np.uint8(0))), B, T)
    with pytest.raises(Refused, match="a split of 2,200,000,000 characters is longer than"):
        make(Split(tokens(1_100_000, np.uint8(0)), tokens(1_100_000, np.uint32(2000))), B, T)
