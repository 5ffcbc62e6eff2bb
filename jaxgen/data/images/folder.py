"""Sets of images in a folder, or in a zip archive that is read in place.

photos/*.jpg                     no classes
photos/cat/*.jpg, dog/*.jpg      a class for each folder, by name; images may be in subfolders of it
photos/train/..., test/...       either of these in given splits; without `valid`, a part of `train` is for validation

A folder with nothing but one folder in it is skipped, since an archive often has one at its top. In Omniglot's archive
the next folders are alphabets: these are the classes, and not the characters in them.
"""

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
from jaxgen.data.images.listing import Listing, open_listing, printable
from jaxgen.data.rows import RESIDENT

DECODER = 1  # part of the cache's identity; raise it when the same file decodes to other pixels
MEMORY = 2**30  # bytes for decoding, on all cores together
PIXEL = 16  # bytes for decoding a pixel: four channels and their copies

Shape = tuple[int, int, int]


def folder_dataset(path: Path, image_size: int = 0, resident: int = RESIDENT) -> Dataset:
    """The images in a folder or zip archive, as a Dataset named after it.

    All visible files with a suffix of a format that Pillow reads are images. They are turned upright, transparent
    pixels become white, and of an animation the first frame is read. The set has one channel if all images are grey,
    otherwise three.

    Args:
        path: of the folder or archive.
        image_size: side of a square: the shorter side of each image is resized to it, and the longer one then cropped
            at both ends. 0: images must have one size, which is kept.
        resident: bytes up to which images are held in memory; more are decoded once into the cache folder.

    Raises:
        Refused: there are no images or too few, one cannot be read, or declares more pixels than Pillow's limit; they
            differ in size; folders have none of the layouts above; or the archive is damaged or not to be trusted.
    """
    if image_size < 0:
        raise Refused(f"an image size is 1 or more, or 0 for the images' own; found {image_size}")
    with warnings.catch_warnings(), open_listing(path) as listing:
        from PIL import Image

        warnings.simplefilter("ignore")  # Pillow warns of damaged EXIF data, which does no harm
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        parts, classes, label = layout(printable(str(path)), [file.name for file in listing.files])
        shape, most = _survey(listing, image_size)
        image = rows.gather(
            len(listing.files),
            math.prod(shape),
            functools.partial(_blocks, listing, image_size, shape, most),
            _identity(path, listing, image_size, shape),
            resident,
        )
    name = os.path.basename(os.path.abspath(path))
    try:
        train, valid, test = in_three(*(Examples(rows.pick(image, part), label[part]) for part in parts))
    except Refused as refusal:  # there are too few images
        raise Refused(f"{printable(str(path))}: {refusal}") from refusal
    name = printable(name if os.path.isdir(path) else Path(name).stem)
    return dataset(name, shape, tuple(map(printable, classes)), train, valid, test)


def _survey(listing: Listing, image_size: int) -> tuple[Shape, int]:
    """The common shape of all images, and the number of pixels of the largest, from their headers alone."""
    first, grey, most = None, True, 0
    advance = rows.progress(len(listing.files), "looked at")
    for done, (name, length, _) in enumerate(listing.files):
        where = listing.where(name)
        if length == 0:
            raise Refused(f"{where} is empty (0 bytes)")
        with pixels.naming(where), listing.open(name) as file, pixels.opened(file) as image:
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
    assert first is not None, "a listing has at least one file"
    width, height = (image_size, image_size) if image_size else first[1]
    return (height, width, 1 if grey else 3), most


def _blocks(listing: Listing, image_size: int, shape: Shape, most: int) -> Iterator[np.ndarray]:
    """All images in order, [n, D] uint8 at a time, decoded in threads, since Pillow releases the interpreter's lock."""
    workers = max(1, min(os.cpu_count() or 1, MEMORY // (PIXEL * most)))
    count = max(2 * workers, rows.BLOCK // math.prod(shape))

    def decode(name):
        with pixels.naming(listing.where(name)), pixels.opened(BytesIO(listing.read(name))) as image:
            array = pixels.to_array(pixels.drafted(image, image_size), image_size, shape[2])
            if array.shape != shape:
                raise Refused(f"has the shape {array.shape} and not {shape}, as its header said")
            return array.reshape(-1)

    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(listing.files), count):
            names = [file.name for file in listing.files[first : first + count]]
            yield np.stack(list(pool.map(decode, names)))


def _identity(path: Path, listing: Listing, image_size: int, shape: Shape) -> tuple:
    """Everything that the decoded images depend on, including names, sizes and stamps of all files."""
    digest = hashlib.sha256()
    for file in listing.files:
        digest.update(repr(tuple(file)).encode())
    changed = 0 if os.path.isdir(path) else path.stat().st_mtime_ns
    return "folder", DECODER, os.path.realpath(path), changed, digest.hexdigest(), image_size, shape
