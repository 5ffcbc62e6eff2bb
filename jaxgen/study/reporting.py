"""A study's report.html, its figures, results.csv and results.tex."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.core.files import write_whole
from jaxgen.report import page
from jaxgen.report.items import Cell, Figure, Table
from jaxgen.report.page import Chapter, duration
from jaxgen.run.results import shown
from jaxgen.study import charts, latex, store, table, verdict
from jaxgen.study.records import Record, Study, as_csv_row, rows_that_count


class Background(NamedTuple):
    """How a study was run, for its report."""

    execution: Mapping[str, str] = {}  # task -> how its runs were trained side by side, in words
    wall: Mapping[str, float] = {}  # task -> seconds of its runs, compilation and validations included
    summary: Mapping[str, Any] = {}  # contents of summary.json
    config: Mapping[str, Any] = {}  # flag -> value


UNKNOWN = Background()


def write_report(
    folder: str | os.PathLike,
    study: Study,
    records: Sequence[Record],
    background: Background = UNKNOWN,
    more: Iterable[tuple[str, Iterable[Figure]]] = (),
    title: str = "Optimiser study",
) -> list[Chapter]:
    """Writes results.csv, results.tex, figures/ and report.html, which needs no other file; returns its chapters.

    Args:
        folder: the study's directory.
        study: the finished runs, and what to compare.
        records: those of the study.
        background: how it was run.
        more: titles and figures of further chapters; figures are taken once results.csv is written.
        title: of the page.

    Raises:
        Refused: jinja2 is missing, after both results were written, or a file cannot be written.
    """
    folder = Path(folder)
    write_results(folder, study, records)
    panels = by_task(study, records)
    spent, overview = budget(study, background), "\n\n".join(sentences(study, records))
    chapters = [illustrated(folder, Chapter("Verdict", overview, tables=[spent]), charts.profile_figures(panels))]
    for n, panel in enumerate(panels, 1):
        results = Chapter(panel[0].task.name, tables=[table.task_table(panel, study.baseline)])
        chapters.append(illustrated(folder, results, charts.task_figures(panel, n)))
    chapters += [illustrated(folder, Chapter(name), figures) for name, figures in more]
    notes = verdict.column_notes(study)
    how = Chapter("How it was measured", notes=notes, summary=background.summary, config=background.config)
    page.write(folder / "report.html", title, [*chapters, how], overview=False)
    return [*chapters, how]


def illustrated(folder: Path, chapter: Chapter, figures: Iterable[Figure]) -> Chapter:
    """The chapter with the figures, written below `folder`, and a sentence for what could not be drawn."""
    pictures, _, missing = shown(folder / "figures", figures)
    return chapter._replace(pictures=pictures, missing=missing)


def by_task(study: Study, records: Sequence[Record]) -> list[list[Record]]:
    """The records of each task, in the study's order."""
    return [[record for record in records if record.task == task] for task in study.tasks]


def sentences(study: Study, records: Sequence[Record]) -> list[str]:
    """The verdict: a paragraph for each task, and one on all of them where there are several."""
    panels = by_task(study, records)
    every = verdict.overall_paragraph(panels) if len(panels) > 1 else ""
    return [verdict.task_paragraph(panel, study) for panel in panels] + ([every] if every else [])


def write_results(folder: Path, study: Study, records: Sequence[Record]) -> None:
    """Writes results.csv, a row for each task and optimiser, and results.tex, a table for each task."""
    panels = by_task(study, records)
    tables = [latex.as_latex(table.task_table(panel, study.baseline)) for panel in panels if panel]
    write_whole(folder / "results.tex", "\n".join(tables).encode())
    rows = [as_csv_row(record, study.baseline) for record in records]
    write_whole(folder / "results.csv", store.as_csv(rows, list(rows[0]) if rows else []))


def budget(study: Study, background: Background = UNKNOWN) -> Table:
    """The updates and times of the runs that count, and how they ran side by side."""
    rows, every, wall = [], rows_that_count(study), background.wall
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
            background.execution.get(task.name, "–"),
        ]
        rows.append([Cell(text) for text in (task.name, *cells)])
    times = ["training, runs' shares", *(["time, all included"] if wall else [])]
    return Table("Budget", ["task", "tuning runs", "final runs", "updates", *times, "side by side"], rows)
