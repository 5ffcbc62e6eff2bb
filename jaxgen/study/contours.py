"""Pictures of optimisers' paths over a surface of the plane: still, and moving.

T    updates
"""

import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from jaxgen.report.canvas import INK, RULE, canvas, styled
from jaxgen.report.plots import COLOURS
from jaxgen.study.surfaces import SURFACES

WIDTH, HEIGHT = 704, 400  # px of the page
DEEP, PALE, LEVELS = "#b9c6da", "#ffffff", 15  # of contours, equally far apart in the logarithm
MARKED = 16  # dots of a path, at least, if it has so many updates
SHARP = 1.5  # pixels of an animation per pixel of the page
FRAMES, TAIL = 80, 20  # moments of an contour_gif, moments that a tail fades over
LONGEST = 4000  # updates of which tails show each; of longer paths they show every second, and so on
MOMENT, END = 80, 1500  # milliseconds that a moment and the last one are shown for
SHADES = 14  # of each path's colour among a GIF's 256, at most; the others are of what stands still


class Style(NamedTuple):
    """The look of a path."""

    marker: str
    colour: str


class Scene(NamedTuple):
    """Contours, and the paths to be drawn over them."""

    figure: Any
    plot: Any
    paths: dict[str, np.ndarray]  # [T + 1, 2], float64
    styles: dict[str, Style]
    steps: int  # of the longest path


def _scene(surface, paths, rates, order) -> Scene:
    paths = {name: np.asarray(path, np.float64) for name, path in paths.items()}
    shapes = [path.shape for path in paths.values()]
    if surface not in SURFACES or not shapes or any(len(s) != 2 or s[0] < 1 or s[1] != 2 for s in shapes):
        raise ValueError(f"expected one of {', '.join(SURFACES)} and paths [T + 1, 2], not {surface!r} and {shapes}")
    kinds = itertools.cycle(itertools.starmap(Style, itertools.product("osD^v", COLOURS)))
    styles = dict(zip(dict.fromkeys([*order, *paths]), kinds))
    figure = canvas(WIDTH, HEIGHT)
    plot = figure.add_subplot(xlabel="x", ylabel="y")
    _contours(plot, surface)
    _legend(figure, paths, rates, styles)
    return Scene(figure, plot, paths, styles, max(map(len, paths.values())) - 1)


def _contours(plot, surface):
    from matplotlib.colors import LinearSegmentedColormap

    value, start, minima, (left, right, low, high) = SURFACES[surface]
    x, y = np.linspace(left, right, 400), np.linspace(low, high, 400)
    heights = value(np.stack(np.meshgrid(x, y)))
    levels = np.geomspace(np.quantile(heights, 0.006), heights.max(), LEVELS)
    tones = LinearSegmentedColormap.from_list("", [DEEP, PALE])(np.linspace(0, 1, LEVELS))
    plot.contourf(x, y, heights, [0.0, *levels], colors=tones)
    plot.contour(x, y, heights, levels[:-1], colors=RULE, linewidths=0.6)
    plot.plot(*start, "o", ms=9, mfc="white", mec=INK, mew=1.5, zorder=4)
    plot.plot(*zip(*minima), "*", ls="", ms=15, mfc="white", mec=INK, mew=1.2, zorder=4)
    plot.set(xlim=(left, right), ylim=(low, high))


def _legend(figure, paths, rates, styles):
    from matplotlib.lines import Line2D

    handles = []
    for name, path in paths.items():
        label = name + (f"  {rates[name]:g}" if name in rates else "")
        label += "" if np.isfinite(path).all() else "\ndiverged"
        handles.append(Line2D([], [], color=styles[name].colour, marker=styles[name].marker, ms=5, label=label))
    for name, marker, size in (("start", "o", 8), ("minimum", "*", 13)):
        handles.append(Line2D([], [], ls="", marker=marker, ms=size, mfc="white", mec=INK, label=name))
    title = "learning rate" if rates else None
    figure.legend(handles=handles, title=title, loc="outside right upper", alignment="left")


def contour_figure(
    surface: str, paths: Mapping[str, Any], rates: Mapping[str, float] = {}, order: Sequence[str] = ()
) -> Any:
    """matplotlib's figure of paths over the contours of a surface, with dots along them and a larger one at the end.

    A path is drawn up to its last finite point; the legend notes where it diverged.

    Args:
        surface: its name in `SURFACES`.
        paths: optimiser -> [T + 1, 2].
        rates: optimiser -> learning rate, for the legend.
        order: optimisers in the order of their colours, so that each has the same one in all pictures; that of
            `paths` by default.

    Raises:
        ValueError: an unknown surface, no paths, or paths of other shapes.
    """
    _, plot, drawn, styles, steps = scene = _scene(surface, paths, rates, order)
    every = next((n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500) if steps < 2.5 * n * MARKED), 1000)
    for name, path in drawn.items():
        marker, colour = styles[name]
        plot.plot(*path.T, color=colour, lw=1.3, alpha=0.9)
        plot.plot(*path[::every].T, marker, color=colour, ms=4)
        plot.plot(*path[-1], marker, color=colour, ms=9, mec="white", mew=1.2, zorder=5)
    plot.set_title(f"{surface.capitalize()}: {steps:,} updates, a dot {f'every {every}' if every > 1 else 'each'}")
    return scene.figure


def contour_gif(
    surface: str, paths: Mapping[str, Any], rates: Mapping[str, float] = {}, order: Sequence[str] = ()
) -> bytes:
    """The GIF file of the paths growing, an update or a few at a time, with fading tails; see `contour_figure`.

    Raises Refused where matplotlib is missing.
    """
    first, *rest = _images(surface, paths, rates, order)
    buffer, times = io.BytesIO(), [MOMENT] * len(rest) + [END]
    first.save(buffer, format="GIF", save_all=True, append_images=rest, duration=times, loop=0)
    return buffer.getvalue()


@styled
def _images(surface, paths, rates, order) -> list[Image.Image]:
    """The animation's images. They share a palette: Pillow would choose one for each, which takes 30 times as long."""
    scene = _scene(surface, paths, rates, order)
    drawn = _drawn(scene, surface.capitalize())
    still = next(drawn)
    palette = _palette(still, [scene.styles[name].colour for name in scene.paths])
    base, images = _nearest(still, palette), []
    for frame in drawn:
        changed, nearest = frame != still, base.copy()
        nearest[changed] = _nearest(frame[changed], palette)  # few of all pixels
        images.append(Image.fromarray(nearest))
        images[-1].putpalette(palette.tobytes())
    return images


def _drawn(scene: Scene, title: str) -> Iterator[np.ndarray]:
    """Images [H, W] uint32, the channels of a pixel in one number: the background, then each moment."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import LineCollection

    figure, plot, paths, styles, steps = scene
    figure.set_dpi(72 * SHARP)
    agg, tails, heads, stride = FigureCanvasAgg(figure), {}, {}, 1 + steps // LONGEST
    heading = plot.set_title(title, animated=True)
    for name in paths:
        marker, colour = styles[name]
        tails[name] = plot.add_collection(LineCollection([], lw=2, animated=True))
        heads[name] = plot.plot([], [], marker, color=colour, ms=8, mec="white", zorder=5, animated=True)[0]
    agg.draw()
    background = agg.copy_from_bbox(figure.bbox)
    yield np.array(agg.buffer_rgba()).view(np.uint32)[..., 0]
    for moment in np.unique(np.linspace(0, steps, FRAMES).round().astype(int)):
        agg.restore_region(background)  # drawing the contours anew would take most of the time
        heading.set_text(f"{title}: update {moment:,} of {steps:,}")
        for name, path in paths.items():
            past = path[: moment + 1 : stride]
            age = np.arange(len(past) - 1)[::-1] * stride * FRAMES / max(1, TAIL * steps)
            shades = [(styles[name].colour, strength) for strength in np.clip(1 - age, 0.25, 1.0)]
            tails[name].set(segments=np.stack([past[:-1], past[1:]], 1), color=shades or "none")
            heads[name].set_data(*path[: moment + 1][-1:].T)
        for artist in (heading, *tails.values(), *heads.values()):
            plot.draw_artist(artist)
        yield np.array(agg.buffer_rgba()).view(np.uint32)[..., 0]


def _channels(colours):
    """Colours [...] uint32 as [..., 3] uint8."""
    return np.ascontiguousarray(colours)[..., None].view(np.uint8)[..., :3]


def _palette(still, colours):
    """The palette [256, 3] uint8: the background's most frequent colours, and shades of each path's.

    Paths cover few pixels: of their shades a choice by frequency alone would keep too few.
    """
    from matplotlib.colors import to_rgb

    shades = min(SHADES, 192 // len(colours))
    faded = [255 * np.linspace(to_rgb(colour), 0.92, shades, endpoint=False) for colour in colours]
    distinct, counts = np.unique(still, return_counts=True)
    frequent = _channels(distinct[np.argsort(-counts)][: 256 - shades * len(colours)])
    return np.concatenate([frequent, *faded]).round().astype(np.uint8)


def _nearest(colours, palette):
    """The index [...] uint8 of the nearest colour in the palette [n, 3] to each of the colours [...]."""
    distinct, inverse = np.unique(colours, return_inverse=True)
    wanted, available = _channels(distinct).astype(np.float32), palette.astype(np.float32)
    distance = (available**2).sum(1) - wanted @ (2 * available.T)  # squared, but for a constant of each colour
    return distance.argmin(1).astype(np.uint8)[inverse].reshape(colours.shape)
