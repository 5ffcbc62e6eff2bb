"""Where a run's events are written: metrics.jsonl and TensorBoard."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.core.loop import Event
from jaxgen.core.progress import rates
from jaxgen.report.items import Arrays, Lines, Still
from jaxgen.report.pictures import to_bytes
from jaxgen.run import record
from jaxgen.run.events import FOLDER, open_events


class Log(NamedTuple):
    """Writes an event everywhere it is recorded, and remembers the time between two."""

    write: Callable[[Event, int], dict[str, Any]]  # event, updates over all stages -> the row of metrics.jsonl
    show: Callable[[int, Iterable[Still | Arrays | Lines]], None]  # updates, what was kept: pictures and texts
    close: Callable[[], None]
    seconds: Callable[[], float]  # of training so far


NOWHERE = Log(
    lambda event, total: {"step": total, "train": event.train}, lambda total, items: None, lambda: None, lambda: 0.0
)


def open_log(workdir: Path, at: tuple[int, int], outset: int, counted: tuple[str, int] = ("", 0)) -> Log:
    """The log of a run that stands at (stage, step), `outset` updates in all; what was written later is dropped.

    `counted` is a unit that a user counts in, and how many of them an update has: ("tokens", 8192).
    """
    rows = record.rewind(workdir / "metrics.jsonl", *at)
    spent, moment, past = (rows[-1]["timing"]["seconds"] if rows else 0.0), time.perf_counter(), outset
    again = outset or (workdir / FOLDER).exists()  # it may have been killed before it had a checkpoint
    events = open_events(workdir, outset + 1 if again else None)

    def write(event, total):
        nonlocal spent, moment, past
        now = time.perf_counter()
        spent += now - moment
        speed = (total - past) / (now - moment)
        timing = {"seconds": spent, "steps_per_second": speed}
        timing |= {f"{counted[0]}_per_second": speed * counted[1]} if counted[1] else {}
        past, moment = total, now
        train = {**event.train, **{name: float(rate) for name, rate in rates(event.state.opt).items()}}
        valid = {name: metric.value for name, metric in event.valid.items()}
        groups = {"train": train, "valid": valid, "timing": timing}
        row = {"stage": event.stage, "step": event.step, **groups}
        record.append(workdir / "metrics.jsonl", row)
        events.write(total, {f"{group}/{k}": v for group, values in groups.items() for k, v in values.items()})
        return row

    def show(total, items):
        for item in items:
            if isinstance(item, Still):
                events.write(total, {f"samples/{item.name}": to_bytes(item.image, item.scale)})
            elif isinstance(item, Lines) and item.text:
                events.write(total, {f"samples/{item.name}": item.text})

    return Log(write, show, events.close, lambda: spent)
