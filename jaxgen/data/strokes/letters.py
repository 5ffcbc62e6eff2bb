"""Letters a to z as the outlines that the fonts in matplotlib have: drawings without a download.

A stroke is a closed outline that begins at its highest point, of several the leftmost; the largest outline comes first.
Each letter of each font is drawn in VARIANTS, slanted and widened a little.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.images.glyphs import FONTS, font_folder
from jaxgen.data.strokes import shaping
from jaxgen.data.strokes.outlines import Font

CLASSES = tuple("abcdefghijklmnopqrstuvwxyz")
SIZE = 256.0  # units of an em; the sides of QuickDraw's drawings have 256
TOLERANCE = 1.5  # of simplification, in these units
SLANTS, WIDTHS = (-0.12, 0.0, 0.12), (0.9, 1.0, 1.1)
VARIANTS = [np.array([[width, 0.0], [-slant, 1.0]]) for slant in SLANTS for width in WIDTHS]  # [x, y] @ variant
HELD = 2  # designs of a letter that validate, and that test
SEED = 26


def designs() -> list[tuple[str, ...]]:
    """The fonts, those together of which one is a slanted copy of the other: each letter of them is in one split."""
    names = (*FONTS, "cmmi10")
    copies = {name: name.replace("BoldOblique", "Bold").removesuffix("-Oblique") for name in names}
    return [tuple(each for each in names if copies[each] == name) for name in dict.fromkeys(copies.values())]


def drawn(font: Font, letter: str) -> list[np.ndarray]:
    """The strokes [m, 2] of a letter: its outlines in units of SIZE to the em, y downwards, simplified."""
    strokes = []
    for contour in sorted(font.contours(letter), key=area, reverse=True):
        points = (contour * (SIZE, -SIZE))[:-1]
        begin = np.lexsort(points.T)[0]  # by y, then by x
        points = np.concatenate([points[begin:], points[: begin + 1]])
        strokes.append(shaping.simplified(points, TOLERANCE))
    return strokes


def area(contour: np.ndarray) -> float:
    """The area that a closed line [m, 2] surrounds."""
    (x, y), (next_x, next_y) = contour[:-1].T, contour[1:].T
    return abs(float(np.sum(x * next_y - next_x * y))) / 2


def splits() -> Iterator[tuple[str, str, str]]:
    """(split, letter, font) of every letter of every font, each once: of each letter HELD designs validate and test."""
    rng = np.random.Generator(np.random.PCG64(SEED))
    groups = designs()
    for letter in CLASSES:
        for place, number in enumerate(rng.permutation(len(groups))):
            split = "test" if place < HELD else "valid" if place < 2 * HELD else "train"
            yield from ((split, letter, font) for font in groups[number])


def sketches() -> dict[str, list[tuple[np.ndarray, str]]]:
    """Split -> (offsets [n, 3] float32, letter); the same with the same versions of the fonts.

    Fonts are not kept apart: a font may have its a in the training split and its b in the test split.

    Raises:
        Refused: matplotlib is not installed, or lacks one of the fonts.
    """
    fonts = {name: opened(font_folder() / f"{name}.ttf") for group in designs() for name in group}
    every: dict[str, list[tuple[np.ndarray, str]]] = {"train": [], "valid": [], "test": []}
    for split, letter, font in splits():
        strokes = drawn(fonts[font], letter)
        every[split] += [(shaping.to_offsets([each @ variant for each in strokes]), letter) for variant in VARIANTS]
    return every


def opened(path: Path) -> Font:
    """The font in a file. Raises Refused where it is missing or damaged."""
    try:
        return Font(path)
    except OSError as error:
        raise Refused(f"a font that letters are drawn with is missing: {path}") from error
    except Exception as error:  # of damage
        raise Refused(f"{path}, a font that letters are drawn with, cannot be read: {error}") from error
