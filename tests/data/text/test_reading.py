"""Windows of a text: which tokens each batch has, and that an evaluation counts every token once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.types import Refused
from jaxgen.data.text import reading, windows
from jaxgen.data.text.reading import Reading
from jaxgen.data.text.texts import Split

KEY = jax.random.key(0)


def counting(count, widths=False):
    """A text whose n-th token is n, so that a token says where it stands."""
    tokens = np.arange(count, dtype=np.uint16)
    return Split(tokens, (tokens % 7).astype(np.uint8) if widths else None)


def batches(source, numbers, key=KEY):
    take = jax.jit(source.take)
    return [jax.tree.map(np.asarray, take(source.arrays, key, n)) for n in numbers]


def test_streams_go_on_where_they_were():
    count, size, reads = 200, 3, Reading(context=7)
    source, epoch = reading.source(counting(count), size, reads), reading.epoch(count, size, reads)
    found = batches(source, range(2 * epoch))
    for number, batch in enumerate(found):
        tokens = batch["tokens"].astype(int)
        np.testing.assert_array_equal(np.diff(tokens), 1)
        assert batch["fresh"].all() == batch["fresh"].any() == (number % epoch == 0)
        if number % epoch:
            np.testing.assert_array_equal(tokens[:, 0], found[number - 1]["tokens"][:, -1])
    first, second = found[:epoch], found[epoch:]
    seen = np.concatenate([batch["tokens"][:, :-1].ravel() for batch in first])
    assert len(set(seen)) == len(seen) > 0.85 * count
    assert first[0]["tokens"][0, 0] != second[0]["tokens"][0, 0]  # at another offset: see `source`


def test_no_window_passes_the_end():
    """The last window of the last piece, at every offset: repeated last tokens would show a clipped one."""
    size, reads = 2, Reading(context=8)
    for count in (26, 31):
        source, epoch = reading.source(counting(count), size, reads), reading.epoch(count, size, reads)
        take = jax.jit(jax.vmap(source.take, (None, 0, None)))
        tokens = take(source.arrays, jax.random.split(KEY, 20), epoch - 1)["tokens"]
        np.testing.assert_array_equal(np.diff(np.asarray(tokens).astype(int)), 1)


def test_strided_windows_are_all_there_once():
    reads = Reading(context=10, windows="strided", stride=3)
    source, epoch = reading.source(counting(100), 4, reads), reading.epoch(100, 4, reads)
    found = np.concatenate([batch["tokens"] for batch in batches(source, range(epoch))]).astype(int)
    assert sorted(found[:, 0]) == sorted(set(found[:, 0]))
    assert set(found[:, 0]) <= set(range(0, 90, 3))
    assert len(found) == 4 * (30 // 4)
    np.testing.assert_array_equal(found[:, -1] - found[:, 0], 10)
    assert not np.array_equal(found[:, 0], np.sort(found[:, 0]))


def test_random_windows_reach_both_ends():
    source = reading.source(counting(20), 64, Reading(context=10, windows="random"))
    firsts = np.concatenate([batch["tokens"][:, 0] for batch in batches(source, range(5))])
    assert set(firsts) == set(range(10))


def test_a_text_too_short_for_a_batch_is_refused():
    for kind, least in (("stream", 26), ("random", 9), ("strided", 14)):
        reads = Reading(context=8, windows=kind, stride=5)
        reading.source(counting(least), 2, reads)
        with pytest.raises(Refused, match=f"need {least} tokens to train on, and there are {least - 1}"):
            reading.source(counting(least - 1), 2, reads)


def batches_of(holdout):
    """All batches of a split, none of which has an example that only fills it up."""
    take = jax.jit(jax.vmap(holdout.take, (None, 0)))
    taken, mask = jax.device_get(take(holdout.arrays, jnp.arange(holdout.batches)))
    assert mask.all()
    return [jax.tree.map(lambda column, n=n: column[n], taken) for n in range(holdout.batches)]


def targets(holdout):
    """(place in the text, column in its window) of every target that counts; checks its width and the token before."""
    counted = []
    for batch in batches_of(holdout):
        for row, column in zip(*np.nonzero(batch["counted"])):
            place = batch["tokens"][row, column + 1]
            assert batch["tokens"][row, column] == place - 1
            assert "widths" not in batch or batch["widths"][row, column] == place % 7
            counted.append((int(place), int(column)))
    return counted


@pytest.mark.parametrize(("size", "overlap", "count"), [(1, 0, 9), (3, 4, 57), (3, 4, 10), (4, 7, 100)])
def test_windows_that_overlap_count_every_token_once(count, size, overlap):
    counted = targets(windows.overlapping(counting(count), size, 8, overlap))
    assert sorted(place for place, _ in counted) == list(range(1, count))
    assert all(column >= overlap or place <= 8 for place, column in counted)


def test_where_only_whole_windows_count():
    counted = targets(windows.overlapping(counting(30, widths=True), 4, 8, 7, whole=True))
    assert sorted(counted) == [(place, 7) for place in range(8, 30)]


@pytest.mark.parametrize(("size", "count"), [(1, 57), (3, 100), (4, 9), (4, 57)])
def test_pieces_count_every_token_once(count, size):
    """Each piece has read a window before it, or all there is, and reads on without a gap."""
    holdout = windows.pieces(counting(count, widths=True), size, 8)
    assert sorted(place for place, _ in targets(holdout)) == list(range(1, count))
    taken = batches_of(holdout)
    for row in range(size):
        counted = [batch["tokens"][row, 1:][batch["counted"][row]] for batch in taken]
        first = min((int(each[0]) for each in counted if len(each)), default=None)
        if first is not None:
            assert taken[0]["tokens"][row, 0] == max(0, first - 1 - 8)
    assert taken[0]["fresh"].all()
    assert not any(batch["fresh"].any() for batch in taken[1:])
