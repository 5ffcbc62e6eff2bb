"""The command line of an optimiser study: its flags, and the way from them to tables, figures and report."""

import dataclasses
import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jaxgen.core.config import knob, knobs, nested, values
from jaxgen.core.files import write_whole
from jaxgen.core.progress import Policy
from jaxgen.core.types import Refused
from jaxgen.optim.registry import find
from jaxgen.optim.settings import HYPERPARAMETERS, Settings
from jaxgen.report.page import Chapter
from jaxgen.run import cli, workdir
from jaxgen.run.bar import bar
from jaxgen.run.experiment import Experiment, short
from jaxgen.run.flags import DATA, MACHINE
from jaxgen.run.machine import prepare
from jaxgen.run.parsing import alone, usage
from jaxgen.run.provenance import environment
from jaxgen.run.train import warn
from jaxgen.study import grid, landscapes, records, reporting, side_by_side, store, table
from jaxgen.study.protocol import Protocol, read_execution, run_study
from jaxgen.study.tasks import StudyTask, make_task

STUDY = "study"  # heading of --help


@dataclasses.dataclass(frozen=True)
class Flags:
    """The flags of a study; what else its tasks need are their experiments' presets and defaults."""

    workdir: str = knob(
        "runs/optimizer_study", "the study's directory; the same command again goes on", free=True, group=STUDY
    )
    tasks: str = knob(
        "rosenbrock,beale",
        "NAME or NAME:PRESET of an experiment, a surface, or MODULE:PRESET of your own, with commas",
        group=STUDY,
    )
    optimizers: str = knob("sgd,momentum,nesterov,adagrad,rmsprop,adam", "ours, or optax.NAME", free=True, group=STUDY)
    learning_rates: str = knob("1e-4:1e0:9", "LOW:HIGH:COUNT, logarithms equally spaced, or a list", group=STUDY)
    tuning_seeds: int = knob(3, "seeds that choose the rate", lower=1, upper=10_000, group=STUDY)
    seeds: int = knob(10, "fresh seeds that judge the best rate", lower=1, upper=10_000, free=True, group=STUDY)
    steps: int | None = knob(None, "updates of a run; the preset's by default", lower=1, upper=2**31 - 1, group=STUDY)
    evaluations: int = knob(20, "validations in a run, about", lower=1, upper=10_000, group=STUDY)
    baseline: str = knob(
        "", "the optimiser that the others are compared with; the first by default", free=True, group=STUDY
    )
    target: float = knob(
        0.95,
        "share of the way from untrained to the best that counts as solved",
        above=0.0,
        upper=1.0,
        free=True,
        group=STUDY,
    )
    extend: bool = knob(False, "widen the grid while the best rate is at an end of it", free=True, group=STUDY)
    dataset: str = knob("", "instead of the preset's, in all tasks that read images", group=DATA)
    corpus: str = knob("", "instead of the preset's, in all tasks that read a text", group=DATA)
    data_dir: str = knob("", "where local files live; JAXGEN_DATA by default", free=True, group=DATA)
    resident_mb: int = knob(
        1024, "largest set in MiB: a study holds its data in memory", lower=0, free=True, group=DATA
    )
    batch_size: int | None = knob(None, "instead of the preset's", lower=1, upper=2**31 - 1, group=DATA)
    settings: Settings = nested(Settings())
    policy: Policy = nested(Policy())
    host_devices: int = knob(1, "CPU devices to divide the runs among", lower=1, upper=64, group=MACHINE)
    compilation_cache: str = knob("", "a directory to keep compiled programs in", free=True, group=MACHINE)


# Flags that experiments have under the same name: tasks get them where they stand on the study's command line.
PASSED = (
    "dataset",
    "corpus",
    "data_dir",
    "resident_mb",
    "batch_size",
    "steps",
    *(knob.name for knob in [*knobs(Settings), *knobs(Policy)]),
)


def launch(
    name: str, doc: str, experiments: Mapping[str, Experiment], argv: Sequence[str] | None = None, **defaults: Any
) -> int:
    """Runs a study as the command line says; returns the exit code, see `run.cli.guarded`.

    Args:
        name: of the script's module, for `python -m NAME`.
        doc: the script's docstring; its first paragraph opens --help.
        experiments: those that --tasks can name, by their names there.
        argv: the command line; that of the process by default.
        defaults: of flags, where they differ from `Flags`.
    """
    argv = sys.argv[1:] if argv is None else argv
    if {"--help", "-h"} & set(argv):
        print(usage(name, doc, knobs(Flags), defaults=defaults))
        return 0
    return cli.guarded(short(name), lambda: study(experiments, argv, **defaults))


def study(experiments: Mapping[str, Experiment], argv: Sequence[str], **defaults: Any) -> list[Chapter]:
    """Trains what is missing, reports on all, returns the chapters. Raises Refused; arguments as in `launch`."""
    defaults = {"data_dir": os.environ.get("JAXGEN_DATA", ""), **defaults}
    flags, explicit = alone("optimizer_study", Flags, argv, **defaults)
    rates, optimizers = grid.parse_rates(flags.learning_rates), parse_names(flags.optimizers, "optimizers")
    passed = passed_flags(explicit, optimizers)
    if flags.baseline and flags.baseline not in optimizers:
        raise Refused(f"--baseline={flags.baseline} is none of --optimizers={flags.optimizers}")
    prepare(flags.host_devices, flags.compilation_cache)
    names = parse_names(flags.tasks, "tasks")
    tasks = [make_task(name, experiments, passed, flags.evaluations, optimizers) for name in names]
    protocol = Protocol(tuple(rates), flags.tuning_seeds, flags.seeds, flags.extend)
    runs = len(optimizers) * (len(rates) * flags.tuning_seeds + flags.seeds)
    with workdir.open_workdir(flags.workdir, study_identity(flags, tasks)) as folder:
        for each in tasks:
            mine = lambda row, name=each.problem.name: row["task"] == name and row["optimizer"] in optimizers
            total = sum(row["steps"] for row in store.read_rows(folder) if mine(row))
            with bar(runs * each.problem.steps, each.task.name, start=total, unit="updates") as show:

                def advance(updates, show=show):
                    nonlocal total
                    total += updates
                    show(total, {})

                run_study(folder, each.problem, each.task, optimizers, protocol, advance=advance)
        return conclude(folder, flags, tasks, optimizers)


def parse_names(text: str, flag: str) -> list[str]:
    """The parts of a list with commas, each once. Raises Refused where there is none."""
    names = list(dict.fromkeys(part for part in text.split(",") if part))
    if not names:
        raise Refused(f"--{flag} names nothing")
    return names


def passed_flags(explicit: Mapping[str, Any], optimizers: Sequence[str]) -> list[str]:
    """The study's explicit flags that its tasks get. Raises Refused for hyper-parameters that no optimiser has."""
    taken = {name for optimizer in optimizers for name in find(optimizer).takes}
    if explicit.get("patience"):
        raise Refused("--patience is for single runs: a study trains all of its runs to the end")
    if alien := [name for name in HYPERPARAMETERS if explicit.get(name) is not None and name not in taken]:
        raise Refused(f"--{alien[0]}: none of {', '.join(optimizers)} has it")
    return [f"--{name}={explicit[name]}" for name in PASSED if explicit.get(name) is not None]


def study_identity(flags: Flags, tasks: Sequence[StudyTask]) -> dict[str, Any]:
    """A study's config.json: what has to agree for it to go on; what may change stands under "free".

    The device has to agree: one table does not mix the times of two machines.
    """
    fixed = values(flags)
    free = {each.name: fixed.pop(each.name) for each in knobs(Flags) if each.free}
    described = {"stages": [each.identity for each in tasks], "data": "", "device": environment()["device"]}
    return json.loads(json.dumps({"layout": workdir.LAYOUT, "flags": fixed, **described, "free": free}))


def conclude(folder: Path, flags: Flags, tasks: Sequence[StudyTask], optimizers: Sequence[str]) -> list[Chapter]:
    """Writes tables, summary, figures and report of all finished runs; prints tables and verdict; returns chapters."""
    rows = [row for row in store.read_rows(folder) if row["optimizer"] in optimizers]
    store.write_tables(folder, rows)
    rates = {name: find(name).rate for name in optimizers}
    fresh = range(flags.tuning_seeds, flags.tuning_seeds + flags.seeds)
    judged, baseline = [each.task for each in tasks], flags.baseline or optimizers[0]
    results = records.Study(rows, judged, optimizers, baseline, flags.target, rates, fresh)
    built = records.build_records(results)
    counted, verdict = records.rows_that_count(results), reporting.sentences(results, built)
    for panel in reporting.by_task(results, built):
        print(f"\n{table.as_text(table.task_table(panel, baseline))}")
    print("", *verdict, sep="\n")
    summary = {
        **environment(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "runs": len(counted),
        "updates": sum(row["steps"] for row in counted),
        "seconds": round(sum(row["seconds"] for row in counted), 3),
        "verdict": verdict,
    }
    write_whole(folder / "summary.json", json.dumps(summary, indent=2).encode() + b"\n")
    execution = read_execution(folder)
    modes = {name: side_by_side.MEANING[each["mode"]] for name, each in execution.items()}
    wall = {name: each["seconds"] for name, each in execution.items() if "seconds" in each}
    config = {name: value for name, value in values(flags).items() if value is not None and value != ""}
    background = reporting.Background(modes, wall, summary, config)
    try:
        chapters = reporting.write_report(folder, results, built, background, landscapes.chapters(tasks, built))
        print(f"report: {folder / 'report.html'}")
        return chapters
    except Refused as missing:
        warn(f"no report.html: {missing}")
        return []
