"""Galleries for a report: images in rows with a caption below each.

N    images of H x W pixels
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from jaxgen.report.canvas import DENSITY, LETTER, canvas, styled
from jaxgen.report.page import FULL, TALL
from jaxgen.report.pictures import to_bytes


@styled
def gallery(images, captions: Sequence[str], columns: int, title: str = ""):
    """Images [N, H, W], [N, H, W, 1] or [N, H, W, 3] (uint8, or floats in [0, 1]) in rows of `columns`.

    Each has its caption, one or two short lines, below it. Images are as large as the width and height of a page allow,
    but enlarged at most 8 times.

    Raises:
        ValueError: images have another shape or dtype, there are none, or there are not N captions.
    """
    images = np.asarray(images)
    if images.ndim < 3 or not len(images) == len(captions) > 0 or columns < 1:
        raise ValueError(
            f"expected images [N >= 1, H, W] or [N, H, W, C], N captions and columns >= 1, found {images.shape}, "
            f"{len(captions)} and {columns}"
        )
    images = [Image.fromarray(to_bytes(image)).convert("RGB") for image in images]
    columns, top, lengths = min(columns, len(images)), 28 if title else 4, [_length(caption) for caption in captions]
    rows, below = -(-len(images) // columns), 14 * (1 + max(caption.count("\n") for caption in captions)) + 10
    room = FULL // columns, max((TALL - top) // rows, below + 24)
    scale = DENSITY * min((room[0] - 8) / images[0].width, (room[1] - below) / images[0].height, 8.0)
    scale = int(scale) if scale > 1 else scale  # whole factors: pixels are equally large
    size = max(1, round(scale * images[0].width)), max(1, round(scale * images[0].height))  # in the file
    across = min(max(size[0] // DENSITY, int(11 * max(lengths))) + 8, room[0])
    down = size[1] // DENSITY + 1 + below
    width, height = min(max(columns * across, int(13 * _length(title)) + 8), FULL), top + rows * down
    figure = canvas(width, height, layout=None)
    figure.text(4 / width, 1 - 4 / height, title, size=13, va="top")
    shown = np.full((DENSITY * height, DENSITY * width, 3), 255, np.uint8)
    for n, (image, caption) in enumerate(zip(images, captions)):
        x, y = n % columns * across, top + n // columns * down
        left = DENSITY * x + (DENSITY * across - size[0]) // 2
        resized = image.resize(size, Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS)
        shown[DENSITY * y :][: size[1], left : left + size[0]] = resized
        text = figure.text((x + across / 2) / width, 1 - (y + size[1] / DENSITY + 3) / height, caption)
        text.set(ha="center", va="top", linespacing=1.1, size=min(11, (across - 4) / max(*lengths, 1)))
    figure.figimage(shown)
    return figure


def _length(text):
    """Approximate width of the longest line of a text, in multiples of the font size."""
    return LETTER * max(map(len, text.split("\n")))
