"""What a finished run shows: summary.json, pictures below samples/, and report.html."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxgen.core.files import write_whole
from jaxgen.core.types import Measured, Refused, Stage
from jaxgen.report import page
from jaxgen.report.items import Figure, Picture, Table
from jaxgen.run import provenance, record
from jaxgen.run.events import open_events
from jaxgen.run.experiment import Choice, Experiment, Result
from jaxgen.run.export import export
from jaxgen.run.train import warn
from jaxgen.run.watched import FOLDER
from jaxgen.run.workdir import read_config

FREE = ("dataset", "corpus", "preset", "init_from")  # flags that may change on resuming and belong into a summary


def write_results(
    directory: Path,
    experiment: Experiment,
    stages: Sequence[Stage],
    seed: int,
    result: Result,
    items: Iterable[Figure | Table],
    exported: str = "",
) -> page.Chapter:
    """Writes the summary, the figures and the report (where its packages are installed); prints metrics and its path.

    `items` are taken once the numbers are written and printed, and the parameters are in the file `exported`, where it
    is named. A picture that fails is told of, on the page too. Raises Refused where the report cannot be written; all
    else of the run is there then.
    """
    rows = record.read_rows(directory / "metrics.jsonl")
    config = read_config(directory)
    named = {name: config["free"][name] for name in FREE if config["free"].get(name)}
    last, choice = config["stages"][-1], experiment.technique
    if isinstance(choice, Choice):
        values = {module.__name__: value for value, module in choice.modules.items()}
        named |= {choice.flag: values[last["technique"]]} if last["technique"] in values else {}
    summary = record.write_summary(
        directory / "summary.json",
        technique=last["technique"],
        config={**named, **config["flags"], **last["config"]},
        seed=seed,
        steps=result.steps,
        seconds=result.seconds,
        best_step=result.best_step,
        params_sha256=provenance.fingerprint(result.state.params),
        metrics=result.measured,
        stages=of_stages(stages, config, rows) if len(stages) > 1 else [],
    )
    if exported:
        export(exported, result.state.params, last["technique"], last["config"], summary["params_sha256"])
        print(f"parameters: {exported}")
    events = open_events(directory)
    with contextlib.closing(events):
        events.write(result.steps, {name: metric.value for name, metric in result.measured.items()})
        events.settle(summary["config"], {name: metric.value for name, metric in result.measured.items()})
    for name, metric in result.measured.items():
        print(f"{name} {metric.value:.4g}  ({metric.definition})")
    pictures, tables, missing = shown(directory / FOLDER, items)
    notes = {word: meaning for table in tables for word, meaning in table.notes.items()}
    values = {name: value for name, value in summary["config"].items() if value is not None}  # None: left to a default
    chapter = page.Chapter(experiment.title, experiment.text, summary, rows, pictures, values, tables, notes, missing)
    try:
        page.template()
    except Refused as refusal:  # without the package, there is nothing to read it with either
        warn(f"no report.html: {refusal}")
        return chapter
    try:
        page.write(directory / "report.html", experiment.title, [chapter])
    except Exception as error:
        raise Refused(f"no report.html: {_reason(error)}; the results are in {directory}/summary.json") from error
    print(f"report: {directory / 'report.html'}")
    return chapter


def shown(folder: Path, items: Iterable[Figure | Table]) -> tuple[list[Picture], list[Table], list[str]]:
    """Writes the figures into the folder; returns those of the page, the tables, and why figures failed, in sentences.

    Whatever a figure raises, those after it are drawn. Of items that cannot be made, the rest is lost.
    """
    pictures, tables = [], []
    failed: dict[str, list[str]] = {}  # reason -> names
    try:
        for item in items:
            if isinstance(item, Table):
                tables.append(item)
                continue
            path = folder / f"{item.name}{item.suffix}"
            try:
                write_whole(path, item.render())
            except Exception as error:
                failed.setdefault(_reason(error), []).append(item.name)
            else:
                if item.suffix not in (".svg", ".mid"):  # for a paper and for players, not for the page
                    pictures.append(Picture(path, item.caption, item.density))
    except Exception as error:
        failed.setdefault(_reason(error), []).append("what was to follow")
    sentences = [f"not drawn: {', '.join(names)} ({reason})" for reason, names in failed.items()]
    for sentence in sentences:
        warn(sentence)
    return pictures, tables, sentences


def _reason(error: Exception) -> str:
    """What an exception says, in one line."""
    if isinstance(error, Refused):
        return str(error)
    return f"{type(error).__name__}: {error}".splitlines()[0]


def of_stages(
    stages: Sequence[Stage], config: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """For each stage its technique, Config and updates, and its last evaluation on the validation split."""
    described = []
    for number, (stage, own_config) in enumerate(zip(stages, config["stages"])):
        own = [row for row in rows if row["stage"] == number]
        valid: dict[str, float] = next((row["valid"] for row in reversed(own) if row.get("valid")), {})
        definitions = stage.technique.evaluate.definitions
        metrics = {f"valid_{name}": Measured(valid[name], definitions[name]) for name in definitions if name in valid}
        steps = own[-1]["step"] if own else 0
        described.append({**own_config, "steps": steps, "metrics": record.as_json(metrics)})
    return described


def prefixed(metrics: Mapping[str, Measured], split: str) -> dict[str, Measured]:
    """Metrics named after the split they were measured on: test_accuracy. Without a split, as they are."""
    return {f"{split}_{name}" if split else name: metric for name, metric in metrics.items()}
