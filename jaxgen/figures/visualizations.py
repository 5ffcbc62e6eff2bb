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
from jaxgen.figures.strongest import excitations, strongest
from jaxgen.ops.imaging import to_unit
from jaxgen.report.canvas import drawing
from jaxgen.report.items import Cell, Figure, Lines, Still, Table
from jaxgen.report.pictures import moving, still
from jaxgen.report.plots import Panel, lines
from jaxgen.run.experiment import Result, Setting
from jaxgen.techniques.imagery.agreement import by_judge

PRINTED = 12  # numbers in a line
BESIDE = 4  # real images beside each


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
    names, targets = setting.data.examples.names, setting.data.test
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
    curves = {name: (steps, np.array([row[name] for row in rows.values()])) for name in setting.data.examples.names}
    colours: Any = "category" if len(curves) <= 10 else "sequence"
    yield drawing(
        "measured", f"Without random views: {what}", lines, [Panel("", "updates", what, curves)], colours=colours
    )


def of_judge(setting: Setting, result: Result) -> Iterator[Table]:
    """What another classifier takes each image for, where there is one."""
    targets, test = setting.data.examples, setting.data.test
    if targets.judge is None or test is None:
        return
    fold = by_judge(result.stage.technique, targets.judge.network, len(targets.names))
    judged = tally(fold, result.state, test, jax.random.key(0))
    rows = [[Cell(name), Cell(f"{a:.4f}"), Cell(f"{b:.4f}")] for name, a, b in zip(targets.names, result.tally, judged)]
    caption = f"Probability of its class, of each image. The judge, which never saw one before: {targets.judge.origin}"
    yield Table(caption, ("class", "by the network", "by the judge"), rows)


def of_examples(setting: Setting, images: np.ndarray) -> Iterator[Figure]:
    """Each image, and beside it what excites its target most in the images of --examples."""
    targets = setting.data.examples
    if targets.examples is None:
        return
    network, variables = targets.fixed.network, targets.fixed.variables
    values, positions = excitations(network, variables, targets.layer, targets.numbers, targets.examples)
    parts = strongest(values, positions, targets.examples, images.shape[1], min(BESIDE, len(values)))
    both = np.concatenate([images[:, None], to_unit(jnp.asarray(parts))], axis=1)  # [T, 1 + BESIDE, H, W, C]
    abreast = max(1, round((len(images) / 8) ** 0.5))
    rows = grid(both.reshape(-1, both[0, 0].size), images.shape[1:], abreast * both.shape[1])
    caption = f"Each image, then the {parts.shape[1]} of {len(values):,} images of {targets.examples.name} that excite "
    yield still("examples", caption + "its target most, each cut out about the position that does", rows)


def show(setting: Setting, result: Result) -> Iterator[Figure | Table]:
    """The images, how they came, what was measured of them, and real images beside them."""
    images, names = images_of(result.stage, result.state), setting.data.examples.names
    listed = ", ".join(names[:64]) + ", ..." * (len(names) > 64)
    yield still("images", f"Row by row: {listed}", together(images), 0, settings(setting))
    yield from of_judge(setting, result)
    yield from of_examples(setting, images)
    (what,) = result.stage.technique.evaluate.definitions
    yield from of_measured(setting, result, what)
    frames = [frame for _, frame in sorted(result.history("step").items())]
    if len({frame.shape for frame in frames}) == 1 < len(frames):
        yield moving("progress", "From noise", frames, 200, max(1, 600 // frames[0].shape[1]))
