"""Letters and digits rendered from the fonts in matplotlib and Pillow: similar to MNIST, without a download.

The classes are the 47 of EMNIST Balanced (Cohen et al. 2017, https://arxiv.org/abs/1702.05373): a lower-case letter is
a class of its own where its shape differs from the capital's. Each character is scaled to about 20 x 20 and centred in
28 x 28, white on black.

G    masters, one for each character of each font
S    side of a master, which is drawn at SCALE times the resolution of an image
"""

import importlib.util
from pathlib import Path

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.examples import Dataset, dataset, split

CLASSES = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"
# The text fonts of matplotlib, without cmmi10 for its old-style figures (its 1 is a small I).
FONTS = (
    *(f"DejaVu{f}{s}" for f in ("Sans", "SansMono") for s in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
    *("cmr10", "cmb10", "cmss10", "cmti10", "cmtt10"),
)
SIDE, BOX, SCALE = 28, 20, 4  # pixels of an image, of the character in it, and master pixels for each
WEIGHTS = 4  # stroke thicknesses: as designed, and 1 to 3 master pixels more on either side
VARIANTS = 13  # images of each master
SEED = 28


def font_folder() -> Path:
    """The folder of matplotlib's fonts. Raises Refused where matplotlib is not installed."""
    # Found and not imported: only its fonts are needed, and importing it takes time.
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise Refused('glyphs and letters are drawn with the fonts in matplotlib: pip install "jaxgen[report]"')
    return Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"


def masters() -> np.ndarray:
    """Each character of each font, its longer side scaled to the box: [G, S, S] uint8, ordered by font.

    Raises:
        Refused: matplotlib is not installed, or lacks one of the fonts.
    """
    from PIL import Image, ImageDraw, ImageFont

    folder, em, box, side = font_folder(), 120, BOX * SCALE, SIDE * SCALE
    try:
        fonts = [ImageFont.truetype(folder / f"{name}.ttf", em) for name in FONTS]
    except OSError as error:
        raise Refused(f"a font that glyphs are drawn with is missing in {folder}: {error}") from error
    images = np.zeros((len(fonts) + 1, len(CLASSES), side, side), np.uint8)
    for alphabet, font in zip(images, [*fonts, ImageFont.load_default(em)]):
        for frame, character in zip(alphabet, CLASSES):
            page = Image.new("L", (2 * em, 2 * em))
            ImageDraw.Draw(page).text((em // 2, em // 4), character, fill=255, font=font)
            ink = page.crop(page.getbbox())
            width, height = (max(1, round(length * box / max(ink.size))) for length in ink.size)
            left, top = (side - width) // 2, (side - height) // 2
            frame[top : top + height, left : left + width] = ink.resize((width, height), Image.Resampling.BILINEAR)
    return images.reshape(-1, side, side)


def thicken(image: np.ndarray, corners: bool) -> np.ndarray:
    """Dilates [G, S, S] by one pixel up, down, left and right; with `corners`, diagonally as well."""
    out = image.copy()
    for axis in (1, 2):
        source, grown = np.moveaxis(out.copy() if corners else image, axis, 0), np.moveaxis(out, axis, 0)
        np.maximum(grown[1:], source[:-1], out=grown[1:])
        np.maximum(grown[:-1], source[1:], out=grown[:-1])
    return out


def _area_means(image: np.ndarray) -> np.ndarray:
    """Replaces pixel (y, x) by the mean over [y, y + SCALE) x [x, x + SCALE)."""
    total = image.astype(np.uint16)
    for axis in (1, 2):
        lines = np.moveaxis(total, axis, 0)
        for offset in (1, 2):  # sums of 2 pixels, then of two such sums: SCALE = 4 pixels
            lines[:-offset] += lines[offset:]
    return (total // SCALE**2).astype(np.uint8)


def warp(image: np.ndarray, weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One variant of each master: rotated, slanted, scaled and shifted a little.

    Args:
        image: [WEIGHTS, G, S, S] uint8, area means of the masters in every thickness.
        weight: [G] indices of the thickness.
        rng: draws rotation (4 degrees standard deviation, at most 10), slant (0.08, at most 0.2), scale
            (0.85 to 1.05) and shift (up to 1.5 pixels along either axis).

    Returns:
        [G, SIDE, SIDE] uint8, sampled from the masters by bilinear interpolation.
    """
    _, count, side, _ = image.shape
    angle = np.deg2rad(np.clip(rng.normal(0, 4, count), -10, 10))
    slant = np.clip(rng.normal(0, 0.08, count), -0.2, 0.2)
    scale = rng.uniform(0.85, 1.05, count)
    shift = rng.uniform(-1.5, 1.5, (2, count))
    values = (np.cos(angle) / scale, np.sin(angle) / scale, slant, *shift)
    cos, sin, slant, down, right = (v.astype(np.float32)[:, None, None] for v in values)

    centred = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    v, u = centred[:, None] - down, centred[None, :] - right
    y = cos * v - sin * u
    x = sin * v + cos * u + slant * y
    # Output pixels and area means both have the coordinates of their first corner: no offset of half a pixel.
    y, x = (np.clip(SCALE * (p + (SIDE - 1) / 2), 0, side - 1.01) for p in (y, x))
    row, column = y.astype(np.int32), x.astype(np.int32)
    dy, dx = y - row, x - column
    corner = ((weight * count + np.arange(count))[:, None, None] * side + row) * side + column
    pixels = image.reshape(-1)
    above, below = (pixels[at] * (1 - dx) + pixels[at + 1] * dx for at in (corner, corner + side))
    return np.rint(above * (1 - dy) + below * dy).astype(np.uint8)


def load(data_dir: str = "") -> Dataset:
    """Glyphs: 13,442 images [28, 28, 1], 286 of each class; the same with the same versions of the libraries.

    The splits share fonts: the test set has fonts that the training set has, under other transformations. `data_dir` is
    not used.

    Raises:
        Refused: matplotlib is not installed, or lacks one of the fonts.
    """
    rng = np.random.Generator(np.random.PCG64(SEED))
    thickness = [masters()]
    for n in range(1, WEIGHTS):
        thickness.append(thicken(thickness[-1], corners=n % 2 == 0))  # alternating grows an octagon
    count = len(thickness[0])
    means = np.stack([_area_means(image) for image in thickness])
    image = np.concatenate([warp(means, rng.integers(0, WEIGHTS, count), rng) for _ in range(VARIANTS)])
    label = np.tile(np.arange(len(CLASSES), dtype=np.int32), len(image) // len(CLASSES))
    return dataset("glyphs", (SIDE, SIDE, 1), tuple(CLASSES), *split(image.reshape(len(image), -1), label))
