"""Folders and archives of images: layouts, formats, sets beyond the memory."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from folders import packed, picture, saved
from PIL import Image

from jaxgen.core.types import Refused
from jaxgen.data import rows
from jaxgen.data.images import folder, pixels, sets

DATA = os.environ.get("JAXGEN_DATA", "")
CLASSES = [f"{name}/{n}.png" for name in ("ant", "bee") for n in range(10)]
SPLIT = [f"{name}/{n}.png" for name, count in (("test", 4), ("train", 20), ("val", 3)) for n in range(count)]
PAIR = [f"{part}ing/{name}" for part in ("test", "train") for name in CLASSES]


@pytest.fixture(autouse=True)
def _a_cache_of_its_own(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path_factory.mktemp("cache")))


def numbers(part):
    """Which pictures are in a split, checked pixel by pixel."""
    image = rows.read(part.image, slice(None))
    assert all(np.array_equal(row, picture(row[0]).ravel()) for row in image)
    return image[:, 0].tolist()


LAYOUTS = [  # names of files, classes, sizes of splits
    ([f"{n:02}.png" for n in range(20)], (), (16, 2, 2)),
    ([f"only/{n:02}.PNG" for n in range(20)], (), (16, 2, 2)),
    ([f"top/next/{name.replace('/', '/deep/er/')}" for name in CLASSES], ("ant", "bee"), (16, 2, 2)),
    (SPLIT[:-3], (), (18, 2, 4)),
    ([f"top/{name.title()}" for name in SPLIT], (), (20, 3, 4)),
    (PAIR, ("ant", "bee"), (18, 2, 20)),
    (["test/cat/1.png", "train/cat/2.png", "train/cat/3.png"], ("cat",), (1, 1, 1)),
]


@pytest.mark.parametrize(("names", "classes", "sizes"), LAYOUTS)
def test_layouts_of_folders_and_archives_in_memory_and_beyond(tmp_path, names, classes, sizes, monkeypatch):
    path = saved(tmp_path / "my.set", names)
    for decoy in ("notes.txt", "__MACOSX/._1.png", ".DS_Store", ".hidden/1.png"):
        (path / decoy).parent.mkdir(exist_ok=True)
        (path / decoy).write_bytes(b"no image")
    found = folder.folder_dataset(path)
    parts = found[3:6]
    assert (found.name, found.shape, found.classes) == ("my.set", (4, 5, 1), classes)
    assert tuple(len(part.image) for part in parts) == sizes
    assert all(part.label.dtype == np.int32 and part.image.dtype == np.uint8 for part in parts)
    assert sorted(n for part in parts for n in numbers(part)) == list(range(len(names)))
    for part in parts:
        for n, label in zip(numbers(part), part.label.tolist()):
            assert not classes or classes[label] in names[n].split("/")
    if "est" in names[0]:
        assert numbers(found.test) == list(range(sizes[2]))
    monkeypatch.setattr(rows, "BLOCK", 60)  # three images
    for way in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        archive = packed(path, way)
        assert sets.load(str(archive)).sha256 == found.sha256
        large = folder.folder_dataset(archive, resident=0)
        assert large[:3] == found[:3]
        for one, other in zip(parts, large[3:6]):
            assert isinstance(other.image, rows.Rows)
            assert np.array_equal(one.image, rows.read(other.image, slice(None)))
            assert np.array_equal(one.label, other.label)


@pytest.mark.ci
def test_formats_and_modes_mix(tmp_path):
    image = Image.fromarray(picture(0, 3))
    for n, mode in enumerate(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]):
        found = Image.new(mode, image.size) if mode == "I;16" else image.convert(mode)
        found.save(tmp_path / f"{n}.png")
    for suffix in ("jpg", "JPEG", "gif", "bmp", "webp", "tif", "tga", "ppm"):
        image.save(tmp_path / f"x.{suffix}")
    image.convert("CMYK").save(tmp_path / "y.jpg")
    for size, shape in ((0, (4, 5, 3)), (3, (3, 3, 3)), (32, (32, 32, 3))):
        found = folder.folder_dataset(tmp_path, size)
        assert found.shape == shape
        assert sum(len(part.image) for part in found[3:6]) == 16


@pytest.mark.ci
def test_large_photographs_are_decoded_small(tmp_path):
    wave = np.sin(np.arange(1600) / 100)
    image = np.stack([128 + 120 * wave[:1200, None] * wave[None] * sign for sign in (1, -1, 0.5)], -1).astype(np.uint8)
    for n in range(3):
        Image.fromarray(image).save(tmp_path / f"{n}.jpg", quality=95)
    found = folder.folder_dataset(tmp_path, 50)
    wanted = pixels.to_array(Image.open(tmp_path / "0.jpg"), 50, 3)
    assert np.abs(found.train.image[0] - wanted.ravel().astype(int)).max() <= 2


@pytest.mark.ci
@pytest.mark.parametrize("archive", [False, True])
def test_a_set_is_decoded_once_until_it_changes(tmp_path, monkeypatch, archive):
    source = saved(tmp_path / "a", [f"{n}.png" for n in range(9)])
    decoded, original = [], pixels.to_array
    monkeypatch.setattr(pixels, "to_array", lambda *given: decoded.append(given) or original(*given))

    def count(size=0):
        path = packed(source) if archive else source
        if archive:  # packed at the same time as before
            os.utime(path, ns=(0, stamp))
        decoded.clear()
        folder.folder_dataset(path, size, resident=0)
        return len(decoded)

    stamp = 1
    assert [count(), count(), count(3), count(3), count()] == [9, 0, 9, 0, 0]
    Image.fromarray(picture(99).squeeze()).save(source / "3.png")
    assert [count(), count()] == [9, 0]
    os.rename(source / "3.png", source / "33.png")
    assert [count(), count()] == [9, 0]
    (source / "notes.txt").write_text("no image")
    assert count() == 0
    stamp = 2
    assert count() == 9 * archive


@pytest.mark.ci
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


@pytest.mark.slow
@pytest.mark.needs_data
@pytest.mark.skipif(not DATA, reason="JAXGEN_DATA is not set")
def test_real_alphabets_and_photographs():
    found = folder.folder_dataset(Path(DATA) / "omniglot" / "images_background_small1.zip", 28)
    assert found.classes == ("Balinese", "Early_Aramaic", "Greek", "Korean", "Latin")
    assert found.shape == (28, 28, 1)
    assert [len(part.image) for part in found[3:6]] == [2176, 272, 272]
    assert 0.8 < found.train.image.mean() / 255 < 0.97  # strokes on white
    path = Path(DATA) / "sr" / "BSD68"
    with pytest.raises(Refused, match=r"321 x 481 pixels and .* 481 x 321; give --image_size"):
        folder.folder_dataset(path)
    found = folder.folder_dataset(path, 64)
    assert (found.shape, found.classes, len(found.train.image)) == ((64, 64, 3), (), 54)
