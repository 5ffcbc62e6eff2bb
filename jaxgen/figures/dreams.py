"""Pictures of images that are optimised: before, after, and how they changed."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxgen.core.types import Stage, State
from jaxgen.report.items import Figure, Still
from jaxgen.report.pictures import moving, still, to_bytes
from jaxgen.run.experiment import Result, Setting

PLACES = ("workdir", "data_dir", "compilation_cache", "export")  # which shape nothing
WIDEST = 640  # pixels of a frame of the animation
FRAMES = 60


def picture(stage: Stage, state: State) -> np.ndarray:
    """The image [H, W, C] of a State, in [0, 1]."""
    return np.asarray(jax.jit(stage.technique.infer["image"])(state, jax.random.key(0), ()))


def look(setting: Setting, stages: Sequence[Stage]) -> Callable[[int, int, State], Iterator[Still]]:
    """Keeps the image at each look."""
    del setting

    def at(stage: int, step: int, state: State) -> Iterator[Still]:
        yield Still("step", picture(stages[stage], state))

    return at


def settings(setting: Setting) -> dict[str, str]:
    """What is written into a picture's file: how it was made, as JSON."""
    shown: Mapping[str, Any] = {**vars(setting.flags), **vars(setting.config)}
    kinds = str | int | float | bool | tuple
    plain = {name: value for name, value in shown.items() if isinstance(value, kinds) and name not in PLACES}
    return {"Software": "jaxgen", "jaxgen": json.dumps(plain)}


def progress(result: Result, caption: str, before: Sequence[np.ndarray], after: np.ndarray) -> Iterator[Figure]:
    """The animation of what was kept at each look, all in one size, at most WIDEST; none where there is only one.

    Args:
        result: of the run.
        caption: of the figure.
        before: frames [H, W, C] uint8 that come first.
        after: the last frame, in [0, 1].
    """
    from PIL import Image

    frames = [frame for _, frame in sorted(result.history("step", FRAMES).items())]
    if len(frames) < 2:
        return
    shrink = min(1.0, WIDEST / after.shape[1])
    size = (round(after.shape[1] * shrink), round(after.shape[0] * shrink))
    every = [*before, *frames, to_bytes(after)]
    resized = [np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR)) for frame in every]
    yield moving("progress", caption, resized, 200)


def show(setting: Setting, result: Result) -> Iterator[Figure]:
    """The image before and after, and as it changed."""
    before, after = setting.data.examples.image, picture(result.stage, result.state)
    yield still("dream", f"After, by {setting.data.examples.fixed.origin}", after, 1, settings(setting))
    yield still("before", "Before", before, 1)
    caption = "From octave to octave, each enlarged to the last one's size"
    yield from progress(result, caption, [to_bytes(before)], after)
