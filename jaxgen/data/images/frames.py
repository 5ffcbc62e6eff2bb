"""The frames of an animation: of a GIF, or of any other format of Pillow's that has them."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.images import pixels

MOST = 2**27  # pixels of all frames together
MILLISECONDS = 100  # of a frame that does not say


class Animation(NamedTuple):
    """Frames of one size."""

    frames: list[np.ndarray]  # [H, W, 3] uint8
    milliseconds: int  # of a frame, the mean


def animation(path: Path) -> Animation:
    """All frames of a file; of a still image one. Raises Refused where it cannot be read."""
    with warnings.catch_warnings():
        from PIL import Image, ImageSequence

        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with pixels.naming(str(path)), path.open("rb") as file, pixels.opened(file) as image:
            frames, durations = list[np.ndarray](), list[float]()
            for frame in ImageSequence.Iterator(image):
                if (len(frames) + 1) * frame.width * frame.height > MOST:
                    raise Refused(f"has more than {len(frames):,} frames of {frame.width} x {frame.height}: too many")
                frames.append(pixels.to_array(frame.copy(), 0, 3))
                durations.append(frame.info.get("duration") or MILLISECONDS)
    return Animation(frames, round(sum(durations) / len(durations)))
