"""A study's report.html, its figures and results.csv."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxgen.core.files import write_whole
from jaxgen.report import page
from jaxgen.report.canvas import DENSITY
from jaxgen.report.items import Cell, Picture, Table
from jaxgen.report.page import Chapter, duration
from jaxgen.study import charts, store, table, verdict
from jaxgen.study.records import Record, Study, counted, flat

CAPTIONS = {
    "curves": "Learning curves of the final runs: the median over seeds, the middle half of them shaded. Where the "
    "objective's good end is crowded, the axis is logarithmic in the distance to it.",
    "sensitivity": "Mean over the tuning seeds at each learning rate of the grid, its bootstrap 95 % interval shaded "
    "(all seeds where there are fewer than 3), the best rate a dot. Below, which runs diverged: the fuller the colour, "
    "the more.",
    "expenses": "What an update costs: training time (median of the final runs), and bytes of the optimiser's state.",
    "performance": "Performance profile: the share of problems, each a task with a seed, in which the target is "
    "reached within so many times the fewest updates. Lines are drawn a little above each other, so that equal ones "
    "are seen.",
}


def write(
    folder: str | os.PathLike,
    study: Study,
    found: Sequence[Record],
    title: str = "Optimiser study",
    execution: Mapping[str, str] = {},
    summary: Mapping[str, Any] = {},
    config: Mapping[str, Any] = {},
    more: Callable[[], Sequence[Chapter]] = tuple,
    wall: Mapping[str, float] = {},
) -> Path:
    """Writes results.csv, figures/*.png and report.html, a file that needs no other, into the folder; returns its path.

    Args:
        folder: the study's directory.
        study: what was asked, and the finished runs.
        found: the study's records.
        title: of the page.
        execution: task -> how its runs were trained side by side, in words.
        summary: what core.provenance.environment says, and what else stands in a summary.json.
        config: how the study was run.
        more: draws what comes after the tasks' chapters; called when the numbers are written.
        wall: task -> seconds that its runs took in all, compilation and validations included.

    Raises:
        Refused: matplotlib or jinja2 is missing (results.csv is written then), or a file cannot be.
    """
    folder = Path(folder)
    write_results(folder, study, found)
    panels = by_task(study, found)
    chapters = [overview(folder, study, found, budget(study, execution, wall))]
    chapters += [of_task(folder, study, n, panel) for n, panel in enumerate(panels)]
    chapters += more()
    chapters.append(Chapter("How it was measured", notes=verdict.definitions(study), summary=summary, config=config))
    page.write(folder / "report.html", title, chapters, overview=False)
    return folder / "report.html"


def by_task(study: Study, found: Sequence[Record]) -> list[list[Record]]:
    """The records of each task, in the study's order."""
    return [[record for record in found if record.task == task] for task in study.tasks]


def sentences(study: Study, found: Sequence[Record]) -> list[str]:
    """The verdict: a paragraph for each task, and one on all of them where there are several."""
    panels = by_task(study, found)
    every = verdict.overall(panels) if len(panels) > 1 else ""
    return [verdict.of_task(panel, study) for panel in panels] + ([every] if every else [])


def write_results(folder: Path, study: Study, found: Sequence[Record]) -> None:
    """results.csv: a row for each task and optimiser."""
    rows = [flat(record, study.baseline) for record in found]
    write_whole(folder / "results.csv", store.table(rows, list(rows[0]) if rows else []))


def overview(folder: Path, study: Study, found: Sequence[Record], spent: Table) -> Chapter:
    """The verdict, the budget, and the performance profile over all tasks."""
    panels = by_task(study, found)
    pictures = [picture(folder, "performance", "", lambda path: charts.save_performance(path, panels))]
    return Chapter("Verdict", "\n\n".join(sentences(study, found)), tables=[spent], pictures=pictures)


def of_task(folder: Path, study: Study, index: int, panel: Sequence[Record]) -> Chapter:
    """A task's table and figures."""
    draw: dict[str, Callable[[Path], None]] = {
        "curves": lambda path: charts.save_curves(path, [panel]),
        "sensitivity": lambda path: charts.save_sensitivity(path, [panel]),
        "expenses": lambda path: charts.save_expenses(path, panel),
    }
    pictures = [picture(folder, name, f"_{index + 1}", save) for name, save in draw.items()]
    return Chapter(panel[0].task.name, tables=[table.of_task(panel, study.baseline)], pictures=pictures)


def picture(folder: Path, name: str, which: str, save: Callable[[Path], None]) -> Picture:
    """A figure, drawn."""
    path = folder / "figures" / f"{name}{which}.png"
    save(path)
    return Picture(path, CAPTIONS[name], DENSITY)


def budget(study: Study, execution: Mapping[str, str], wall: Mapping[str, float] = {}) -> Table:
    """What the runs that count took: updates, times, and how they went side by side; `wall` where it is known."""
    rows, every = [], counted(study)
    for task in study.tasks:
        runs = [row for row in every if row["task"] == task.name]
        final = sum(row["phase"] == "final" for row in runs)
        updates, seconds = (sum(row[name] for row in runs) for name in ("steps", "seconds"))
        cells = [
            f"{len(runs) - final:,}",
            f"{final:,}",
            f"{updates:,}",
            duration(seconds),
            *([duration(wall[task.name]) if task.name in wall else "–"] if wall else []),
            execution.get(task.name, "–"),
        ]
        rows.append([Cell(text) for text in (task.name, *cells)])
    times = ["training, runs' shares", *(["time, all included"] if wall else [])]
    return Table("Budget", ["task", "tuning runs", "final runs", "updates", *times, "side by side"], rows)
