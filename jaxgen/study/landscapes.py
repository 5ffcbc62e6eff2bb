"""Pictures of optimisers on analytic surfaces, for the report of a study that has some among its tasks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxgen.report.items import Picture
from jaxgen.report.page import Chapter
from jaxgen.study import surfaces
from jaxgen.study.contours import animate, draw
from jaxgen.study.records import Record
from jaxgen.study.tasks import Made
from jaxgen.study.trajectories import shown, trajectories

MOST = 1000  # updates that a picture shows


def chapters(folder: Path, tasks: Sequence[Made], found: Sequence[Record]) -> list[Chapter]:
    """For each surface: every optimiser at its best rate, still and moving, and what a lecture shows on it."""
    return [_chapter(folder, n, each, found) for n, each in enumerate(tasks, 1) if each.module is surface]


def _chapter(folder: Path, which: int, made: Made, found: Sequence[Record]) -> Chapter:
    name = made.config.surface
    rates = {r.optimizer: r.chosen.rate for r in found if r.task == made.task and r.chosen is not None}
    steps = min(made.problem.steps, MOST)
    paths = trajectories(name, rates, steps, made.problem.factory)
    best = f"Each optimiser at its best learning rate of the grid, from the surface's own start: {steps} updates."
    pictures: list[tuple[str, Mapping[str, float], Any]] = [(best, rates, paths)]
    lecture = [each for each in shown() if each.surface == name]
    pictures += [(each.caption, each.rates, trajectories(name, each.rates, each.steps)) for each in lecture]
    order = [r.optimizer for r in found if r.task == made.task]  # of the colours, as in all figures
    drawn = []
    for number, (caption, at, way) in enumerate(pictures):
        still, moving = (folder / "figures" / f"{name}_{which}_{number}.{kind}" for kind in ("png", "gif"))
        draw(still, name, way, at, order)
        animate(moving, name, way, at, order)
        drawn += [Picture(still, caption), Picture(moving, "The same, moving.")]
    return Chapter(f"{name.capitalize()}: the ways", pictures=drawn)
