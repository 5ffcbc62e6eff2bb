"""Folders and archives of images that are damaged, hostile or arranged in no known way."""

import os
import struct
import zlib

import numpy as np
import pytest
from folders import PICTURE, PNG, THREE, archived, content, refused
from PIL import Image
from refusals import changed, cut, outcomes

from jaxgen.core.types import Refused
from jaxgen.data.images import folder, pixels

pytestmark = pytest.mark.ci


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(path, files):
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def huge(side):
    """A PNG that declares side x side pixels and has none."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return PNG[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


def placed(*names):
    return {f"{name}/1.png": PNG for name in names}


INFINITE = content("tiff", Image.fromarray(np.full((2, 2), np.inf, np.float32)))
TURNED = content(image=PICTURE.rotate(90, expand=True))
BAD = [
    ({}, "has no images"),
    ({"notes.txt": b"x", "clip.mpg": b"x", **placed(".hidden", "__MACOSX/a")}, "has no images"),
    ({**THREE, "2.png": b""}, r"2\.png.* is empty \(0 bytes\)"),
    ({**THREE, "x.jpg": b"<!DOCTYPE html> no such page"}, r"x\.jpg.* is no image that Pillow can read"),
    ({**THREE, "2.png": PNG[:60]}, r"2\.png.* cannot be read: "),
    ({**THREE, "2.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"}, r"2\.png.* is no image"),
    ({**THREE, "2.png": huge(10_000)}, r"2\.png.* declares too many pixels: .*100000000"),
    ({**THREE, "2.png": huge(60_000)}, r"2\.png.* declares too many pixels: .*3600000000"),
    (
        {**THREE, "2.png": content(image=PICTURE.rotate(90, expand=True))},
        r"7 x 6 pixels and .*2\.png.* has 6 x 7; give",
    ),
    ({"0.png": PNG, "1.png": PNG}, "at least 3 images; found 2"),
    ({**THREE, **placed("cat")}, r"found .*\.png beside .*\.png"),
    ({"top/1.png": PNG, **placed("top/cat")}, r"found .*\.png beside .*\.png"),
    (placed("train", "train/cat", "test"), r"found train/.* beside train/"),
    (placed("train", "val"), "one folder train, one test .* found train, val$"),
    (placed("train", "test", "val", "valid"), "at most one valid, found test, train, val, valid"),
    (placed("train", "Training", "test"), "found Training, test, train"),
    (placed("train", "test", "more"), "only the folders .* found 'more'"),
    (placed("train/a", "train/b", "test/a", "test/c"), "same classes in train and test; only one of them has b, c"),
    (placed("train/a", "train/b", "test/a", "test/b", "valid/b"), "in train and valid; only one of them has a"),
    (placed("train", "test"), "at least 2 images; found 1"),
    ({"0.tif": INFINITE}, r"0\.tif.* has pixels"),
]


def test_bad_files_are_refused_by_name(tmp_path, cache):
    for number, (files, says) in enumerate(BAD):
        (tmp_path / str(number)).mkdir()
        for resident in (2**30, 0):
            refused(made(tmp_path / str(number), files), says, 0, resident)
            refused(archived(tmp_path / "a.zip", files), says, 0, resident)
    assert not list(cache.glob("**/*.part"))
    with pytest.raises(Refused, match="an image size is 1 or more"):
        folder.folder_dataset(tmp_path, -1)


FORMATS = ["png", "jpeg", "gif", "bmp", "webp", "tiff", "tga", "ppm", "jpeg2000", "avif", "ico"]


@pytest.mark.parametrize("format", [*FORMATS[:2], *(pytest.param(f, marks=pytest.mark.slow) for f in FORMATS[2:])])
def test_damage_anywhere_is_refused_or_harmless(tmp_path, format):
    """Cut short or with a byte changed: a picture, or the sentence that names it, and nothing else."""
    if format == "avif" and ".avif" not in pixels.suffixes():
        pytest.skip("this Pillow has no AVIF")
    whole = content(format, PICTURE.convert("RGB").resize((16, 16)))
    path = made(tmp_path, {f"{n}.{format.replace('2000', '').replace('jpeg', 'jpg')}": whole for n in range(3)})
    damaged = sorted(path.iterdir())[-1]
    assert folder.folder_dataset(path, 4).shape == (4, 4, 3)
    contents = [*cut(whole, max(1, len(whole) // 12)), *(each + whole[300:] for each in changed(whole[:300], 11))]
    found = outcomes(damaged, contents, lambda: folder.folder_dataset(path, 4).shape)
    assert set(found) <= {None, (4, 4, 3)}
    assert found.count(None) >= 5


def test_links_are_followed_but_not_in_circles(tmp_path):
    real, inside = made(tmp_path / "real", {f"{n}.png": PNG for n in range(9)}), tmp_path / "set"
    made(inside, {"cat/1.png": PNG, "cat/deep/2.png": PNG})
    for link, to in {"dog": real, "cat/up": inside, "cat/out": tmp_path, "self": inside / "self"}.items():
        (inside / link).symlink_to(to)
    (real / "again").symlink_to(real)
    found = folder.folder_dataset(inside)
    assert found.classes == ("cat", "dog")
    assert sum(len(part.label) for part in found[3:6]) == 11
    (inside / "doggy").symlink_to(real)
    refused(inside, "doggy and .*dog are one folder|dog and .*doggy are one folder")


def test_what_is_no_file_or_cannot_be_opened(tmp_path):
    path = made(tmp_path / "a", {**THREE, "a/1.png": PNG})
    for name in ("a", "1.png") if os.geteuid() else ():  # nothing is forbidden to root
        (path / name).chmod(0)
        refused(path, rf"{name} cannot be read: Permission denied")
        (path / name).chmod(0o700)
    os.mkfifo(path / "3.png")  # is not waited for
    refused(path, r"3\.png has the name of an image and is no file")
    refused(path / "3.png", "neither a folder nor a zip archive")
    (path / "3.png").unlink()
    (path / "3.png").symlink_to("nowhere.png")
    refused(path, r"3\.png cannot be read: No such file")
    refused(tmp_path / "none", "cannot be read: No such file")


def test_a_file_that_is_gone_before_it_is_decoded(tmp_path, monkeypatch, cache):
    survey = folder._survey
    monkeypatch.setattr(folder, "_survey", lambda *given: (survey(*given), (tmp_path / "a/1.png").unlink())[0])
    for resident in (2**30, 0):
        refused(made(tmp_path / "a", THREE), r"1\.png cannot be read: No such file", 0, resident)
    assert not [file for file in cache.glob("**/*") if file.is_file()]


def test_names_may_have_any_bytes(tmp_path):
    for n, name in enumerate([b"caf\xe9", b"line\nfeed", "naïve".encode()]):
        made(tmp_path / "a", {f"{os.fsdecode(name)}/{os.fsdecode(b'%d' % n + name)}.png": PNG})
    found = folder.folder_dataset(tmp_path / "a")
    assert found.classes == ("caf\\udce9", "line\\nfeed", "naïve")
    (tmp_path / "a" / os.fsdecode(b"caf\xe9") / os.fsdecode(b"b\xe9.png")).write_bytes(b"")
    with pytest.raises(Refused, match="is empty") as caught:
        folder.folder_dataset(tmp_path / "a")
    assert str(caught.value).isprintable()
    assert folder.folder_dataset(archived(tmp_path / "é.zip", {f"naïve{n}/1.png": PNG for n in range(3)})).name == "é"
