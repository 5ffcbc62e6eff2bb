"""A run's directory: which configuration it belongs to, and that nobody else writes in it."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jaxgen.core.config import flat, knobs, values
from jaxgen.core.files import write_whole
from jaxgen.core.types import Refused, Stage, State
from jaxgen.optim.settings import fixes_length
from jaxgen.run import provenance
from jaxgen.run.control import ALONE, Group

LAYOUT = 2  # of config.json, checkpoints and samples; directories without it were written before there was a number
# Free flags that count where they are not at their default, so that runs from before there were such flags go on. The
# first three are there to be read in a refusal: the data's hash covers them.
NOTED = ("classes", "per_class", "draw_seed", "in_order", "accumulate", "shard")
FREED = ("devices", "host_devices")  # flags of runs that counted once
OWN = ("process", "data_dir", "compilation_cache", "profile")  # flags that processes of a run may have of their own


def identity(
    flags: Any, stages: Sequence[Stage], data: str = "", previous: State | None = None, players: Any = None
) -> dict[str, Any]:
    """What makes a run this run, as JSON: what stands under "free" may change when it is resumed, and is only noted.

    Args:
        flags: the run's; those that shape the result count.
        stages: each one's technique and Config count, and the length of all but the last.
        data: the hash of the data.
        previous: the State of another run that this one starts from: the hash of its parameters and carry counts.
        players: flags of further players.
    """
    every = values(flags)
    fixed, free = ({k.name: every[k.name] for k in knobs(type(flags)) if k.free is f} for f in (False, True))
    if fixes_length(flags.settings):  # its end shapes the steps before it
        fixed |= {name: free.pop(name) for name in ("steps", "epochs")}
    usual = {k.name: k.default for k in knobs(type(flags))}
    fixed |= {name: free.pop(name) for name in NOTED if name in free and free[name] != usual[name]}
    fixed |= values(players) if players is not None else {}
    inherited = {"init_from": provenance.fingerprint((previous.params, previous.carry))} if previous else {}
    described = []
    for number, stage in enumerate(stages, 1):
        loose, own = [k.name for k in knobs(type(stage.config)) if k.free], flat(stage.config)
        free |= {name: own[name] for name in loose}
        kept = {name: value for name, value in own.items() if name not in loose}
        length = {"steps": stage.steps} if number < len(stages) else {}
        whose = {"optimizers": stage.optimizers} if stage.optimizers else {}
        described.append({"technique": stage.module, "config": kept, **whose, **length})
    names = list(vars(players)) if players is not None else []
    config = {"layout": LAYOUT, "flags": fixed, "stages": described, "players": names, "data": data, **inherited}
    return json.loads(json.dumps({**config, "free": free}))


@contextlib.contextmanager
def open_workdir(workdir: str | os.PathLike, wanted: dict[str, Any], group: Group = ALONE) -> Iterator[Path]:
    """The directory of the run with this `identity`, made where it is missing, and locked against a second run.

    Process 0 of a group opens it; the others have to find it there.

    Raises Refused where it cannot be written, is some other directory, is in use, or holds a different configuration;
    then nothing in it was changed. Also where another process than 0 has another configuration, or other files.
    """
    path = Path(os.path.expanduser(workdir))  # Path's own raises for a user that is not there
    if not group.process:
        with _locked(path, wanted):
            group.exchange(wanted)
            yield path
        return
    theirs = group.exchange(None)[0]
    alike = lambda config: {**config, "free": {k: v for k, v in config["free"].items() if k not in OWN}}
    if differing := differences(alike(theirs), alike(wanted)):
        raise Refused(f"process {group.process} has another configuration than process 0: {'; '.join(differing)}")
    if not (path / "config.json").exists():
        raise Refused(f"{path} is not the directory that process 0 has opened: all processes need the same files")
    yield path


@contextlib.contextmanager
def _locked(path: Path, wanted: dict[str, Any]) -> Iterator[None]:
    """See `open_workdir`."""
    with contextlib.ExitStack() as stack:
        try:
            _check_ours(path)
            path.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(open(path / ".lock", "a"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if (path / "config.json").exists():
                before = read_config(path)
                before["flags"] = {k: v for k, v in before["flags"].items() if k not in FREED or k in wanted["flags"]}
                old, new = ({k: v for k, v in config.items() if k != "free"} for config in (before, wanted))
                if differing := differences(old, new):
                    raise Refused(
                        f"{path} holds another configuration ({'; '.join(differing)}); choose another --workdir"
                    )
            else:
                write_whole(path / "config.json", json.dumps(wanted, indent=2).encode() + b"\n")
        except BlockingIOError:
            raise Refused(f"another process is training in {path}") from None
        except OSError as error:
            raise Refused(f"cannot write in {path}: {error.strerror or error}") from error
        yield


def _check_ours(path: Path) -> None:
    """Raises Refused for a directory that is not empty and no run; a start that was killed leaves hidden files."""
    if path.is_dir() and not (path / "config.json").exists():
        hidden = (".lock", ".config.json.")
        if any(not entry.name.startswith(hidden) for entry in path.iterdir()):
            raise Refused(f"{path} holds other files and no run; choose another --workdir")


def read_config(workdir: str | os.PathLike) -> dict[str, Any]:
    """The contents of config.json.

    Raises Refused where there is none, none that can be read, or one of another layout.
    """
    path = Path(os.path.expanduser(workdir)) / "config.json"
    try:
        config = json.loads(path.read_text())
        if [type(config[name]) for name in ("flags", "stages", "data")] == [dict, list, str]:
            if config.get("layout") == LAYOUT:
                return config
            raise Refused(f"{workdir} was written by another version of jaxgen, whose runs this one cannot read")
    except FileNotFoundError:
        raise Refused(f"{workdir} holds no run: {path} is missing") from None
    except Refused:
        raise
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise Refused(f"{path} is damaged")


def differences(old: Any, new: Any, name: str = "") -> list[str]:
    """`name: old there, new now` for each leaf of two JSON values that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = [*old, *(key for key in new if key not in old)]
        return [line for key in names for line in differences(old.get(key), new.get(key), key)]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and name == "stages":
        return [line for pair in zip(old, new) for line in differences(*pair, name)]
    return [] if old == new else [f"{name}: {json.dumps(old)} there, {json.dumps(new)} now"]
