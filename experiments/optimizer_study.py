"""Optimiser study: which optimiser, at which learning rate, how sure are you, at what cost.

python -m experiments.optimizer_study                             six optimisers on a classifier of 8x8 digits
python -m experiments.optimizer_study --tasks=classifier,vae --learning_rates=1e-4:1e0:13 --seeds=10 --steps=2000
python -m experiments.optimizer_study --tasks=rosenbrock,beale,quadratic,saddle
python -m experiments.optimizer_study --tasks=vae:mlp --optimizers=adam,lion,optax.muon --extend

Each optimiser's learning rate is tuned on the validation split with --tuning_seeds seeds, then --seeds others judge the
best rate on the test split. All runs of an optimiser are one compiled program. A run that diverges counts as its
untrained network. A study that was stopped goes on where it was; more --seeds and --optimizers add to it.
"""

import dataclasses
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jaxgen.core.config import knob, knobs, nested, values
from jaxgen.core.files import write_whole
from jaxgen.core.progress import Policy
from jaxgen.core.types import Refused
from jaxgen.optim.registry import find
from jaxgen.optim.settings import HYPERPARAMETERS, Settings
from jaxgen.run import cli, flags, workdir
from jaxgen.run.bar import bar
from jaxgen.run.machine import prepare
from jaxgen.run.provenance import environment
from jaxgen.run.train import warn
from jaxgen.study import grid, landscapes, records, reporting, side_by_side, store, table
from jaxgen.study.protocol import Protocol, conduct, execution
from jaxgen.study.tasks import Made, made

STUDY, DATA = "study", "data"


@dataclasses.dataclass(frozen=True)
class Flags:
    """What a study is told; how its tasks are trained besides are their experiments' presets and defaults."""

    workdir: str = knob(
        "runs/optimizer_study", "the study's directory; the same command again goes on", free=True, group=STUDY
    )
    tasks: str = knob("classifier:digits", "TECHNIQUE or TECHNIQUE:PRESET or a surface, with commas", group=STUDY)
    optimizers: str = knob("sgd,momentum,nesterov,adagrad,rmsprop,adam", "ours, or optax.NAME", free=True, group=STUDY)
    learning_rates: str = knob("1e-4:1e0:9", "LOW:HIGH:COUNT, logarithms equally spaced, or a list", group=STUDY)
    tuning_seeds: int = knob(3, "seeds that choose the rate", lower=1, upper=10_000, group=STUDY)
    seeds: int = knob(10, "fresh seeds that judge the best rate", lower=1, upper=10_000, free=True, group=STUDY)
    steps: int | None = knob(
        None, "updates of a run; the preset's where not given", lower=1, upper=2**31 - 1, group=STUDY
    )
    evaluations: int = knob(20, "validations in a run, about", lower=1, upper=10_000, group=STUDY)
    baseline: str = knob("", "whom the others are compared with; the first where not given", free=True, group=STUDY)
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
    data_dir: str = knob("", "where local files live; JAXGEN_DATA where not given", free=True, group=DATA)
    resident_mb: int = knob(1024, "MiB that a set may have: a study holds it in memory", lower=0, free=True, group=DATA)
    batch_size: int | None = knob(None, "instead of the preset's", lower=1, upper=2**31 - 1, group=DATA)
    settings: Settings = nested(Settings())
    policy: Policy = nested(Policy())
    host_devices: int = knob(1, "CPU devices to share the runs among", lower=1, upper=64, group="machine")
    compilation_cache: str = knob("", "a directory to keep compiled programs in", free=True, group="machine")


# Flags that an experiment has too, under the same name: what this study was told of them, its tasks are told.
PASSED = (
    "dataset",
    "corpus",
    "data_dir",
    "resident_mb",
    "batch_size",
    "steps",
    *(knob.name for knob in [*knobs(Settings), *knobs(Policy)]),
)


def names(text: str, flag: str) -> list[str]:
    """The parts of a list with commas, each once. Raises Refused where there is none."""
    found = list(dict.fromkeys(part for part in text.split(",") if part))
    if not found:
        raise Refused(f"--{flag} names nothing")
    return found


def told(given: dict[str, Any], optimizers: list[str]) -> list[str]:
    """The flags for the tasks' experiments. Raises Refused for a hyper-parameter that no optimiser has."""
    taken = {name for optimizer in optimizers for name in find(optimizer).takes}
    if given.get("patience"):
        raise Refused("--patience is for single runs: a study trains all of its runs to the end")
    if alien := [name for name in HYPERPARAMETERS if given.get(name) is not None and name not in taken]:
        raise Refused(f"--{alien[0]}: none of {', '.join(optimizers)} has it")
    return [f"--{name}={given[name]}" for name in PASSED if given.get(name) is not None]


def identity(ours: Flags, tasks: list[Made]) -> dict[str, Any]:
    """What makes a study this study; what may change when it goes on stands under "free".

    The device is part of it: times of two machines do not stand in one table.
    """
    given = values(ours)
    free = {each.name: given.pop(each.name) for each in knobs(Flags) if each.free}
    made_of = {"stages": [each.identity for each in tasks], "data": "", "device": environment()["device"]}
    return json.loads(json.dumps({"flags": given, **made_of, "free": free}))


def study(argv: list[str]) -> None:
    """Runs what is left of the study, then shows all of it."""
    given = flags.explicit("optimizer_study", [Flags], argv)
    (ours,) = flags.build([Flags], {"data_dir": os.environ.get("JAXGEN_DATA", ""), **given})
    rates, optimizers = grid.rates(ours.learning_rates), names(ours.optimizers, "optimizers")
    passed = told(given, optimizers)
    if ours.baseline and ours.baseline not in optimizers:
        raise Refused(f"--baseline={ours.baseline} is none of --optimizers={ours.optimizers}")
    prepare(ours.host_devices, ours.compilation_cache)
    tasks = [made(name, passed, given, ours.evaluations, optimizers) for name in names(ours.tasks, "tasks")]
    protocol = Protocol(tuple(rates), ours.tuning_seeds, ours.seeds, ours.extend)
    runs = len(optimizers) * (len(rates) * ours.tuning_seeds + ours.seeds)
    with workdir.open_workdir(ours.workdir, identity(ours, tasks)) as place:
        for each in tasks:
            mine = lambda row, name=each.problem.name: row["task"] == name and row["optimizer"] in optimizers
            total = sum(row["steps"] for row in store.read(place) if mine(row))
            with bar(runs * each.problem.steps, each.task.name, start=total, unit="updates") as show:

                def advance(updates, show=show):
                    nonlocal total
                    total += updates
                    show(total, {})

                conduct(place, each.problem, each.task, optimizers, protocol, advance=advance)
        finish(place, ours, tasks, optimizers)


def finish(place: Path, ours: Flags, tasks: list[Made], optimizers: list[str]) -> None:
    """Writes tables, figures, summary and report of all that is there; prints tables and verdict."""
    rows = [row for row in store.read(place) if row["optimizer"] in optimizers]
    store.write_tables(place, rows)
    known = [each.task for each in tasks]
    rates = {name: find(name).rate for name in optimizers}
    fresh = range(ours.tuning_seeds, ours.tuning_seeds + ours.seeds)
    asked = records.Study(rows, known, optimizers, ours.baseline or optimizers[0], ours.target, rates, fresh)
    found = records.records(asked)
    counted, verdict = records.counted(asked), reporting.sentences(asked, found)
    for panel in reporting.by_task(asked, found):
        print(f"\n{table.as_text(table.of_task(panel, asked.baseline))}")
    print("", *verdict, sep="\n")
    summary = {
        **environment(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "runs": len(counted),
        "updates": sum(row["steps"] for row in counted),
        "seconds": round(sum(row["seconds"] for row in counted), 3),
        "verdict": verdict,
    }
    write_whole(place / "summary.json", json.dumps(summary, indent=2).encode() + b"\n")
    modes = {name: side_by_side.MEANT[each["mode"]] for name, each in execution(place).items()}
    config = {name: value for name, value in values(ours).items() if value is not None and value != ""}
    wall = {name: each["seconds"] for name, each in execution(place).items() if "seconds" in each}
    try:
        more = lambda: landscapes.chapters(place, tasks, found)
        path = reporting.write(
            place, asked, found, execution=modes, summary=summary, config=config, more=more, wall=wall
        )
        print(f"report: {path}")
    except Refused as missing:
        warn(f"no report.html: {missing}")


if __name__ == "__main__":
    sys.exit(cli.script("optimizer_study", Flags, study))
