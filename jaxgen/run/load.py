"""A run's technique and State, for notebooks, for `--init_from`, and for what samples from a trained network."""

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.core import loop
from jaxgen.core.config import built
from jaxgen.core.progress import Progress, best_state
from jaxgen.core.types import Refused, Source, Stage, State, Technique
from jaxgen.optim.settings import unscheduled
from jaxgen.run import checkpoint
from jaxgen.run.flags import RunFlags, players_class
from jaxgen.run.players import factories
from jaxgen.run.train import policy_of, warn
from jaxgen.run.workdir import read_config


class Loaded(NamedTuple):
    """A run as it was saved."""

    module: str  # of the technique of the stage that it had reached
    technique: Technique
    state: State  # of the newest checkpoint, with its best parameters where they were kept


def load(workdir: str | os.PathLike) -> tuple[Technique, State]:
    """(technique, state) of a run, see `load_run`."""
    _, technique, state = load_run(workdir)
    return technique, state


def load_run(workdir: str | os.PathLike) -> Loaded:
    """The technique and State of a run's newest intact checkpoint, whatever shapes its stages adopted.

    Raises Refused where there is no run, no checkpoint, none that is intact, or one with other arrays than those of
    its technique.
    """
    config = read_config(workdir)
    if "optimizer" not in config["flags"]:
        raise Refused(f"{workdir} holds a study of many runs, not one that has parameters")
    flags = built(RunFlags, config["flags"])
    players: Any = built(players_class(tuple(config["players"])), config["flags"])

    def technique(number: int) -> Technique:
        stage = config["stages"][number]
        module = importlib.import_module(stage["technique"])
        fields = {name: tuple(v) if isinstance(v, list) else v for name, v in stage["config"].items()}
        made = factories(flags, players, change=unscheduled)
        whose = stage.get("optimizers") or range(len(made))
        return module.make(built(module.Config, fields), *(made[n] for n in whose))

    def template(number: int) -> tuple[State, Progress]:
        stage = Stage(technique(number), Source((), lambda arrays, key, n: ()), 0)
        return loop.shapes([stage], 0, policy_of(flags))

    directory = Path(os.path.expanduser(workdir)) / "checkpoints"
    saved = _newest(directory, template)
    if saved is None:
        raise Refused(f"{workdir} has no checkpoint yet")
    state, progress = saved.tree
    name = config["stages"][saved.stage]["technique"]
    return Loaded(name, technique(saved.stage), best_state(progress, state))


def _newest(directory: Path, template: Callable[[int], Any]) -> checkpoint.Saved | None:
    """The newest intact checkpoint. A run that is training may remove the one that is being read: then a newer one."""
    while True:
        newest, warnings = checkpoint.candidates(directory)[:1], list[str]()
        try:
            saved = checkpoint.restore(directory, template, warnings.append, adopted=True)
        except Exception:  # whatever a file that is gone makes of Orbax
            if checkpoint.candidates(directory)[:1] == newest:
                raise
            continue
        if not warnings or checkpoint.candidates(directory)[:1] == newest:
            for message in warnings:
                warn(message)
            return saved
