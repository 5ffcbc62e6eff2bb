"""Pictures of what excites a network: all images side by side, and what was measured as they changed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.evaluation import tally
from jaxgen.core.types import Stage, State
from jaxgen.figures.dreams import settings
from jaxgen.figures.latents import grid, vmapped
from jaxgen.report.canvas import drawing
from jaxgen.report.items import Figure, Lines, Still
from jaxgen.report.pictures import moving, still
from jaxgen.report.plots import Panel, lines
from jaxgen.run.experiment import Result, Setting

PRINTED = 12  # numbers in a line


def images_of(stage: Stage, state: State) -> np.ndarray:
    """All images [B, H, W, C] in [0, 1]."""
    count = len(jax.tree.leaves(state.params)[0])
    return np.asarray(vmapped(stage.technique, "image")(state, jax.random.key(0), jnp.arange(count)))


def columns(count: int) -> int:
    """Images in a row of their grid."""
    return max(1, min(count, 8, round((2 * count) ** 0.5)))


def together(images: np.ndarray) -> np.ndarray:
    """Images [B, H, W, C] as one."""
    return grid(images.reshape(len(images), -1), images.shape[1:], columns(len(images)))


def look(setting: Setting, stages: Sequence[Stage]) -> Callable[[int, int, State], Iterator[Still | Lines]]:
    """Keeps the images at each look, and what is measured of each, which it prints."""
    names, targets = setting.data.examples, setting.data.test
    assert targets is not None, "the targets are what is measured"

    def at(stage: int, step: int, state: State) -> Iterator[Still | Lines]:
        images = images_of(stages[stage], state)
        yield Still("step", together(images))
        values = tally(stages[stage].technique.evaluate, state, targets, jax.random.key(0))
        row = {name: round(float(value), 4) for name, value in zip(names, values)}
        shown = ", ".join(f"{name} {value:.3g}" for name, value in list(row.items())[:PRINTED])
        yield Lines("measured", [row], f"after {step:,} updates: {shown}{', ...' * (len(row) > PRINTED)}")

    return at


def of_measured(setting: Setting, result: Result, what: str) -> Iterator[Figure]:
    """What was measured of each image as it changed."""
    rows = {step: each[-1] for step, each in sorted(result.history("measured").items())}
    if len(rows) < 2:
        return
    steps = np.array(list(rows))
    curves = {name: (steps, np.array([row[name] for row in rows.values()])) for name in setting.data.examples}
    colours: Any = "category" if len(curves) <= 10 else "sequence"
    yield drawing(
        "measured", f"Without random views: {what}", lines, [Panel("", "updates", what, curves)], colours=colours
    )


def show(setting: Setting, result: Result) -> Iterator[Figure]:
    """The images, how they came, and what was measured of them."""
    images, names = images_of(result.stage, result.state), setting.data.examples
    listed = ", ".join(names[:64]) + ", ..." * (len(names) > 64)
    yield still("images", f"Row by row: {listed}", together(images), 0, settings(setting))
    (what,) = result.stage.technique.evaluate.definitions
    yield from of_measured(setting, result, what)
    frames = [frame for _, frame in sorted(result.history("step").items())]
    if len({frame.shape for frame in frames}) == 1 < len(frames):
        yield moving("progress", "From noise", frames, 200, max(1, 600 // frames[0].shape[1]))
