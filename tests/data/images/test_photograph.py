"""One image: embedded, of any mode and format, or refused."""

import numpy as np
import pytest
from PIL import Image

from jaxgen.core.types import Refused
from jaxgen.data.images.photograph import photograph


def test_embedded_photographs():
    image = photograph("china")
    assert (image.shape, image.dtype) == ((427, 640, 3), np.uint8)
    small = photograph("flower", height=100)
    assert small.shape == (100, 150, 3)
    assert small.std() > 30


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_modes(mode, tmp_path):
    """White on the left half, black on the right: transparent pixels are white."""
    path = tmp_path / ("image.tif" if mode in ("CMYK", "I;16", "F") else "image.png")
    grey = np.zeros((6, 8), np.uint8)
    grey[:, :4] = 255
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(grey.astype(np.float32) / 255)
    elif mode in ("LA", "RGBA"):
        image = Image.new(mode, (8, 6), (0, 255)[: len(mode)] if mode == "LA" else (0, 0, 0, 255))
        image.putalpha(Image.fromarray(255 - grey))
    else:
        image = Image.fromarray(grey).convert("RGB").convert(mode)
    image.save(path)
    array = photograph(str(path))
    assert array.shape == (6, 8, 3)
    assert array[:, :4].min() > 250
    assert array[:, 4:].max() < 5


def test_a_turned_camera(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 7, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the scene is on the right
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(photograph("turned.png", str(tmp_path)), np.rot90(pixels, -1))


def test_what_is_no_image(tmp_path, monkeypatch):
    whole = tmp_path / "whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(whole)
    cases = {"truncated.png": whole.read_bytes()[:1000], "text.png": b"no image", "empty.png": b""}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
    Image.new("L", (1, 4000)).save(tmp_path / "line.png")
    for name, sentence in (
        ("truncated.png", "truncated.png cannot be read: image file is truncated"),
        ("text.png", "text.png is no image that Pillow can read"),
        ("empty.png", "is empty"),
        ("missing.png", "there is no file or folder missing.png; looked for"),
        ("line.png", "has 1 x 4000 pixels; at most 100 times"),
        (".", "is a folder; an image is one file"),
    ):
        with pytest.raises(Refused, match=sentence):
            photograph(name, str(tmp_path))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(Refused, match="declares too many pixels"):
        photograph(str(whole))
