"""Pictures of what in an image speaks for a class or a channel: maps laid over the image, and activations.

H, W    of the image
h, w    of a map, whose values are those of equal cells of the image
F       channels of a layer
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgen.ops.colours import LUMINANCE
from jaxgen.ops.imaging import tile
from jaxgen.report.canvas import styled
from jaxgen.report.items import Figure
from jaxgen.report.pictures import png
from jaxgen.techniques.imagery.attribution import Attribution

CHANNELS, ACROSS = 64, 8  # of a layer that are shown, and how many beside each other
WIDEST = 118  # pixels of a channel's tile
SMALL = 448  # pixels: the width that small images are enlarged to, about, by whole factors
PERCENTILE = 99  # of integrated gradients' magnitudes: what is drawn as the largest
HEAT, BOTH = "inferno", "RdBu_r"  # colour maps: from nothing to most, and from least through nothing to most


class Attributions(NamedTuple):
    """What is known of one image."""

    image: np.ndarray  # [H, W, 3] uint8
    title: str  # what it shows
    target: str  # what the score is, in words: "the logit of class 7"
    layer: str  # where Grad-CAM looked; "" where the network has no positions
    maps: Attribution
    baseline: str  # in words
    side: int  # of occlusion's squares in pixels; the next one begins half a side further
    activations: Mapping[str, np.ndarray]  # layer -> [h, w, F]

    @property
    def completeness(self) -> tuple[float, float, float]:
        """Sum of integrated gradients, difference of the scores, their distance as a share of it; NaN where it is 0."""
        total = float(np.sum(self.maps.parts, dtype=np.float64))
        difference = float(self.maps.scores[0] - self.maps.scores[1])
        return total, difference, abs(total - difference) / abs(difference) if difference else math.nan


def enlarged(heat: np.ndarray, height: int, width: int) -> np.ndarray:
    """A map [h, w] as [H, W], by bilinear interpolation between the middles of its cells."""
    from PIL import Image

    cells = Image.fromarray(np.asarray(heat, np.float32))
    return np.asarray(cells.resize((width, height), Image.Resampling.BILINEAR))


@styled
def coloured(values: np.ndarray, name: str) -> np.ndarray:
    """Values [H, W] in [0, 1] in a colour map of matplotlib's: [H, W, 3]. Raises Refused where it is not installed."""
    from matplotlib import colormaps

    return np.asarray(colormaps[name](values), np.float32)[..., :3]


def laid_over(image: np.ndarray, values: np.ndarray, name: str, strength: np.ndarray) -> np.ndarray:
    """Colours of values [H, W] over a grey, paler image [H, W, 3], as much of them as `strength` [H, W], in [0, 1]."""
    grey = 0.15 + 0.7 * np.repeat((image.astype(np.float32) / 255 @ np.array(LUMINANCE, np.float32))[..., None], 3, 2)
    share = 0.8 * np.clip(strength, 0, 1)[..., None]
    return (1 - share) * grey + share * coloured(values, name)


def warm(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A map [h, w] in [0, 1] laid over an image [H, W, 3]."""
    values = enlarged(heat, *image.shape[:2])
    return laid_over(image, values, HEAT, values**0.5)


def for_and_against(image: np.ndarray, falls: np.ndarray) -> np.ndarray:
    """A map [rows, columns] of either sign laid over an image: red where it is positive, blue where it is negative.

    Each cell has the mean of the squares that cover it, which are two cells wide.
    """
    padded = np.pad(falls, ((1, 0), (1, 0)), mode="edge")
    cells = (padded[1:, 1:] + padded[:-1, 1:] + padded[1:, :-1] + padded[:-1, :-1]) / 4
    values = enlarged(cells / largest(cells), *image.shape[:2])
    strong = np.sign(values) * (0.6 + 0.4 * np.abs(values))  # white, between them, would look like a fog
    return laid_over(image, 0.5 + 0.5 * strong, BOTH, np.abs(values) ** 0.8)


def largest(values: np.ndarray) -> float:
    """The largest magnitude, or the smallest number to divide by where all are 0."""
    return max(float(np.abs(values).max()), float(np.finfo(np.float32).tiny))


def magnitudes(parts: np.ndarray) -> np.ndarray:
    """Integrated gradients [H, W, C] as magnitudes [H, W] in [0, 1]: of the sum over colours, the largest cut off."""
    sums = np.abs(parts.sum(-1))
    return np.clip(sums / (np.percentile(sums, PERCENTILE) or largest(sums)), 0, 1)


def tiles(activation: np.ndarray) -> np.ndarray:
    """The first channels of an activation [h, w, F] as one image, each from its least value to its greatest.

    Channels that have one value everywhere are black.
    """
    from PIL import Image

    channels = np.moveaxis(activation[..., :CHANNELS], -1, 0).astype(np.float32)
    low, high = (f(channels, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
    unit = (channels - low) / np.where(high > low, high - low, 1.0)
    height, width = unit.shape[1:]
    if width > WIDEST:
        size = WIDEST, max(1, round(height * WIDEST / width))
        unit = np.stack([np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BOX)) for one in unit])
    scale = max(1, WIDEST // unit.shape[2])
    return np.asarray(tile(unit.repeat(scale, 1).repeat(scale, 2)[..., None], ACROSS, 2))


def drawn(name: str, caption: str, draw: Callable[..., np.ndarray], *args: Any) -> Figure:
    """The Figure of the image `draw(*args)`, which is made only when it is rendered."""
    return Figure(name, caption, lambda: png(draw(*args)))


def show(one: Attributions) -> Iterator[Figure]:
    """The image, what in it speaks for the target in three ways, and the channels of its layers."""
    heat, parts, _, falls = map(np.asarray, one.maps)
    scale = max(1, round(SMALL / one.image.shape[1]))
    wide = lambda x: x.repeat(scale, 0).repeat(scale, 1)
    image, added = wide(one.image), wide(magnitudes(parts))
    yield drawn("image", one.title, wide, one.image)
    if one.layer:
        cells = f"{heat.shape[0]} x {heat.shape[1]}"
        some = f"Grad-CAM of {one.target}: where the features of {one.layer}, {cells}, speak for it"
        none = f"Grad-CAM of {one.target}: nothing in {one.layer} speaks for it, and the map is all zeros"
        yield drawn("grad_cam", some if heat.any() else none, warm, image, heat)
    cut = f"the largest {100 - PERCENTILE} % are as bright as the next" if added.any() else "all are zero"
    text = f"Integrated gradients of {one.target}, from {one.baseline} to the image: magnitudes of pixels; {cut}"
    yield drawn("integrated_gradients", text, laid_over, image, added, HEAT, added**0.5)
    how = f"where squares of {one.side} x {one.side} pixels are covered with {one.baseline}"
    effect = f"falls (red, by at most {max(falls.max(), 0):.3g}) or rises (blue, {max(-falls.min(), 0):.3g})"
    change = effect if falls.any() else "stays as it is"
    yield drawn("occlusion", f"Occlusion: {one.target} {change} {how}", for_and_against, image, falls)
    for name, activation in one.activations.items():
        height, width, count = activation.shape
        part = f"The first {CHANNELS} of {count}" if count > CHANNELS else f"The {count}"
        text = f"{part} channels of {name}, {height} x {width}, each from its least value (black) to its greatest"
        yield drawn(f"activations_{name}", text, tiles, activation)
