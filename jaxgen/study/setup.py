"""From a study's flags to what its tasks get, and to its identity."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jaxgen.core.config import built, knobs, values
from jaxgen.core.progress import Policy
from jaxgen.core.types import Refused
from jaxgen.optim.registry import find
from jaxgen.optim.settings import HYPERPARAMETERS, Settings, fixes_length
from jaxgen.run import workdir
from jaxgen.run.provenance import environment
from jaxgen.study.tasks import StudyTask

# Flags that experiments have under the same name: tasks get them where they stand on the study's command line.
PASSED = (
    *("dataset", "corpus", "data_dir", "resident_mb", "batch_size", "steps", "epochs"),
    *(knob.name for knob in [*knobs(Settings), *knobs(Policy)]),
)


def passed_flags(explicit: Mapping[str, Any], optimizers: Sequence[str]) -> list[str]:
    """The study's explicit flags that its tasks get. Raises Refused for hyper-parameters that no optimiser has."""
    taken = {name for optimizer in optimizers for name in find(optimizer).takes}
    if explicit.get("patience"):
        raise Refused("--patience is for single runs: a study trains all of its runs to the end")
    if alien := [name for name in HYPERPARAMETERS if explicit.get(name) is not None and name not in taken]:
        raise Refused(f"--{alien[0]}: none of {', '.join(optimizers)} has it")
    return [f"--{name}={explicit[name]}" for name in PASSED if explicit.get(name) is not None]


def check_lengths(max_seconds: float, tasks: Sequence[StudyTask]) -> None:
    """Raises Refused where runs may be cut short and a task's schedule ends with the run."""
    for task in tasks:
        if max_seconds and fixes_length(built(Settings, task.identity)):
            raise Refused(f"--max_seconds cuts runs short, and the schedule of {task.task.name} ends with the run")


def study_identity(flags: Any, tasks: Sequence[StudyTask]) -> dict[str, Any]:
    """A study's config.json: what has to agree for it to go on; what may change stands under "free".

    The device has to agree, since one table does not mix the times of two machines, and so have the versions of
    libraries and the code of the tasks. The code of optimisers stands in the rows of their runs.
    """
    fixed, machine = values(flags), environment()
    free = {each.name: fixed.pop(each.name) for each in knobs(type(flags)) if each.free}
    versions = {name: version for name, version in machine["versions"].items() if name != "python"}
    described = {"stages": [each.identity for each in tasks], "data": "", "device": machine["device"]}
    whole = {"layout": workdir.LAYOUT, "flags": fixed, **described, "versions": versions, "free": free}
    return json.loads(json.dumps(whole))
