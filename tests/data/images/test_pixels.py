"""Pictures of any mode and format as arrays of one or three channels."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image, ImageOps
from refusals import plainly

from jaxgen.core.types import Refused
from jaxgen.data.images import frames, pixels

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 9), np.uint8)
COLOUR = RNG.integers(0, 256, (6, 9, 3), np.uint8)


def through(image, format, **options):
    """The image as it comes out of a file, and whether the header alone makes it grey."""
    file = io.BytesIO()
    image.save(file, format, **options)
    found = pixels.opened(file)
    return found, pixels.is_grey(found.mode)


@pytest.mark.ci
def test_colours_and_grey_are_kept_by_every_lossless_format():
    for format in ("png", "bmp", "tiff", "webp", "tga", "ppm", "jpeg2000", "qoi"):
        image, grey = through(Image.fromarray(COLOUR), format, **({"lossless": True} if format == "webp" else {}))
        assert not grey
        assert np.array_equal(pixels.to_array(image, 0, 3), COLOUR), format
    for format in ("png", "bmp", "tiff", "tga", "ppm"):
        image, grey = through(Image.fromarray(GREY), format)
        assert grey
        assert np.array_equal(pixels.to_array(image, 0, 1), GREY[..., None]), format
        assert np.array_equal(pixels.to_array(image, 0, 3), np.repeat(GREY[..., None], 3, -1)), format


def test_one_sixteen_and_thirty_two_bits_become_eight():
    image, grey = through(Image.fromarray(GREY > 99), "png")
    assert grey
    assert np.array_equal(pixels.to_array(image, 0, 1), 255 * (GREY[..., None] > 99).astype(np.uint8))
    deep = RNG.integers(0, 2**16, (6, 9), np.uint16)
    deep[0, :3] = 0, 65535, 257 * 100
    for format in ("png", "tiff", "ppm"):
        image, grey = through(Image.fromarray(deep), format)
        assert grey
        assert np.array_equal(pixels.to_array(image, 0, 1)[..., 0], np.rint(deep / 257).astype(np.uint8)), format
    big_endian = np.array([[0, 257, 65535]], ">u2").tobytes()
    assert pixels.to_array(Image.frombytes("I;16B", (3, 1), big_endian), 0, 1).ravel().tolist() == [0, 1, 255]
    image, grey = through(Image.fromarray(np.array([[0, 0.5, 1]], np.float32)), "tiff")
    assert grey
    assert pixels.to_array(image, 0, 1).ravel().tolist() == [0, 128, 255]
    for pixel in (np.float32(1.5), np.float32(np.nan), np.float32(-1), np.int32(-1), np.int32(65536)):
        with pytest.raises(Refused, match=r"pixels from .*; expected 0 to (1|65535)$"):
            pixels.to_array(Image.fromarray(np.full((2, 2), pixel)), 0, 1)


def test_white_shines_through():
    opacity = RNG.integers(0, 256, (6, 9), np.uint8)
    share = opacity[..., None] / 255
    image, grey = through(Image.fromarray(np.dstack([COLOUR, opacity])), "png")
    assert not grey
    found = pixels.to_array(image, 0, 3)
    np.testing.assert_allclose(found, share * COLOUR + (1 - share) * 255, atol=1)
    image, grey = through(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(opacity)]), "png")
    assert grey
    found = pixels.to_array(image, 0, 1)
    np.testing.assert_allclose(found, share * GREY[..., None] + (1 - share) * 255, atol=1)


@pytest.mark.ci
def test_a_palette_with_transparency():
    palette = Image.new("P", (3, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.putdata([0, 1, 2])
    for format in ("png", "gif"):
        image, grey = through(palette, format, transparency=1)
        assert not grey
        assert pixels.to_array(image, 0, 3).tolist() == [[[255, 0, 0], [255, 255, 255], [0, 0, 255]]]


@pytest.mark.ci
def test_ink_becomes_light():
    image, grey = through(Image.fromarray(np.full((16, 16, 3), (200, 30, 90), np.uint8)).convert("CMYK"), "jpeg")
    assert (image.mode, grey) == ("CMYK", False)
    np.testing.assert_allclose(pixels.to_array(image, 0, 3)[8, 8], (200, 30, 90), atol=3)


@pytest.mark.ci
def test_an_animation_gives_its_first_picture():
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 200)]
    image, _ = through(frames[0], "gif", save_all=True, append_images=frames[1:])
    assert image.n_frames == 2
    assert (pixels.to_array(image, 0, 1) == 10).all()


def test_cameras_may_be_turned():
    for format, orientation in itertools.product(("png", "tiff"), range(1, 9)):
        exif = Image.Exif()
        exif[pixels.ORIENTATION] = orientation
        image, _ = through(Image.fromarray(COLOUR), format, exif=exif)
        size = pixels.upright_size(image)
        found = pixels.to_array(image, 0, 3)
        again, _ = through(Image.fromarray(COLOUR), format, exif=exif)
        assert np.array_equal(found, np.asarray(ImageOps.exif_transpose(again)))
        assert found.shape == (*size[::-1], 3)
        assert size == ((6, 9) if orientation >= 5 else (9, 6))


@pytest.mark.ci
def test_damaged_notes_of_a_camera_do_no_harm():
    image, _ = through(Image.fromarray(COLOUR), "png", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    assert pixels.upright_size(image) == (9, 6)
    assert np.array_equal(pixels.to_array(image, 0, 3), COLOUR)


def test_the_middle_is_brought_to_a_square():
    for height, width in ((6, 9), (40, 20), (1, 30), (7, 7)):
        image = Image.fromarray(RNG.integers(0, 256, (height, width, 3), np.uint8))
        side = min(height, width)
        top, left = (height - side) / 2, (width - side) / 2
        wanted = image.resize((5, 5), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))
        found = pixels.to_array(image, 5, 3)
        assert found.shape == (5, 5, 3)
        np.testing.assert_allclose(found.astype(int), np.asarray(wanted).astype(int), atol=1)


def test_nothing_is_run_to_read_an_image():
    assert not {".eps", ".ps", ".pdf", ".h5", ".mpg", ".wmf"} & set(pixels.suffixes())
    assert {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"} <= set(pixels.suffixes())
    with pytest.raises(OSError, match="cannot identify"):
        pixels.opened(io.BytesIO(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"))


def test_animations_of_too_many_pixels(tmp_path, monkeypatch):
    path = tmp_path / "a.gif"
    shades = [Image.new("L", (30, 40), 5 * n) for n in range(9)]
    shades[0].save(path, save_all=True, append_images=shades[1:])
    assert len(frames.animation(path).frames) == 9
    monkeypatch.setattr(frames, "MOST", 8 * 30 * 40)
    plainly("has more than 8 frames of 30 x 40: too many", path, frames.animation, path)
