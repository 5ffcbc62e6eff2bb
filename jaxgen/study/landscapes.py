"""Pictures of optimisers on analytic surfaces, for the report of a study that has some among its tasks."""

import functools
from collections.abc import Iterator, Mapping, Sequence

from jaxgen.report.canvas import drawing
from jaxgen.report.items import Figure
from jaxgen.study import surfaces
from jaxgen.study.contours import contour_figure, contour_gif
from jaxgen.study.records import Record
from jaxgen.study.tasks import StudyTask
from jaxgen.study.trajectories import lessons, paths_over

MOST = 1000  # updates that a picture shows


def chapters(tasks: Sequence[StudyTask], records: Sequence[Record]) -> list[tuple[str, Iterator[Figure]]]:
    """A title and figures for each task on a surface: all optimisers at their best rates, then a lecture's examples."""
    on_surfaces = [(n, task) for n, task in enumerate(tasks, 1) if task.module is surfaces]
    return [(f"{task.config.surface.capitalize()}: the ways", figures(n, task, records)) for n, task in on_surfaces]


def figures(number: int, task: StudyTask, records: Sequence[Record]) -> Iterator[Figure]:
    """A still and a moving figure of each comparison on the surface; `number`, the task's, stands in their names."""
    surface, mine = task.config.surface, [record for record in records if record.task == task.task]
    rates = {record.optimizer: record.chosen.rate for record in mine if record.chosen is not None}
    order = [record.optimizer for record in mine]  # of the colours, as in all figures
    steps = min(task.problem.steps, MOST)
    caption = f"Each optimiser at its best learning rate of the grid, from the surface's own start: {steps} updates."
    yield from _both(f"{surface}_{number}_0", caption, surface, rates, order, steps, task.problem.factory)
    for n, lesson in enumerate([each for each in lessons() if each.surface == surface], 1):
        yield from _both(f"{surface}_{number}_{n}", lesson.caption, surface, lesson.rates, order, lesson.steps)


def _both(
    name: str, caption: str, surface: str, rates: Mapping[str, float], order: Sequence[str], steps: int, *factory
) -> Iterator[Figure]:
    paths = paths_over(surface, rates, steps, *factory)
    yield drawing(name, caption, contour_figure, surface, paths, rates, order)
    moving = functools.partial(contour_gif, surface, paths, rates, order)
    yield Figure(name, "The same, moving.", moving, ".gif")
