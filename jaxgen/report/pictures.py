"""Images as PNG files and as figures of a report, and their sequences as GIF animations."""

import io
import os
from collections.abc import Mapping, Sequence

import numpy as np

from jaxgen.core.files import write_whole
from jaxgen.report.items import Figure


def to_bytes(image, scale: int = 1) -> np.ndarray:
    """An image [H, W], [H, W, 1] or [H, W, 3] as uint8 [scale H, scale W] or [scale H, scale W, 3].

    uint8 is kept. Floats and booleans in [0, 1] are rounded to 255ths; values outside are clipped and NaN is black, so
    that a run that diverged has pictures as well.

    Raises:
        ValueError: image has another shape or dtype.
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


def png(image, scale: int = 1, text: Mapping[str, str] | None = None) -> bytes:
    """The PNG file of an image, as in `to_bytes`; `scale` enlarges small images by repeating pixels.

    `text` is kept in the file, by names: how it was made, say.
    """
    from PIL import Image, PngImagePlugin

    buffer, info = io.BytesIO(), PngImagePlugin.PngInfo()
    for name, value in (text or {}).items():
        info.add_itxt(name, value)
    Image.fromarray(to_bytes(image, scale)).save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()


def gif(frames: Sequence, milliseconds: int = 100, scale: int = 1) -> bytes:
    """The GIF file of frames ([T, H, W], [T, H, W, 1], [T, H, W, 3] or a list of images), an endless animation.

    The duration of a frame, `milliseconds`, is rounded to the nearest 10, the format's unit. Raises ValueError where
    there are no frames.
    """
    from PIL import Image

    if len(frames) == 0:
        raise ValueError("expected at least one frame, found none")
    first, *rest = [Image.fromarray(to_bytes(frame, scale)) for frame in frames]
    buffer = io.BytesIO()
    first.save(buffer, format="GIF", save_all=True, append_images=rest, duration=milliseconds, loop=0)
    return buffer.getvalue()


def save_png(path: str | os.PathLike, image, scale: int = 1) -> None:
    """Writes `png(image, scale)` to `path`, whole or not at all."""
    write_whole(path, png(image, scale))


def save_gif(path: str | os.PathLike, frames: Sequence, milliseconds: int = 100, scale: int = 1) -> None:
    """Writes `gif(frames, milliseconds, scale)` to `path`, whole or not at all."""
    write_whole(path, gif(frames, milliseconds, scale))


def still(name: str, caption: str, image, scale: int = 0, text: Mapping[str, str] | None = None) -> Figure:
    """The Figure of an image; by default small ones are enlarged to a width of about 900 pixels. `text`: see `png`."""
    return Figure(name, caption, lambda: png(image, scale or max(1, 900 // np.shape(image)[1]), text))


def moving(name: str, caption: str, frames: Sequence, milliseconds: int = 100, scale: int = 1) -> Figure:
    """The Figure of an animation, see `gif`."""
    return Figure(name, caption, lambda: gif(frames, milliseconds, scale), ".gif")
