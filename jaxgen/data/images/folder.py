"""A folder of images, or a zip archive of one, which is read in place.

photos/*.jpg                     no classes
photos/cat/*.jpg, dog/*.jpg      a class for each folder, by name; images may lie deeper inside
photos/train/..., test/...       either of these, already split; `valid` too, or a part of `train` validates

A folder that holds nothing but one folder is passed through, since an archive often has one on top. In Omniglot's the
next ones are alphabets: those are the classes, and not the characters inside them.
"""

import contextlib
import functools
import hashlib
import math
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data import rows
from jaxgen.data.examples import Dataset, Examples, dataset, in_three
from jaxgen.data.images import pixels
from jaxgen.data.images.layout import layout
from jaxgen.data.images.listing import Listing, listed, printable
from jaxgen.data.rows import RESIDENT

DECODER = 1  # to be raised when the same file decodes to other pixels: cached ones are then not taken
MEMORY = 2**30  # bytes for images while they are decoded, on all cores together
PIXEL = 16  # bytes of a pixel on its way: four as it is decoded, and its copies

Shape = tuple[int, int, int]


def load(path: Path, image_size: int = 0, resident: int = RESIDENT) -> Dataset:
    """The images in a folder or zip archive, as a Dataset named after it.

    Read is every visible file with a suffix that Pillow knows, upright and on white where it is transparent, of an
    animation the first picture. They have one channel if all are grey, three otherwise.

    Args:
        path: of the folder or archive.
        image_size: side S of the square that all are brought to: the shorter side is resized to S, and the longer one
            cut alike at both ends. 0: all have one size of their own.
        resident: bytes of images up to which they are held in memory; more are decoded once, into the cache folder.

    Raises:
        Refused: there are no images or too few, one cannot be read, or declares more pixels than Pillow's limit; they
            differ in size; folders are no layout of the above; or the archive is damaged or not to be trusted.
    """
    if image_size < 0:
        raise Refused(f"an image size is 1 or more, or 0 for the images' own; found {image_size}")
    with warnings.catch_warnings(), listed(path) as listing:
        from PIL import Image

        warnings.simplefilter("ignore")  # Pillow's remarks on notes that cameras leave say nothing about the pixels
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        found = layout(printable(str(path)), [entry.name for entry in listing.entries])
        shape, most = _survey(listing, image_size)
        image = rows.gather(
            len(listing.entries),
            math.prod(shape),
            functools.partial(_blocks, listing, image_size, shape, most),
            _identity(path, listing, image_size, shape),
            resident,
        )
    parts = [Examples(rows.pick(image, part), found.label[part]) for part in found.parts]
    name = os.path.basename(os.path.abspath(path))
    try:
        train, valid, test = in_three(*parts)
    except Refused as refusal:  # there are too few images
        raise Refused(f"{printable(str(path))}: {refusal}") from refusal
    name = printable(name if os.path.isdir(path) else Path(name).stem)
    return dataset(name, shape, tuple(map(printable, found.classes)), train, valid, test)


def _survey(listing: Listing, image_size: int) -> tuple[Shape, int]:
    """What shape all images will have, and the pixels of the largest; from their headers alone."""
    first, grey, most = None, True, 0
    advance = rows.progress(len(listing.entries), "looked at")
    for done, entry in enumerate(listing.entries):
        where = listing.where(entry.name)
        if entry.size == 0:
            raise Refused(f"{where} is empty (0 bytes)")
        with _naming(where), listing.open(entry.name) as file, pixels.opened(file) as image:
            grey = grey and pixels.is_grey(image.mode)
            size = pixels.upright_size(image)
        most = max(most, math.prod(size))
        first = first or (where, size)
        if not image_size and size != first[1]:
            (one, (width, height)), (other, (width2, height2)) = first, (where, size)
            raise Refused(
                f"images differ in size: {one} has {width} x {height} pixels and {other} has {width2} x {height2}; "
                "give --image_size to bring all to one"
            )
        advance(done + 1)
    assert first is not None, "a listing has at least one entry"
    width, height = (image_size, image_size) if image_size else first[1]
    return (height, width, 1 if grey else 3), most


def _blocks(listing: Listing, image_size: int, shape: Shape, most: int) -> Iterator[np.ndarray]:
    """All images in order, [n, D] uint8 at a time, decoded on all cores: Pillow lets go of the interpreter."""
    workers = max(1, min(os.cpu_count() or 1, MEMORY // (PIXEL * most)))
    count = max(2 * workers, rows.BLOCK // math.prod(shape))

    def decode(name):
        with _naming(listing.where(name)), pixels.opened(BytesIO(listing.read(name))) as image:
            array = pixels.to_array(pixels.drafted(image, image_size), image_size, shape[2])
            if array.shape != shape:
                raise Refused(f"has the shape {array.shape} and not {shape}, as its header said")
            return array.reshape(-1)

    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(listing.entries), count):
            names = [entry.name for entry in listing.entries[first : first + count]]
            yield np.stack(list(pool.map(decode, names)))


@contextlib.contextmanager
def _naming(where: str) -> Iterator[None]:
    """Turns whatever a file makes Pillow raise into a sentence that names the file: Refused."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except Refused as refusal:
        raise Refused(f"{where} {refusal}") from refusal
    except UnidentifiedImageError as error:
        raise Refused(f"{where} is no image that Pillow can read") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise Refused(f"{where} declares too many pixels: {error}") from error
    except Exception as error:  # of a damaged file: some ten types with one meaning
        reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).partition("\n")[0]
        raise Refused(f"{where} cannot be read: {reason}") from error


def _identity(path: Path, listing: Listing, image_size: int, shape: Shape) -> tuple:
    """All that the decoded images depend on; of the files, that none of them has changed."""
    digest = hashlib.sha256()
    for entry in listing.entries:
        digest.update(repr(tuple(entry)).encode())
    changed = 0 if os.path.isdir(path) else path.stat().st_mtime_ns
    return "folder", DECODER, os.path.realpath(path), changed, digest.hexdigest(), image_size, shape
