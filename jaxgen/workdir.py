"""A run's directory: who it belongs to, and that nobody else writes in it."""

import contextlib
import dataclasses
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxgen.core.config import knobs
from jaxgen.core.files import write_whole
from jaxgen.core.types import Refused


def identity(flags: Any, modules: Sequence[tuple[ModuleType, Any]], data: dict[str, str]) -> dict[str, Any]:
    """What makes a run this run: flags that shape the result, each stage's technique and config, the data's hash."""
    fixed = {knob.name: getattr(flags, knob.name) for knob in knobs(type(flags)) if not knob.free}
    stages = [{"technique": m.__name__, "config": dataclasses.asdict(config)} for m, config in modules]
    return json.loads(json.dumps({"flags": fixed, "stages": stages, "data": data}))


@contextlib.contextmanager
def open_workdir(workdir: str | os.PathLike, who: dict[str, Any]) -> Iterator[Path]:
    """The run's directory, made or found, and locked against a second process.

    Raises Refused where it cannot be written, is some other directory, is in use, or holds a different configuration;
    then nothing in it was changed.
    """
    path = Path(workdir)
    config = path / "config.json"
    try:
        if path.is_dir() and not config.exists() and any(p.name != ".lock" for p in path.iterdir()):
            raise Refused(f"{path} holds other files and no run; choose another --workdir")
        path.mkdir(parents=True, exist_ok=True)
        with open(path / ".lock", "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(f"another process is training in {path}") from None
            if config.exists():
                if different := _differences(read_config(path), who):
                    raise Refused(
                        f"{path} holds another configuration ({'; '.join(different)}); choose another --workdir"
                    )
            else:
                write_whole(config, json.dumps(who, indent=2).encode() + b"\n")
            yield path
    except OSError as error:
        raise Refused(f"cannot write in {path}: {error.strerror or error}") from error


def read_config(workdir: str | os.PathLike) -> dict[str, Any]:
    """What config.json says. Raises Refused where there is none, or none that can be read."""
    path = Path(workdir) / "config.json"
    try:
        found = json.loads(path.read_text())
        if {"flags", "stages", "data"} <= found.keys():
            return found
    except FileNotFoundError:
        raise Refused(f"{workdir} holds no run: {path} is missing") from None
    except (OSError, ValueError, AttributeError):
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
