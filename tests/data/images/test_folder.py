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


def numbers(part):
    """Which pictures are in a split, checked pixel by pixel."""
    image = rows.read(part.image, slice(None))
    assert all(np.array_equal(row, picture(row[0]).ravel()) for row in image)
    return image[:, 0].tolist()


CLASSES = [f"{name}/{n}.png" for name in ("ant", "bee") for n in range(10)]
SPLIT = [f"{name}/{n}.png" for name, count in (("test", 4), ("train", 20), ("val", 3)) for n in range(count)]


LAYOUTS = [  # names of files, classes, sizes of splits
    ([f"{n:02}.png" for n in range(20)], (), (16, 2, 2)),
    ([f"only/{n:02}.PNG" for n in range(20)], (), (16, 2, 2)),
    (CLASSES, ("ant", "bee"), (16, 2, 2)),
    ([f"top/next/{name}" for name in CLASSES], ("ant", "bee"), (16, 2, 2)),
    ([name.replace("/", "/deep/er/") for name in CLASSES], ("ant", "bee"), (16, 2, 2)),
    (SPLIT[:-3], (), (18, 2, 4)),
    (SPLIT, (), (20, 3, 4)),
    ([f"top/{name.title()}" for name in SPLIT], (), (20, 3, 4)),
    (
        [f"{part}ing/{name}" for part in ("test", "train") for name in CLASSES],
        ("ant", "bee"),
        (18, 2, 20),
    ),
    (["test/cat/1.png", "train/cat/2.png", "train/cat/3.png"], ("cat",), (1, 1, 1)),
]
MAKERS = [lambda folder: folder, packed, lambda folder: packed(folder, zipfile.ZIP_STORED)]


@pytest.mark.parametrize(
    ("make", "names", "classes", "sizes"), [(MAKERS[n % 3], *layout) for n, layout in enumerate(LAYOUTS)]
)
def test_layouts(tmp_path, make, names, classes, sizes):
    path = make(saved(tmp_path / "my.set", names))
    for decoy in ("notes.txt", "__MACOSX/._1.png", ".DS_Store", ".hidden/1.png"):
        if path.is_dir():
            (path / decoy).parent.mkdir(exist_ok=True)
            (path / decoy).write_bytes(b"no image")
        else:
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr(decoy, b"no image")
    found = folder.folder_dataset(path)
    parts = (found.train, found.valid, found.test)
    assert (found.name, found.shape, found.classes) == ("my.set", (4, 5, 1), classes)
    assert tuple(len(part.image) for part in parts) == sizes
    assert all(part.label.dtype == np.int32 and part.image.dtype == np.uint8 for part in parts)
    assert sorted(n for part in parts for n in numbers(part)) == list(range(len(names)))
    for part in parts:
        for n, label in zip(numbers(part), part.label.tolist()):
            assert not classes or classes[label] in names[n].split("/")
    if "est" in names[0]:
        assert numbers(found.test) == list(range(sizes[2]))
    assert sets.load(str(path)).sha256 == found.sha256


def test_a_folder_and_its_archive_are_one_set(tmp_path):
    path = saved(tmp_path / "a", CLASSES)
    assert folder.folder_dataset(path).sha256 == folder.folder_dataset(packed(path)).sha256


@pytest.mark.parametrize(("size", "shape"), [(0, (4, 5, 3)), (3, (3, 3, 3)), (32, (32, 32, 3))])
def test_formats_and_modes_mix(tmp_path, size, shape):
    image = Image.fromarray(picture(0, 3))
    for n, mode in enumerate(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]):
        found = Image.new(mode, image.size) if mode == "I;16" else image.convert(mode)
        found.save(tmp_path / f"{n}.png")
    for suffix in ("jpg", "JPEG", "gif", "bmp", "webp", "tif", "tga", "ppm"):
        image.save(tmp_path / f"x.{suffix}")
    image.convert("CMYK").save(tmp_path / "y.jpg")
    found = folder.folder_dataset(tmp_path, size)
    assert found.shape == shape
    assert sum(len(part.image) for part in (found.train, found.valid, found.test)) == 16


def test_large_photographs_are_decoded_small(tmp_path):
    wave = np.sin(np.arange(1600) / 100)
    image = np.stack([128 + 120 * wave[:1200, None] * wave[None] * sign for sign in (1, -1, 0.5)], -1).astype(np.uint8)
    for n in range(3):
        Image.fromarray(image).save(tmp_path / f"{n}.jpg", quality=95)
    found = folder.folder_dataset(tmp_path, 50)
    wanted = pixels.to_array(Image.open(tmp_path / "0.jpg"), 50, 3)
    assert np.abs(found.train.image[0] - wanted.ravel().astype(int)).max() <= 2


@pytest.mark.needs_data
@pytest.mark.skipif(not DATA, reason="JAXGEN_DATA is not set")
def test_omniglot_has_its_alphabets_for_classes():
    found = folder.folder_dataset(Path(DATA) / "omniglot" / "images_background_small1.zip", 28)
    assert found.classes == ("Balinese", "Early_Aramaic", "Greek", "Korean", "Latin")
    assert found.shape == (28, 28, 1)
    assert [len(part.image) for part in (found.train, found.valid, found.test)] == [2176, 272, 272]
    assert 0.8 < found.train.image.mean() / 255 < 0.97  # strokes on white


@pytest.mark.needs_data
@pytest.mark.skipif(not DATA, reason="JAXGEN_DATA is not set")
def test_photographs_of_two_sizes():
    path = Path(DATA) / "sr" / "BSD68"
    with pytest.raises(Refused, match=r"321 x 481 pixels and .* 481 x 321; give --image_size"):
        folder.folder_dataset(path)
    found = folder.folder_dataset(path, 64)
    assert (found.shape, found.classes, len(found.train.image)) == ((64, 64, 3), (), 54)
