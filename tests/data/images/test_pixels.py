import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from jaxgen.core.types import Refused
from jaxgen.data.images import pixels

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 9), np.uint8)
COLOUR = RNG.integers(0, 256, (6, 9, 3), np.uint8)


def through(image, format, **options):
    """The image as it comes out of a file, and whether the header alone makes it grey."""
    file = io.BytesIO()
    image.save(file, format, **options)
    found = pixels.opened(file)
    return found, pixels.is_grey(found.mode)


@pytest.mark.parametrize("format", ["png", "bmp", "tiff", "webp", "tga", "ppm", "jpeg2000", "qoi"])
def test_colours_are_kept_by_every_lossless_format(format):
    image, grey = through(Image.fromarray(COLOUR), format, **({"lossless": True} if format == "webp" else {}))
    assert not grey
    assert np.array_equal(pixels.to_array(image, 0, 3), COLOUR)


@pytest.mark.parametrize("format", ["png", "bmp", "tiff", "tga", "ppm"])
def test_grey_has_one_channel(format):
    image, grey = through(Image.fromarray(GREY), format)
    assert grey
    assert np.array_equal(pixels.to_array(image, 0, 1), GREY[..., None])
    assert np.array_equal(pixels.to_array(image, 0, 3), np.repeat(GREY[..., None], 3, -1))


def test_a_bitmap_is_black_and_white():
    image, grey = through(Image.fromarray(GREY > 99), "png")
    assert grey
    assert np.array_equal(pixels.to_array(image, 0, 1), 255 * (GREY[..., None] > 99).astype(np.uint8))


@pytest.mark.parametrize("format", ["png", "tiff", "ppm"])
def test_sixteen_bits_become_eight(format):
    deep = RNG.integers(0, 2**16, (6, 9), np.uint16)
    deep[0, :3] = 0, 65535, 257 * 100
    image, grey = through(Image.fromarray(deep), format)
    assert grey
    assert np.array_equal(pixels.to_array(image, 0, 1)[..., 0], np.rint(deep / 257).astype(np.uint8))


def test_big_endian_and_floats():
    deep = np.array([[0, 257, 65535]], ">u2")
    assert pixels.to_array(Image.frombytes("I;16B", (3, 1), deep.tobytes()), 0, 1).ravel().tolist() == [0, 1, 255]
    image, grey = through(Image.fromarray(np.array([[0, 0.5, 1]], np.float32)), "tiff")
    assert grey
    assert pixels.to_array(image, 0, 1).ravel().tolist() == [0, 128, 255]


@pytest.mark.parametrize("pixel", [np.float32(1.5), np.float32(np.nan), np.float32(-1), np.int32(-1), np.int32(65536)])
def test_pixels_without_a_place_are_refused(pixel):
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


@pytest.mark.parametrize("format", ["png", "gif"])
def test_a_palette_with_transparency(format):
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    image, grey = through(image, format, transparency=1)
    assert not grey
    assert pixels.to_array(image, 0, 3).tolist() == [[[255, 0, 0], [255, 255, 255], [0, 0, 255]]]


def test_ink_becomes_light():
    image, grey = through(Image.fromarray(np.full((16, 16, 3), (200, 30, 90), np.uint8)).convert("CMYK"), "jpeg")
    assert (image.mode, grey) == ("CMYK", False)
    np.testing.assert_allclose(pixels.to_array(image, 0, 3)[8, 8], (200, 30, 90), atol=3)


def test_an_animation_gives_its_first_picture():
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 200)]
    image, _ = through(frames[0], "gif", save_all=True, append_images=frames[1:])
    assert image.n_frames == 2
    assert (pixels.to_array(image, 0, 1) == 10).all()


@pytest.mark.parametrize("format", ["png", "tiff", "webp"])
def test_cameras_may_be_turned(format):
    options = {"lossless": True} if format == "webp" else {}
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[pixels.ORIENTATION] = orientation
        image, _ = through(Image.fromarray(COLOUR), format, exif=exif, **options)
        size = pixels.upright_size(image)
        found = pixels.to_array(image, 0, 3)
        again, _ = through(Image.fromarray(COLOUR), format, exif=exif, **options)
        assert np.array_equal(found, np.asarray(ImageOps.exif_transpose(again)))
        assert found.shape == (*size[::-1], 3)
        assert size == ((6, 9) if orientation >= 5 else (9, 6))


def test_damaged_notes_of_a_camera_do_no_harm():
    image, _ = through(Image.fromarray(COLOUR), "png", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    assert pixels.upright_size(image) == (9, 6)
    assert np.array_equal(pixels.to_array(image, 0, 3), COLOUR)


@pytest.mark.parametrize("shape", [(6, 9, 3), (9, 6, 3), (40, 20, 3), (1, 30, 3), (7, 7, 3)])
def test_the_middle_is_brought_to_a_square(shape):
    image = Image.fromarray(RNG.integers(0, 256, shape, np.uint8))
    height, width, _ = shape
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
