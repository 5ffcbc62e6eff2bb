"""What a study ends with: tables, summary, figures and report of all its finished runs."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jaxgen.core.config import values
from jaxgen.core.files import write_whole
from jaxgen.core.types import Refused
from jaxgen.optim.registry import find
from jaxgen.report.page import Chapter
from jaxgen.run.provenance import environment
from jaxgen.run.train import warn
from jaxgen.study import grid, landscapes, records, reporting, side_by_side, store, table
from jaxgen.study.beside import Beside
from jaxgen.study.execution import read_execution
from jaxgen.study.tasks import StudyTask
from jaxgen.study.variants import Variant


def conclude(
    folder: Path, flags: Any, tasks: Sequence[StudyTask], variants: Sequence[Variant], other: Beside
) -> list[Chapter]:
    """Writes tables, summary, figures and report of all finished runs; prints tables and verdict.

    Returns the report's chapters, none where it could not be drawn.
    """
    labels = [each.label for each in variants]
    rows = [row for row in store.read_rows(folder) if row["optimizer"] in labels]
    store.write_tables(folder, rows)
    optimizers, rows = [*labels, *other.labels], [*rows, *other.rows]
    rates = {each.label: find(each.optimizer).rate for each in variants}
    fresh = range(flags.tuning_seeds, flags.tuning_seeds + flags.seeds)
    judged, baseline = [each.task for each in tasks], flags.baseline or labels[0]
    targets = grid.parse_targets(flags.target, [each.name for each in judged])
    results = records.Study(rows, judged, optimizers, baseline, flags.target_share, rates, fresh, targets)
    built = records.build_records(results)
    counted = [row for row in records.rows_that_count(results) if row["optimizer"] in labels]
    verdict = reporting.sentences(results, built)
    for panel in reporting.by_task(results, built):
        print(f"\n{table.as_text(table.task_table(panel, baseline))}")
    print("", *verdict, sep="\n")
    execution = read_execution(folder)
    summary = {
        **environment(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "modes": {name: each["mode"] for name, each in execution.items()},
        "runs": len(counted),
        "updates": sum(row["steps"] for row in counted),
        "seconds": round(sum(row["seconds"] for row in counted), 3),
        "verdict": verdict,
    }
    write_whole(folder / "summary.json", json.dumps(summary, indent=2).encode() + b"\n")
    modes = {name: side_by_side.MEANING[each["mode"]] for name, each in execution.items()}
    wall = {name: each["seconds"] for name, each in execution.items() if "seconds" in each}
    config = {name: value for name, value in values(flags).items() if value is not None and value != ""}
    background = reporting.Background(modes, wall, summary, config)
    own = [record for record in built if record.optimizer in labels]
    pictures = landscapes.chapters([] if flags.vary else tasks, own)
    try:
        chapters = reporting.write_report(folder, results, built, background, pictures)
    except Refused as missing:
        warn(f"no report.html: {missing}")
        return []
    print(f"report: {folder / 'report.html'}")
    return chapters
