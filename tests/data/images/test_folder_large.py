import os

import numpy as np
import pytest
from folders import packed, picture, saved
from PIL import Image

from jaxgen.data import rows
from jaxgen.data.images import folder, pixels
from jaxgen.data.rows import Rows


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    place = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("JAXGEN_CACHE", str(place))
    return place


CLASSES = [f"{name}/{n}.png" for name in ("ant", "bee") for n in range(10)]


def test_large_sets_equal_small_ones(tmp_path, monkeypatch):
    path = packed(saved(tmp_path / "a", [f"{part}/{name}" for part in ("test", "train") for name in CLASSES]))
    small = folder.folder_dataset(path)
    monkeypatch.setattr(rows, "BLOCK", 60)  # three images
    large = folder.folder_dataset(path, resident=0)
    for one, other in zip(small[3:6], large[3:6]):
        assert isinstance(other.image, Rows)
        assert np.array_equal(one.image, rows.read(other.image, slice(None)))
        assert np.array_equal(one.label, other.label)
    assert large[:3] == small[:3]


@pytest.fixture
def decoded(monkeypatch):
    """Images decoded so far."""
    found, original = [], pixels.to_array
    monkeypatch.setattr(pixels, "to_array", lambda *given: found.append(given) or original(*given))
    return found


def test_a_folder_is_decoded_once_until_it_changes(tmp_path, decoded):
    path = saved(tmp_path / "a", [f"{n}.png" for n in range(9)])

    def count(size=0):
        decoded.clear()
        folder.folder_dataset(path, size, resident=0)
        return len(decoded)

    assert (count(), count()) == (9, 0)
    assert (count(3), count(3), count()) == (9, 0, 0)
    Image.fromarray(picture(99).squeeze()).save(path / "3.png")
    assert (count(), count()) == (9, 0)
    os.rename(path / "3.png", path / "33.png")
    assert (count(), count()) == (9, 0)
    (path / "notes.txt").write_text("no image")
    assert count() == 0


def test_an_archive_is_decoded_once_until_it_changes(tmp_path, decoded):
    path = packed(saved(tmp_path / "a", [f"{n}.png" for n in range(9)]))
    first = folder.folder_dataset(path, resident=0)
    assert folder.folder_dataset(path, resident=0).sha256 == first.sha256
    assert len(decoded) == 9
    Image.fromarray(picture(99).squeeze()).save(tmp_path / "a" / "3.png")
    packed(tmp_path / "a")
    assert folder.folder_dataset(path, resident=0).sha256 != first.sha256
    assert len(decoded) == 18


def test_progress_is_shown_where_it_takes_long(tmp_path, capsys, monkeypatch):
    path = saved(tmp_path / "a", [f"{n}.png" for n in range(9)])
    folder.folder_dataset(path)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(rows, "PAUSE", 0.0)
    monkeypatch.setattr(folder.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(rows, "BLOCK", 80)
    folder.folder_dataset(path)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "decoded 9 of 9 images"
    assert "looked at 1 of 9 images" in lines
