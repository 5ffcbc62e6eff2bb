"""A run's directory: who it belongs to, and that nobody else writes in it."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxgen.core.config import flat, knobs, values
from jaxgen.core.files import write_whole
from jaxgen.core.types import Refused, State
from jaxgen.optim.settings import fixes_length
from jaxgen.run import provenance


def identity(
    flags: Any, modules: Sequence[tuple[ModuleType, Any]], data: str = "", previous: State | None = None
) -> dict[str, Any]:
    """What makes a run this run: flags that shape the result, each stage's technique and config, the data's hash.

    `previous` is what it starts from, where that is another run's State: then the hash of parameters and carry, too.
    What stands under "free" may change when it is resumed, and is only noted.
    """
    given = values(flags)
    fixed, free = ({k.name: given[k.name] for k in knobs(type(flags)) if k.free is f} for f in (False, True))
    if fixes_length(flags.settings):  # its end shapes the steps before it
        fixed |= {name: free.pop(name) for name in ("steps", "epochs")}
    # The data's hash has them; named where they are given, for a summary and a refusal that can be read.
    fixed |= {name: free.pop(name) for name in ("classes", "per_class") if free.get(name)}
    inherited = {"init_from": provenance.fingerprint((previous.params, previous.carry))} if previous else {}
    stages = []
    for module, config in modules:
        loose, own = [k.name for k in knobs(type(config)) if k.free], flat(config)
        free |= {name: own[name] for name in loose}
        kept = {name: value for name, value in own.items() if name not in loose}
        stages.append({"technique": module.__name__, "config": kept})
    return json.loads(json.dumps({"flags": fixed, "stages": stages, "data": data, **inherited, "free": free}))


@contextlib.contextmanager
def open_workdir(workdir: str | os.PathLike, who: dict[str, Any]) -> Iterator[Path]:
    """The run's directory, made or found, and locked against a second process.

    Raises Refused where it cannot be written, is some other directory, is in use, or holds a different configuration;
    then nothing in it was changed.
    """
    path = Path(os.path.expanduser(workdir))  # Path's own raises for a user that is not there
    with contextlib.ExitStack() as stack:
        try:
            _check_ours(path)
            path.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(open(path / ".lock", "a"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if (path / "config.json").exists():
                before = read_config(path)
                old, new = ({k: v for k, v in config.items() if k != "free"} for config in (before, who))
                if different := _differences(old, new):
                    said = "; ".join(different)
                    raise Refused(f"{path} holds another configuration ({said}); choose another --workdir")
            else:
                write_whole(path / "config.json", json.dumps(who, indent=2).encode() + b"\n")
        except BlockingIOError:
            raise Refused(f"another process is training in {path}") from None
        except OSError as error:
            raise Refused(f"cannot write in {path}: {error.strerror or error}") from error
        yield path


def _check_ours(path: Path) -> None:
    """Raises Refused for a directory that is not empty and no run; a start that was killed leaves hidden files."""
    if path.is_dir() and not (path / "config.json").exists():
        hidden = (".lock", ".config.json.")
        if any(not place.name.startswith(hidden) for place in path.iterdir()):
            raise Refused(f"{path} holds other files and no run; choose another --workdir")


def read_config(workdir: str | os.PathLike) -> dict[str, Any]:
    """What config.json says. Raises Refused where there is none, or none that can be read."""
    path = Path(os.path.expanduser(workdir)) / "config.json"
    try:
        found = json.loads(path.read_text())
        if [type(found[name]) for name in ("flags", "stages", "data")] == [dict, list, str]:
            return found
    except FileNotFoundError:
        raise Refused(f"{workdir} holds no run: {path} is missing") from None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise Refused(f"{path} is damaged")


def _differences(old: Any, new: Any, name: str = "") -> list[str]:
    """`name: old there, new now` for each leaf of two JSON values that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = [*old, *(key for key in new if key not in old)]
        return [line for key in names for line in _differences(old.get(key), new.get(key), key)]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and name == "stages":
        return [line for pair in zip(old, new) for line in _differences(*pair, name)]
    return [] if old == new else [f"{name}: {json.dumps(old)} there, {json.dumps(new)} now"]
