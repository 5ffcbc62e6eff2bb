"""Progress on the screen: a live bar in a terminal, a plain line now and then in a log."""

import contextlib
import functools
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

from jaxgen.run import console

Advance = Callable[[int, Mapping[str, Any]], None]  # updates made, name -> scalar


def clock(seconds: float) -> str:
    """Hours, minutes and seconds as h:mm:ss or m:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def readings(metrics: Mapping[str, Any]) -> str:
    """Metrics as `name value`, four digits each."""
    return "  ".join(f"{name} {float(value):.4g}" for name, value in metrics.items())


def plain_line(
    description: str,
    step: int,
    total: int,
    rate: float,
    metrics: Mapping[str, Any],
    unit: str = "steps",
    counted: tuple[str, int] = ("", 0),
) -> str:
    """`vae  1200/5000  24%  350.0 steps/s  eta 0:11  loss 102.3`; no eta before a rate is known.

    With `counted`, a unit and how many of them a step has, `44,800 images/s` stands behind the steps.
    """
    share = f"{100 * step // max(total, 1)}%"
    speeds = [f"{rate:,.1f} {unit}/s", *([f"{rate * counted[1]:,.0f} {counted[0]}/s"] if counted[1] else [])]
    speed = [*speeds, f"eta {clock((total - step) / rate)}"] if rate > 0 else []
    return "  ".join([description, f"{step}/{total}", share, *speed, readings(metrics)]).rstrip()


def rater(start: int, now: Callable[[], float]) -> Callable[[int], float]:
    """step -> updates per second since the first report: what came before it was mostly compilation."""
    began = now()
    first: list[tuple[int, float]] = []

    def rate(step: int) -> float:
        moment = now()
        if not first:
            first.append((step, moment))
            return (step - start) / max(moment - began, 1e-9)
        step_then, then = first[0]
        return (step - step_then) / max(moment - then, 1e-9)

    return rate


@contextlib.contextmanager
def bar(
    total: int,
    description: str = "training",
    start: int = 0,
    stream: TextIO | None = None,
    pause: float = 10.0,
    now: Callable[[], float] = time.monotonic,
    unit: str = "steps",
    counted: tuple[str, int] = ("", 0),
) -> Iterator[Advance]:
    """`with bar(5000, "vae") as advance: advance(step, metrics)`; `start` is where a resumed run begins.

    `unit` and `counted` are those of `plain_line`.

    Writes to `stream`, stderr by default. Where that is no terminal: at most one line every `pause` seconds,
    and always the last one.
    """
    stream = stream or sys.stderr
    draw = _live if stream.isatty() else _plain
    line = functools.partial(plain_line, unit=unit, counted=counted)
    with draw(total, description, start, stream, pause, now, line) as advance:
        yield advance


@contextlib.contextmanager
def _plain(total, description, start, stream, pause, now, line):
    rate = rater(start, now)
    printed, waiting = now(), ""

    def advance(step, metrics):
        nonlocal printed, waiting
        waiting = line(description, step, total, rate(step), metrics)
        if now() - printed >= pause:
            printed = now()
            flush()

    def flush():
        nonlocal waiting
        if waiting:
            console.tell(waiting, stream)
        waiting = ""

    try:
        yield advance
    finally:
        flush()


@contextlib.contextmanager
def _live(total, description, start, stream, pause, now, line):
    from rich import progress
    from rich.console import Console
    from rich.table import Column

    rate = rater(start, now)
    whole = Column(no_wrap=True)
    columns = (  # without markup: a name such as [B] is only a name
        progress.TextColumn("{task.description}", markup=False, table_column=whole),
        progress.BarColumn(bar_width=16),
        progress.TextColumn("{task.fields[left]}", markup=False, table_column=whole),
    )
    console = Console(file=stream)
    with progress.Progress(*columns, console=console) as live:
        task = live.add_task(description, total=total, completed=start, left=f"{start}/{total}")

        def advance(step, metrics):
            # What is too much for the terminal is left out at the end, not squeezed out of every column.
            left = line("", step, total, rate(step), metrics).strip()
            room = max(console.width - len(description) - 16 - 3, 10)
            live.update(task, completed=step, left=left if len(left) <= room else left[: room - 1] + "…")

        yield advance
