"""Pictures as arrays: what Pillow reads, in any of its modes, becomes uint8 of one or three channels.

H, W, C    height, width, channels
"""

import functools
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from jaxgen.core.types import Refused

if TYPE_CHECKING:
    from PIL.Image import Image

# Not read: EPS, which runs Ghostscript on the file, and formats of which Pillow knows the name but no pixels.
NOT_READ = ("BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PALM", "PDF", "WMF")
GREY = ("1", "L", "LA", "I", "F")
ORIENTATION = 0x0112  # the EXIF tag: which of eight ways the camera was held
SIXTEEN_BITS = 2**16 - 1


@functools.cache
def suffixes() -> dict[str, str]:
    """Lower-case suffix, with its dot, of every file that is taken for an image -> name of its format."""
    from PIL import Image

    return {suffix: name for suffix, name in Image.registered_extensions().items() if name not in NOT_READ}


@functools.cache
def _formats() -> list[str]:
    from PIL import Image

    names = set(suffixes().values())  # some formats have no suffix of their own, and take anything for theirs
    return [name for name in Image.ID if name in names]


def opened(file: IO[bytes]) -> "Image":
    """The picture in an open file, its header read. Raises whatever Pillow raises, of some ten types."""
    from PIL import Image

    return Image.open(file, formats=_formats())


def is_grey(mode: str) -> bool:
    """Whether an image of this mode of Pillow's has grey pixels only; a palette is taken for coloured."""
    return mode in GREY or mode.startswith("I;16")


def upright_size(image: "Image") -> tuple[int, int]:
    """Width and height as it is shown, from what has been read of it: no pixels are decoded."""
    from PIL import Image

    # A TIFF's size is the upright one already. PNG's own `getexif` would decode all of it, to look behind the pixels.
    turned = image.format != "TIFF" and _orientation(functools.partial(Image.Image.getexif, image)) >= 5
    return (image.height, image.width) if turned else image.size


AMPLE = 4  # times as large as wanted may a JPEG be decoded at half, a quarter or an eighth: it looks the same, sooner


def drafted(image: Any, size: int) -> Any:
    """The picture, told to be decoded no larger than ample for `size` where its format can; 0: as it is."""
    if size:
        image.draft(None, (AMPLE * size, AMPLE * size))
    return image


def to_array(image: "Image", size: int, channels: int) -> np.ndarray:
    """The image upright, on white where it is transparent: uint8 [H, W, channels].

    Args:
        image: in any mode; 16 bits a channel become 8, and of an animation it is the current frame.
        size: if not 0, the shorter side is brought to `size` (Lanczos) and the longer one cut alike at both ends.
        channels: 1 for grey, 3 for RGB.

    Raises:
        Refused: pixels that have no place in 0..255; and whatever Pillow raises where the image is damaged.
    """
    from PIL import Image, ImageOps

    image.load()
    image = _opaque(_eight_bits(_upright(image))).convert("L" if channels == 1 else "RGB")
    if size:
        image = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    return np.array(image).reshape(image.height, image.width, channels)


def _orientation(getexif) -> int:
    try:
        return int(getexif().get(ORIENTATION, 1))
    except Exception:  # damaged notes of the camera, not a damaged picture: of some ten types as well
        return 1


def _upright(image: "Image") -> "Image":
    """As ImageOps.exif_transpose, which also rewrites the other notes and fails on damaged ones."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    turn = turns.get(_orientation(image.getexif))
    return image if turn is None else image.transpose(turn)


def _eight_bits(image: "Image") -> "Image":
    """Modes of more than 8 bits a channel as "L"; 65535, or 1.0, becomes 255."""
    from PIL import Image

    if not (image.mode in ("I", "F") or image.mode.startswith("I;16")):
        return image
    array = np.asarray(image)
    limit = 1 if image.mode == "F" else SIXTEEN_BITS
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= limit):  # also where they are NaN
        raise Refused(f"has pixels from {low:g} to {high:g}; expected 0 to {limit}")
    return Image.fromarray(np.rint(array.astype(np.float32) * (255 / limit)).astype(np.uint8))


def _opaque(image: "Image") -> "Image":
    from PIL import Image

    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
