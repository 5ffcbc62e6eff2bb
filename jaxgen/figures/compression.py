"""Codes as files: how many bytes an image takes, and what is lost, beside principal components and JPEG.

N    images
D    values of an image
Z    units of the code
"""

import io
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import State, Technique
from jaxgen.data import rows
from jaxgen.data.examples import Dataset
from jaxgen.figures.codes import components_of
from jaxgen.figures.latents import inferred
from jaxgen.ops.imaging import to_unit
from jaxgen.ops.principal import project, restore
from jaxgen.report.canvas import drawing
from jaxgen.report.items import Cell, Figure, Table
from jaxgen.report.pictures import to_bytes
from jaxgen.report.plots import Panel, lines

MEASURED = 500  # test images
QUALITIES = (1, 2, 5, 10, 20, 30, 50, 70, 90)  # of JPEG
LEVELS = 255  # steps of a unit in 8 bits
DEFINITION = "sum over all pixels in [0, 1], mean over the first test images"


class Compressed(NamedTuple):
    """What one way of compressing comes to."""

    name: str  # of a kind; codes of several sizes have the same
    size: float  # bytes of an image
    error: float  # squared error, see DEFINITION


def quantised(code: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Codes [N, Z] in 8 bits a unit: LEVELS equal steps between the least and the largest of the training codes."""
    low, high = train.min(0, keepdims=True), train.max(0, keepdims=True)
    width = (high - low) / LEVELS  # 0 of a unit that never changes
    steps = np.rint((code - low) / np.where(width > 0, width, 1.0))
    return (low + width * np.clip(steps, 0, LEVELS)).astype(np.float32)


def jpeg(image: np.ndarray, quality: int) -> tuple[np.ndarray, int, int]:
    """An image [H, W, C] in [0, 1] after JPEG; bytes of the file, and those of its entropy-coded data alone.

    Huffman tables are optimised and colours not subsampled. Headers with their tables are most of a small file; a
    receiver that knows them needs the data alone, as it needs a decoder's parameters.
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(to_bytes(image)).save(buffer, "JPEG", quality=quality, optimize=True, subsampling=0)
    data = buffer.getvalue()
    scan = data.index(b"\xff\xda")  # the header of the scan begins, whose length is in the next two bytes
    header = scan + 2 + int.from_bytes(data[scan + 2 : scan + 4], "big")
    back = np.asarray(Image.open(buffer), np.float32).reshape(image.shape) / 255
    return back, len(data), len(data) - header - 2  # the last two mark the end


def jpegs(x: np.ndarray, shape: tuple[int, int, int]) -> list[tuple[Compressed, Compressed]]:
    """Images [N, D] at each of QUALITIES, with the bytes of files, and of data alone."""
    pairs = []
    for quality in QUALITIES:
        back, whole, data = zip(*(jpeg(image.reshape(shape), quality) for image in x))
        error = float(np.square(np.stack(back).reshape(x.shape) - x).sum(1).mean())
        name = f"JPEG, quality {quality}"
        pairs.append((Compressed(name, float(np.mean(whole)), error), Compressed(name, float(np.mean(data)), error)))
    return pairs


def of_codes(
    name: str, code: np.ndarray, train: np.ndarray, decode: Callable[[np.ndarray], np.ndarray], x: np.ndarray
) -> Compressed:
    """Codes [N, Z] in 8 bits a unit, decoded: Z bytes an image."""
    error = np.square(np.clip(decode(quantised(code, train)), 0.0, 1.0) - x).sum(1).mean()
    return Compressed(name, float(code.shape[1]), float(error))


def of_autoencoder(name: str, technique: Technique, state: State, images: Dataset) -> Compressed:
    """The codes of an autoencoder, decoded without switches."""
    test, train = (rows.read(split.image, slice(0, most)) for split, most in _measured(images))
    decode = lambda code: inferred(technique, state, "decode", code)
    code, own = (inferred(technique, state, "encode", image) for image in (test, train))
    return of_codes(name, code, own, decode, np.asarray(to_unit(jnp.asarray(test))))


def _measured(images):
    return (images.test, MEASURED), (images.train, 10_000)


def of_components(images: Dataset, count: int) -> Compressed:
    """Coordinates along `count` principal components of the first 10,000 training images."""
    test, train = (
        np.asarray(to_unit(jnp.asarray(rows.read(split.image, slice(0, most))))) for split, most in _measured(images)
    )
    principal = components_of(jax.random.key(0), train, count)
    code, own = (np.asarray(project(principal, jnp.asarray(image))) for image in (test, train))
    return of_codes("PCA", code, own, lambda code: np.asarray(restore(principal, jnp.asarray(code))), test)


def show(codes: list[Compressed], components: list[Compressed], images: Dataset) -> tuple[Figure, Table]:
    """Error by bytes of codes, of principal components and of JPEG; one row for each of the codes beside both.

    The components of a row are as many as its code has units. JPEG stands there with its best quality whose data alone
    takes no more bytes; where even the worst takes more, with that one.
    """
    x = np.asarray(to_unit(jnp.asarray(rows.read(images.test.image, slice(0, MEASURED)))))
    files, data = map(list, zip(*jpegs(x, images.shape)))
    ways: dict[str, list[Compressed]] = {}
    for each in [*codes, *components]:
        ways.setdefault(each.name, []).append(each)
    ways |= {"JPEG, data alone": data, "JPEG, files": files}

    def curve(points):
        pairs = sorted({(each.size, each.error) for each in points})
        return tuple(np.array(pairs).T)

    panel = Panel("", "bytes an image", "squared error", {name: curve(each) for name, each in ways.items()}, True, True)
    caption = f"Bytes of an image, and what is lost: codes in 8 bits a unit, and JPEG. Squared error: {DEFINITION}"
    figure = drawing("compression", caption, lines, [panel], "", "category")
    listed = []
    for code, component in zip(codes, components):
        fitting = [each for each in data if each.size <= code.size] or [min(data, key=lambda each: each.size)]
        best = min(fitting, key=lambda each: each.error)
        whole = files[data.index(best)].size
        note = f"{best.name}: {best.size:.0f} bytes of data, a file of {whole:.0f}"
        texts = [f"{code.size:.0f}", f"{code.error:.2f}", f"{component.error:.2f}"]
        listed.append([Cell(f"{code.name}, {code.size:.0f}"), *map(Cell, texts), Cell(f"{best.error:.2f}", note)])
    caption = f"Squared error ({DEFINITION}; {len(x)} of them) at as many bytes: codes have 8 bits a unit"
    return figure, Table(caption, ["autoencoder", "bytes", "its error", "PCA", "JPEG"], listed)
