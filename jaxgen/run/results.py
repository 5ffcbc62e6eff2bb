"""What a finished run shows: summary.json and report.html."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxgen.core.types import Refused
from jaxgen.report import page
from jaxgen.run import provenance, record
from jaxgen.run.train import Outcome, warn
from jaxgen.run.workdir import read_config


def finish(
    workdir: Path,
    title: str,
    text: str,
    seed: int,
    outcome: Outcome,
    metrics: dict[str, tuple[float, str]],
    pictures: Callable[[], Sequence[page.Picture]],
    tables: Sequence[page.Table] = (),
    notes: Mapping[str, str] = {},
) -> page.Chapter:
    """Writes the summary and the report (where its packages are installed), prints both metrics and path.

    metrics: name -> (value, what exactly it measures), the headline first.
    pictures: draws them, once the numbers are written and printed.
    tables, notes: see `report.Chapter`.
    """
    found = read_config(workdir)
    free = ("dataset", "corpus", "preset", "init_from")
    named = {name: found["free"][name] for name in free if found["free"].get(name)}
    summary = record.write_summary(
        workdir / "summary.json",
        technique=found["stages"][-1]["technique"],
        config={**named, **found["flags"], **found["stages"][-1]["config"]},
        seed=seed,
        steps=outcome.steps,
        seconds=outcome.seconds,
        params_sha256=provenance.fingerprint(outcome.state.params),
        metrics={name: {"value": value, "definition": meant} for name, (value, meant) in metrics.items()},
    )
    for name, (value, definition) in metrics.items():
        print(f"{name} {value:.4g}  ({definition})")
    rows = record.read(workdir / "metrics.jsonl")
    said = {name: value for name, value in summary["config"].items() if value is not None}  # None: left to a default
    chapter = page.Chapter(title, text, summary, rows, list(pictures()), said, tables, notes)
    try:
        page.write(workdir / "report.html", title, [chapter])
        print(f"report: {workdir / 'report.html'}")
    except Refused as missing:
        warn(f"no report.html: {missing}")
    return chapter


def measured(values: dict[str, float], definitions: Any, prefix: str = "test_") -> dict[str, tuple[float, str]]:
    """Metrics beside their definitions, named after the split they were measured on."""
    return {f"{prefix}{name}": (value, definitions[name]) for name, value in values.items()}
