"""Conversion of Pillow's images, in any mode, to uint8 arrays of one or three channels.

H, W, C    height, width, channels
"""

import contextlib
import functools
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.places import reason_of

if TYPE_CHECKING:
    from PIL.Image import Image

# Formats that are not read: EPS, which runs Ghostscript on the file, and those that Pillow identifies without decoding.
NOT_READ = ("BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PALM", "PDF", "WMF")
GREY = ("1", "L", "LA", "I", "F")
ORIENTATION = 0x0112  # the EXIF tag of the camera's orientation, 1 to 8
SIXTEEN_BITS = 2**16 - 1


@functools.cache
def suffixes() -> dict[str, str]:
    """Lower-case suffix, with its dot, of the files that are read as images -> name of the format."""
    from PIL import Image

    return {suffix: name for suffix, name in Image.registered_extensions().items() if name not in NOT_READ}


@functools.cache
def _formats() -> list[str]:
    from PIL import Image

    names = set(suffixes().values())  # without the formats that have no suffix, which accept files of any kind
    return [name for name in Image.ID if name in names]


def opened(file: IO[bytes]) -> "Image":
    """The image in an open file, of which only the header is read. Raises some ten types of exceptions of Pillow's."""
    from PIL import Image

    return Image.open(file, formats=_formats())


def is_grey(mode: str) -> bool:
    """Whether a mode of Pillow's has grey pixels only; palettes count as coloured."""
    return mode in GREY or mode.startswith("I;16")


def upright_size(image: "Image") -> tuple[int, int]:
    """Width and height of the upright image, without decoding its pixels."""
    from PIL import Image

    # The size of a TIFF is that of the upright image. PNG's own `getexif` would decode the pixels, to read behind them.
    turned = image.format != "TIFF" and _orientation(functools.partial(Image.Image.getexif, image)) >= 5
    return (image.height, image.width) if turned else image.size


OVERSAMPLING = 4  # a JPEG is decoded at a half, a quarter or an eighth if still so many times as large as needed


def drafted(image: Any, size: int) -> Any:
    """The image, to be decoded at a reduced scale that suffices for `size` if its format can; 0: unchanged."""
    if size:
        image.draft(None, (OVERSAMPLING * size, OVERSAMPLING * size))
    return image


def to_array(image: "Image", size: int, channels: int) -> np.ndarray:
    """The upright image with white for transparent pixels: uint8 [H, W, channels].

    Args:
        image: in any mode; channels of 16 bits are rounded to 8, and of an animation the current frame is converted.
        size: if not 0, the shorter side is resized to `size` (Lanczos) and the longer one cropped at both ends.
        channels: 1 for grey, 3 for RGB.

    Raises:
        Refused: pixels are outside the mode's range. A damaged image raises some ten types of Pillow's.
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
    except Exception:  # damaged EXIF data in an undamaged image, also of some ten types
        return 1


def _upright(image: "Image") -> "Image":
    """As ImageOps.exif_transpose, which also rewrites the other EXIF data and fails where they are damaged."""
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
    """Modes of more than 8 bits a channel converted to "L"; 65535, or 1.0, becomes 255."""
    from PIL import Image

    if not (image.mode in ("I", "F") or image.mode.startswith("I;16")):
        return image
    array = np.asarray(image)
    limit = 1 if image.mode == "F" else SIXTEEN_BITS
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= limit):  # also true for NaN
        raise Refused(f"has pixels from {low:g} to {high:g}; expected 0 to {limit}")
    return Image.fromarray(np.rint(array.astype(np.float32) * (255 / limit)).astype(np.uint8))


def _opaque(image: "Image") -> "Image":
    from PIL import Image

    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


@contextlib.contextmanager
def naming(where: str) -> Iterator[None]:
    """Within it, the exceptions of a file, Pillow's included, become Refused with a sentence that names the file."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except Refused as refusal:
        raise Refused(f"{where} {refusal}") from refusal
    except UnidentifiedImageError as error:
        raise Refused(f"{where} is no image that Pillow can read") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise Refused(f"{where} declares too many pixels: {error}") from error
    except Exception as error:  # damaged files raise some ten types
        raise Refused(f"{where} cannot be read: {reason_of(error)}") from error
