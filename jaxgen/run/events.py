"""TensorBoard's event files: curves, pictures, texts and hyper-parameters of a run, below its tensorboard/."""

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen.core.files import writing

FOLDER = "tensorboard"


class Events(NamedTuple):
    """An event file, or nothing at all."""

    # step, name -> scalar, picture [H, W] or [H, W, 3] uint8, or text; on disk about a second later
    write: Callable[[int, Mapping[str, Any]], None]
    settle: Callable[[Mapping[str, Any], Mapping[str, float]], None]  # hyper-parameters, tag -> final metric
    close: Callable[[], None]


def open_events(workdir: str | os.PathLike, purge_step: int | None = None) -> Events:
    """Events in workdir/tensorboard; without tensorboardX, functions that do nothing.

    TensorBoard drops what earlier files hold of `purge_step` and later: a run that goes on at s passes s + 1.
    """
    try:
        from tensorboardX import summary
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog
    except ImportError:
        return Events(lambda step, values: None, lambda config, metrics: None, lambda: None)
    # EventsWriter and not SummaryWriter: that one's thread keeps a full disk to itself and loses a killed run's last
    # second. The name has only seconds in it, and a second file of that name would replace the first.
    folder = Path(workdir).absolute() / FOLDER  # of a relative one, "s3:" would be taken for an address
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        writer = EventsWriter(str(folder / "events"), f".{time.time_ns()}")
    if purge_step is not None:
        start = SessionLog(status=SessionLog.START)
        writer.write_event(Event(wall_time=time.time(), step=purge_step, session_log=start))

    def write(step: int, values: Mapping[str, Any]) -> None:
        with writing(folder):
            for name, value in values.items():
                described = _summary(summary, name, value)
                writer.write_event(Event(wall_time=time.time(), step=int(step), summary=described))
            writer.flush()

    def settle(config: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        plain = {k: v if isinstance(v, bool | int | float) else str(v) for k, v in config.items() if v is not None}
        with writing(folder):
            for described in summary.hparams(plain, metrics):
                writer.write_event(Event(wall_time=time.time(), summary=described))
            writer.flush()

    def close() -> None:
        with contextlib.suppress(OSError):  # of a full disk, which `write` has complained of
            writer.close()

    return Events(write, settle, close)


def _summary(summary: Any, name: str, value: Any) -> Any:
    """What `tensorboardX.summary` makes of a scalar, a picture or a text."""
    if isinstance(value, str):
        return summary.text(name, value)
    if np.ndim(value):
        return summary.image(name, value, dataformats="HW" if np.ndim(value) == 2 else "HWC")
    return summary.scalar(name, float(value))
