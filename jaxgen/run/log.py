"""Where a run's events are written: metrics.jsonl and TensorBoard."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.core.loop import Event
from jaxgen.core.progress import rates
from jaxgen.run import record


class Log(NamedTuple):
    """Writes an event everywhere it is recorded, and remembers the time between two."""

    write: Callable[[Event, int], dict[str, Any]]  # event, updates over all stages -> the row of metrics.jsonl
    close: Callable[[], None]
    seconds: Callable[[], float]  # of training so far


def open_log(workdir: Path, at: tuple[int, int], outset: int) -> Log:
    """The log of a run that stands at (stage, step), `outset` updates in all; what was written later is dropped."""
    rows = record.rewind(workdir / "metrics.jsonl", *at)
    spent, moment, past = (rows[-1]["timing"]["seconds"] if rows else 0.0), time.perf_counter(), outset
    events = record.events(workdir, outset + 1 if outset else None)

    def write(event, total):
        nonlocal spent, moment, past
        now = time.perf_counter()
        spent += now - moment
        timing = {"seconds": spent, "steps_per_second": (total - past) / (now - moment)}
        past, moment = total, now
        train = {**event.train, **{name: float(rate) for name, rate in rates(event.state.opt).items()}}
        valid = {name: metric.value for name, metric in event.valid.items()}
        groups = {"train": train, "valid": valid, "timing": timing}
        row = {"stage": event.stage, "step": event.step, **groups}
        record.append(workdir / "metrics.jsonl", row)
        events.write(total, {f"{group}/{k}": v for group, values in groups.items() for k, v in values.items()})
        return row

    return Log(write, events.close, lambda: spent)
