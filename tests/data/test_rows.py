"""Tables in files: what is read is what was written, at a bounded price."""

import json

import numpy as np
import pytest
from refusals import refused

from jaxgen.core.types import Refused
from jaxgen.data import rows
from jaxgen.data.examples import dataset, split

TABLE = np.random.default_rng(0).integers(0, 256, (50, 6), np.uint8)


@pytest.fixture(autouse=True)
def _a_cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path))


def blocks():
    return iter([TABLE[:20], TABLE[20:21], TABLE[21:]])


def stored(identity="a set"):
    return rows.gather(50, 6, blocks, identity, resident=0)


def test_rows_are_those_of_the_array(tmp_path):
    table = TABLE.astype("<f4")
    (tmp_path / "file").write_bytes(b"head" + table.tobytes())
    found = rows.Rows(tmp_path / "file", 4, 6, table.dtype, np.arange(50), "")
    assert (rows.count(found), rows.size(found)) == (rows.count(table), rows.size(table)) == (50, table.nbytes)
    for which in (slice(3, 9), np.array([5, 5, 49, 0]), np.array([[1, 2], [40, 3]]), slice(0, 0)):
        read = rows.read(found, which)
        assert read.dtype == table.dtype
        assert np.array_equal(read, table[which])
        assert np.array_equal(read, rows.read(table, which))
    chosen = rows.pick(rows.pick(found, np.arange(49, -1, -1)), slice(2, 30))
    assert np.array_equal(rows.read(chosen, np.array([0, 27])), table[[47, 20]])


def test_small_sets_are_gathered_in_memory_and_large_ones_in_a_file(tmp_path):
    assert np.array_equal(rows.gather(50, 6, blocks, "a set", resident=300), TABLE)
    assert not list(tmp_path.iterdir())
    found = rows.gather(50, 6, blocks, "a set", resident=299)
    assert isinstance(found, rows.Rows)
    assert np.array_equal(rows.read(found, slice(None)), TABLE)
    assert sorted(p.suffix for p in (tmp_path / "rows").iterdir()) == [".json", ".u8"]


def test_a_gathered_file_is_taken_again_and_only_by_its_own_set():
    first, again = stored(), rows.gather(50, 6, lambda: pytest.fail("decoded again"), "a set", resident=0)
    assert (again.path, again.sha256) == (first.path, first.sha256)
    assert stored("another set").path != first.path
    first.path.write_bytes(first.path.read_bytes()[:-1])
    assert np.array_equal(rows.read(stored(), slice(None)), TABLE)


def test_what_ends_in_the_middle_leaves_nothing(tmp_path):
    def broken():
        yield TABLE[:20]
        raise Refused("image 21 is broken")

    refused("image 21", rows.gather, 50, 6, broken, "a set", resident=0)
    assert list((tmp_path / "rows").iterdir()) == []


@pytest.mark.ci
def test_a_file_that_became_shorter_is_noticed():
    found = stored()
    found.path.write_bytes(found.path.read_bytes()[:-3])
    refused("row 49 is missing", rows.read, found, np.array([49]))
    found.path.unlink()
    refused("cannot be read", rows.read, found, np.array([0]))


@pytest.mark.ci
def test_no_room_for_the_cache(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "file"))
    refused("cannot write", stored)
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path))
    monkeypatch.setattr(rows.shutil, "disk_usage", lambda path: type("usage", (), {"free": 100}))
    refused("JAXGEN_CACHE", stored)


def test_the_note_holds_the_hash_and_is_written_again_where_it_is_damaged():
    found = stored()
    for note in (None, "", "{}", "[1]", '{"bytes": 299, "sha256": "x"}'):
        if note is not None:
            found.path.with_suffix(".json").write_text(note)
        assert stored().sha256 == found.sha256
        assert json.loads(found.path.with_suffix(".json").read_text()) == {"sha256": found.sha256, "bytes": 300}


def test_the_hash_of_a_set_in_a_file_notices_its_order():
    label = np.arange(50, dtype=np.int32) % 3
    parts = [split(stored(), label, seed) for seed in (0, 0, 1)]
    one, same, other = (dataset("a", (1, 6, 1), (), *each).sha256 for each in parts)
    assert one == same != other
