"""Pictures to files: still, moving, and clouds of points. Everything is written whole or not at all."""

import io
import os
from collections.abc import Sequence

import numpy as np

from jaxgen.core.files import write_whole
from jaxgen.core.types import Refused


def to_bytes(image, scale: int = 1) -> np.ndarray:
    """An image [H, W], [H, W, 1] or [H, W, 3] as uint8 [scale H, scale W] or [scale H, scale W, 3].

    uint8 stays; floats and booleans in [0, 1] are rounded to 255ths, what lies outside is clipped and NaN is
    black, because a run that diverged should still show its pictures. Raises ValueError for other shapes and
    dtypes.
    """
    image = np.asarray(image)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    if not (image.ndim == 2 or (image.ndim == 3 and image.shape[-1] == 3)) or image.size == 0:
        raise ValueError(f"expected an image [H, W], [H, W, 1] or [H, W, 3], found shape {image.shape}")
    if image.dtype != np.uint8:
        if np.issubdtype(image.dtype, np.integer):
            raise ValueError(f"expected uint8, or floats in [0, 1], found {image.dtype}")
        unit = np.clip(np.nan_to_num(image.astype(np.float32), nan=0.0), 0.0, 1.0)
        image = np.rint(255 * unit).astype(np.uint8)
    return image.repeat(scale, 0).repeat(scale, 1)


def save_png(path: str | os.PathLike, image, scale: int = 1) -> None:
    """Writes `to_bytes(image, scale)`; `scale` repeats pixels, so that small images can be seen."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(to_bytes(image, scale)).save(buffer, format="PNG")
    write_whole(path, buffer.getvalue())


def save_gif(path: str | os.PathLike, frames: Sequence, milliseconds: int = 100, scale: int = 1) -> None:
    """Writes frames ([T, H, W], [T, H, W, 1], [T, H, W, 3] or a list of images) as an endless animation.

    `milliseconds` per frame are kept to the nearest 10, the format's unit. Raises ValueError without frames.
    """
    from PIL import Image

    if len(frames) == 0:
        raise ValueError("expected at least one frame, found none")
    first, *rest = [Image.fromarray(to_bytes(frame, scale)) for frame in frames]
    buffer = io.BytesIO()
    first.save(buffer, format="GIF", save_all=True, append_images=rest, duration=milliseconds, loop=0)
    write_whole(path, buffer.getvalue())


def save_scatter(
    path: str | os.PathLike,
    points,
    labels,
    classes: Sequence[str],
    title: str = "",
    axes: tuple[str, str] = ("", ""),
) -> None:
    """Points [N, 2] coloured by `labels` [N] (indices into `classes`), each class named at its mean.

    Names stand in the picture: nobody can tell 47 colours apart in a legend. Points that are not finite are
    left out. Raises ValueError for other shapes or labels, Refused where matplotlib is not installed.
    """
    points, labels = np.asarray(points, np.float64), np.asarray(labels)
    if points.ndim != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1]:
        raise ValueError(f"expected points [N, 2] and labels [N], found {points.shape} and {labels.shape}")
    if labels.size and not 0 <= labels.min() <= labels.max() < len(classes):
        raise ValueError(f"expected labels from 0 to {len(classes) - 1}, found {labels.min()} to {labels.max()}")
    finite = np.isfinite(points).all(1)
    figure = _scatter(points[finite], labels[finite], classes, title, axes)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160)
    write_whole(path, buffer.getvalue())


def _scatter(points, labels, classes, title, axes):
    """The figure of `save_scatter`, 5.5 inches wide so that its letters suit half a page of a report."""
    try:
        from matplotlib import colormaps, patheffects
        from matplotlib.figure import Figure  # pyplot would keep every figure in a global list
    except ImportError:
        raise Refused('a scatter plot needs matplotlib: pip install "jaxgen[report]"') from None
    palette = colormaps["tab10"] if len(classes) <= 10 else colormaps["turbo"].resampled(len(classes))
    figure = Figure(figsize=(5.5, 5.35), layout="constrained")
    plot = figure.add_subplot()
    # One call in the order given: class by class, the last class would cover all others.
    area = max(1.0, min(14.0, 1.2e4 / max(len(labels), 1)))
    plot.scatter(points[:, 0], points[:, 1], c=palette(labels), s=area, alpha=0.6, lw=0)
    halo = [patheffects.withStroke(linewidth=3, foreground="white")]
    for index in np.unique(labels):
        x, y = points[labels == index].mean(0)
        colour = [0.6 * channel for channel in palette(int(index))[:3]]  # darker than the cloud it names
        text = plot.text(x, y, classes[index], color=colour, size=13, weight="bold", parse_math=False)
        text.set(ha="center", va="center", path_effects=halo)
    plot.set_title(title, loc="left", parse_math=False)
    plot.set_xlabel(axes[0], parse_math=False)
    plot.set_ylabel(axes[1], parse_math=False)
    plot.spines[["top", "right"]].set_visible(False)
    return figure
