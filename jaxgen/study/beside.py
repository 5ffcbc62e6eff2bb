"""Another study beside this one: its runs under names of their own, where both have the same tasks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.core.config import knobs
from jaxgen.core.progress import Policy
from jaxgen.core.types import Refused
from jaxgen.optim.settings import Settings
from jaxgen.run import workdir
from jaxgen.study import store

# What of a task may differ: two studies can compare settings of optimisers, and the code before and after a change.
LOOSE = {"code", *(each.name for each in [*knobs(Settings), *knobs(Policy)])}


class Beside(NamedTuple):
    """What another study adds to the tables of one."""

    rows: Sequence[dict[str, Any]] = ()
    labels: Sequence[str] = ()  # of its optimisers: "adam (NAME OF ITS FOLDER)"


def study_beside(path: str, wanted: Mapping[str, Any], folder: str) -> Beside:
    """The study in the directory `path`; nothing for "".

    Args:
        path: its directory, which is only read.
        wanted: the `study_identity` of the one that it stands beside.
        folder: the directory of that one.

    Raises:
        Refused: it is no study, the same one, or differs in a task, or in the number of tuning seeds, so that
            different seeds judge.
    """
    if not path:
        return Beside()
    place, config = Path(path).expanduser(), workdir.read_config(path)
    if place.resolve() == Path(folder).expanduser().resolve():
        raise Refused(f"--compare={path} is this study itself")
    if "tuning_seeds" not in config["flags"]:
        raise Refused(f"--compare={path} holds a run, not a study")
    theirs = {task.get("task"): task for task in config["stages"]}
    for task in wanted["stages"]:
        if task["task"] not in theirs:
            raise Refused(f"--compare={path} has no task {task['task']}; it has {', '.join(map(str, theirs))}")
        old, new = ({k: v for k, v in one.items() if k not in LOOSE} for one in (theirs[task["task"]], task))
        if differing := workdir.differences(old, new):
            raise Refused(f"--compare={path} has another task {task['task']} ({'; '.join(differing)})")
    old, new = config["flags"]["tuning_seeds"], wanted["flags"]["tuning_seeds"]
    if old != new:
        raise Refused(f"--compare={path} has other final seeds: --tuning_seeds={old} there, {new} now")
    called = lambda name: f"{name} ({place.resolve().name})"
    names = [task["task"] for task in wanted["stages"]]
    rows = [row for row in store.read_rows(place, mend=False) if row["task"] in names]
    rows = [{**row, "optimizer": called(row["optimizer"])} for row in rows]
    return Beside(rows, list(dict.fromkeys(row["optimizer"] for row in rows)))
