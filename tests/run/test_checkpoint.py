"""Checkpoints come back bit for bit, or not at all."""

import os
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.types import Refused, State
from jaxgen.run import checkpoint, manifest, trees


def tree(seed):
    key = jax.random.key(seed)
    params = {"w": jax.random.normal(key, (40, 30)), "b": jnp.arange(3.0)}
    return State(jnp.int32(seed), key, params, (), {"chains": jnp.ones((2, 5), bool)})


def shapes(stage):
    return jax.eval_shape(lambda: tree(0))


def assert_is(found, seed):
    plain = lambda t: [np.asarray(a) for a in jax.tree.leaves(t._replace(key=jax.random.key_data(t.key)))]
    for a, b in zip(plain(found), plain(tree(seed)), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    directory = tmp_path_factory.mktemp("checkpoints")
    for step in (1, 2):
        checkpoint.save(directory, 0, step, tree(step), {"note": "x"})
    return directory


@pytest.fixture
def directory(written, tmp_path):
    shutil.copytree(written, tmp_path / "c")
    return tmp_path / "c"


def test_the_newest_comes_back_bit_for_bit(directory):
    saved = checkpoint.restore(directory, shapes)
    assert (saved.stage, saved.step, saved.meta["note"]) == (0, 2, "x")
    assert_is(saved.tree, 2)


def test_nothing_there(tmp_path):
    assert checkpoint.restore(tmp_path / "none", shapes) is None


@pytest.mark.parametrize("name", ["lstm[lr=2e-3]", "a\\b", "gs:", os.fsdecode(b"l\xe4tin")], ids=ascii)
def test_a_path_is_bytes_whatever_they_say_elsewhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path(name) / "checkpoints"  # relative: "gs:/checkpoints" reads as an address
    checkpoint.save(folder, 0, 1, tree(1), {}, check=True)
    assert_is(checkpoint.restore(folder, shapes).tree, 1)
    assert os.listdir() == [name], "something was written beside it"


def test_what_cannot_be_read_back_replaces_nothing(directory, monkeypatch):
    kept = [path.name for path in checkpoint.candidates(directory)]
    write = trees.write
    monkeypatch.setattr(trees, "write", lambda folder, given: write(folder, given._replace(step=given.step + 1)))
    with pytest.raises(Refused, match=r"\.step was read back with other values"):
        checkpoint.save(directory, 0, 3, tree(3), {}, keep=1, check=True)
    assert [path.name for path in checkpoint.candidates(directory)] == kept


def files(directory):
    newest = checkpoint.candidates(directory)[0]
    return sorted(p.relative_to(newest) for p in newest.rglob("*") if p.is_file())


def truncated(path):
    path.write_bytes(path.read_bytes()[:-1])


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.ci
@pytest.mark.parametrize("harm", [truncated, flipped, os.remove], ids=lambda f: f.__name__)
def test_any_harmed_file_leads_to_the_previous_one(directory, harm):
    for name in files(directory):
        victim = checkpoint.candidates(directory)[0] / name
        if victim.stat().st_size == 0 and harm is not os.remove:
            continue
        before = victim.read_bytes()
        harm(victim)
        said = []
        saved = checkpoint.restore(directory, shapes, said.append)
        assert saved.step == 1, name
        assert_is(saved.tree, 1)
        assert len(said) == 1
        assert "00-00000002" in said[0]
        assert "manifest" in said[0] or str(name) in said[0]
        victim.write_bytes(before)
    assert checkpoint.restore(directory, shapes).step == 2


def test_all_of_the_manifest_counts(directory):
    path = checkpoint.candidates(directory)[0]
    file = path / manifest.MANIFEST
    whole = file.read_bytes()
    for position in range(0, len(whole), 7):
        file.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert manifest.damage(path)
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        assert manifest.damage(path)


def test_all_harmed_is_an_error(directory):
    for path in checkpoint.candidates(directory):
        flipped(path / "meta.json")
    with pytest.raises(Refused, match="none of the 2 checkpoints"):
        checkpoint.restore(directory, shapes)


def test_a_killed_writer_leaves_nothing_that_counts(directory):
    newest = checkpoint.candidates(directory)[0]
    shutil.copytree(newest, directory / ".part-00-00000003")
    assert checkpoint.restore(directory, shapes).step == 2
    checkpoint.save(directory, 0, 3, tree(3), {})
    assert_is(checkpoint.restore(directory, shapes).tree, 3)
    assert not list(directory.glob(".part*"))


def test_only_the_newest_are_kept(tmp_path):
    for stage, step in [(0, 5), (0, 10), (1, 1), (1, 2)]:
        checkpoint.save(tmp_path, stage, step, tree(step), {}, keep=2)
    assert [p.name for p in checkpoint.candidates(tmp_path)] == ["01-00000002", "01-00000001"]


def test_a_damaged_one_is_written_anew(directory):
    flipped(directory / "00-00000002" / "meta.json")
    checkpoint.save(directory, 0, 2, tree(7), {})
    assert_is(checkpoint.restore(directory, shapes).tree, 7)


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="cannot write the checkpoint"):
        checkpoint.save(tmp_path / "file" / "checkpoints", 0, 1, tree(1), {})


def test_checkpoints_sort_by_number(tmp_path):
    for name in ("00-99999999", "00-100000000", "100-00000001", "99-00000001", "other-1"):
        (tmp_path / name).mkdir()
    names = [p.name for p in checkpoint.candidates(tmp_path)]
    assert names == ["100-00000001", "99-00000001", "00-100000000", "00-99999999"]
