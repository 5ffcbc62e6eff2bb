"""One image as an array: a file of any format that Pillow reads, a photograph in scikit-learn, or one of a set."""

import functools
import warnings
from pathlib import Path

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data import places, rows
from jaxgen.data.examples import Dataset
from jaxgen.data.images import pixels

EMBEDDED = ("china", "flower")  # 427 x 640 pixels, CC BY 2.0
LARGEST = 100  # times as high as wide, or as wide as high


def photograph(path: str, data_dir: str = "", height: int = 0) -> np.ndarray:
    """The upright image with white for transparent pixels: uint8 [H, W, 3].

    Args:
        path: of a file, relative to the working folder or to `data_dir`; or a name of EMBEDDED.
        data_dir: folder in which relative paths are looked for as well.
        height: rows; the width is in proportion (Lanczos). 0: its own size.

    Raises:
        Refused: there is no such file, it is empty, damaged, no image, declares more pixels than Pillow's limit, or is
            more than LARGEST times as long as wide.
    """
    if path in EMBEDDED:
        return _resized(_embedded(path), height)
    with warnings.catch_warnings():
        from PIL import Image

        warnings.simplefilter("ignore")  # Pillow warns of damaged EXIF data, which does no harm
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        file_path = places.existing(path, data_dir)
        if file_path.is_dir():
            raise Refused(f"{file_path} is a folder; an image is one file")
        if file_path.stat().st_size == 0:
            raise Refused(f"{file_path} is empty (0 bytes)")
        with pixels.naming(str(file_path)), file_path.open("rb") as file, pixels.opened(file) as image:
            long, short = max(image.size), max(min(image.size), 1)
            if long > LARGEST * short:
                raise Refused(
                    f"has {image.width} x {image.height} pixels; at most {LARGEST} times as long as wide is expected"
                )
            return _resized(pixels.to_array(image, 0, 3), height)


@functools.cache
def _embedded(name: str) -> np.ndarray:
    """A photograph of scikit-learn's, whose file is read by Pillow. Raises Refused where scikit-learn is missing."""
    try:
        import sklearn.datasets
    except ImportError as error:
        raise Refused('the embedded photographs are part of scikit-learn: pip install "jaxgen[data]"') from error
    (path,) = Path(sklearn.datasets.__file__).parent.joinpath("images").glob(f"{name}.jp*g")
    with pixels.naming(str(path)), path.open("rb") as file, pixels.opened(file) as image:
        return pixels.to_array(image, 0, 3)


def _resized(image: np.ndarray, height: int) -> np.ndarray:
    """The image [H, W, 3] with so many rows, in proportion; 0: as it is."""
    if not height:
        return image
    return resized(image, height, max(1, round(image.shape[1] * height / image.shape[0])))


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """An image [H, W, 3] uint8 of another size (Lanczos)."""
    from PIL import Image

    if image.shape[:2] == (height, width):
        return image
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def fitted(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """An image [H, W, 3] as [height, width, 3]: resized (Lanczos), and what is longer cropped at both ends."""
    from PIL import Image, ImageOps

    return np.array(ImageOps.fit(Image.fromarray(image), (width, height), Image.Resampling.LANCZOS))


def from_test_split(images: Dataset, number: int) -> np.ndarray:
    """An image of a set's test split: uint8 [H, W, 3]. Raises Refused where there are fewer."""
    count = len(images.test.label)
    if not 0 <= number < count:
        raise Refused(f"the test images of {images.name} go from 0 to {count - 1}, not to {number}")
    image = rows.read(images.test.image, np.array([number])).reshape(images.shape)
    unit = image if image.dtype == np.uint8 else np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)
    return np.broadcast_to(unit, (*images.shape[:2], 3)).copy()
