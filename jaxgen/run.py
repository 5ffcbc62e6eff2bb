"""Training, written down: a run goes on from its newest intact checkpoint and leaves when it is told to.

A run is a directory: config.json, metrics.jsonl, checkpoints/, samples/, tensorboard/, summary.json, report.html. The
same command again resumes it, more steps continue it, another configuration in the same place is refused.
"""

import contextlib
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxgen import machine
from jaxgen.core import checkpoint, loop, record
from jaxgen.core.bar import bar
from jaxgen.core.progress import Policy, begin_progress, best_state, rates
from jaxgen.core.types import Refused, Stage, State, Technique
from jaxgen.optim.textbook import OPTIMIZERS
from jaxgen.workdir import read_config


class Outcome(NamedTuple):
    """What a run came to."""

    state: State  # with the best parameters where early stopping keeps them, the last ones otherwise
    steps: int  # updates over all stages
    seconds: float  # of training, earlier parts of the same run included


@contextlib.contextmanager
def stop_signals() -> Iterator[list[int]]:
    """A list that receives SIGTERM and Ctrl-C: the loop looks at it between chunks. A second Ctrl-C stops at once."""
    received: list[int] = []

    def note(number, frame):
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def policy_of(flags: Any) -> Policy:
    """The flags' patience and plateau."""
    return Policy(patience=flags.patience, plateau=flags.plateau)


def template(technique: Technique, policy: Policy) -> Any:
    """The shapes of what a checkpoint of this technique holds, without computing anything."""
    state = jax.eval_shape(technique.init, jax.random.key(0))
    return state, jax.eval_shape(lambda state: begin_progress(policy, state), state)


def warn(message: str) -> None:
    """One line on stderr."""
    print(f"warning: {message}", file=sys.stderr)


class Log(NamedTuple):
    """Writes an event everywhere it is recorded, and remembers the time between two."""

    write: Callable[[loop.Event], dict[str, Any]]  # -> the row of metrics.jsonl
    close: Callable[[], None]
    seconds: Callable[[], float]  # of training so far


def open_log(workdir: Path, at: tuple[int, int], before: Sequence[int]) -> Log:
    """The log of a run that stands at (stage, step): what was written after that is dropped.

    before: updates of all stages before each one.
    """
    path = workdir / "metrics.jsonl"
    record.rewind(path, *at)
    rows = record.read(path) if path.exists() else []
    outset = before[max(at[0], 0)] + max(at[1], 0)
    spent, moment, past = (rows[-1]["timing"]["seconds"] if rows else 0.0), time.perf_counter(), outset
    events = record.events(workdir, outset + 1 if outset else None)

    def write(event):
        nonlocal spent, moment, past
        total, now = before[event.stage] + event.step, time.perf_counter()
        spent += now - moment
        timing = {"seconds": spent, "steps_per_second": (total - past) / (now - moment)}
        past, moment = total, now
        train = {**event.train, **{f"rate{n or ''}": float(r) for n, r in enumerate(rates(event.state.opt))}}
        groups = {"train": train, "valid": event.valid, "timing": timing}
        row = {"stage": event.stage, "step": event.step, **groups}
        record.append(path, row)
        events.write(total, {f"{group}/{k}": v for group, values in groups.items() for k, v in values.items()})
        return row

    return Log(write, events.close, lambda: spent)


def train(
    workdir: Path,
    flags: Any,
    stages: Sequence[Stage],
    snapshot: Callable[[int, int, State], None] = lambda stage, step, state: None,
) -> Outcome:
    """Trains, or goes on training, with everything written down; `snapshot` is called after each evaluation.

    Raises SystemExit(128 + n) after signal n, with a checkpoint written; FloatingPointError, naming the last good
    checkpoint, where a parameter or metric is no longer finite.
    """
    policy, directory = policy_of(flags), workdir / "checkpoints"
    saved = checkpoint.restore(directory, lambda n: template(stages[n].technique, policy), warn)
    at, good = ((saved.stage, saved.step), saved.path) if saved else ((-1, -1), None)
    state: Any
    progress: Any
    state, progress = saved.tree if saved else (None, None)
    before = [sum(stage.steps for stage in stages[:n]) for n in range(len(stages) + 1)]
    outset = before[saved.stage] + saved.step if saved else 0
    if saved:
        print(f"going on at step {outset} from {saved.path}", file=sys.stderr)
    placed = machine.shardings()
    events = loop.train(
        stages,
        jax.random.key(flags.seed),
        flags.log_every,
        flags.eval_every,
        policy,
        (saved.stage, state, progress) if saved else None,
        placed and placed[0],
    )
    with (
        contextlib.closing(open_log(workdir, at, before)) as log,
        stop_signals() as stops,
        bar(before[-1], workdir.name, outset) as advance,
    ):
        for event in events:
            state, progress = event.state, event.progress
            row, total = log.write(event), before[event.stage] + event.step
            if event.valid:
                snapshot(event.stage, event.step, state)
            if event.finite and (event.done or stops or _due(event.step, flags)):
                good = checkpoint.save(directory, event.stage, event.step, (state, progress), {})
            advance(total, {**event.train, **{f"valid {k}": v for k, v in list(event.valid.items())[:1]}})
            if not event.finite:
                raise FloatingPointError(_diverged(row, good))
            if stops and total < before[-1]:
                name = signal.Signals(stops[0]).name
                warn(f"stopped at step {total} by {name}; the same command goes on from {good}")
                raise SystemExit(128 + stops[0])
        return Outcome(best_state(progress, state), before[-2] + int(state.step), log.seconds())


def _due(step: int, flags: Any) -> bool:
    """Whether the chunk that ended at `step` reached a multiple of checkpoint_every."""
    length = (step - 1) % flags.log_every + 1
    return step // flags.checkpoint_every > (step - length) // flags.checkpoint_every


def _diverged(row: dict[str, Any], good: Path | None) -> str:
    bad = [name for name, value in row["train"].items() if record.number(value) is None] or ["a parameter"]
    kept = f"the last good checkpoint is {good}" if good else "there is no checkpoint yet"
    return f"training diverged: {', '.join(bad)} not finite by step {row['step']}; {kept}"


def load(workdir: str | os.PathLike) -> tuple[Technique, State]:
    """(technique, state) of a run, for notebooks: the newest checkpoint, with its best parameters where they were kept.

    Raises Refused where there is no run, no checkpoint, or none that is intact.
    """
    found = read_config(workdir)
    policy = Policy(patience=found["flags"]["patience"], plateau=found["flags"]["plateau"])

    def technique(number: int) -> Technique:
        stage = found["stages"][number]
        module = importlib.import_module(stage["technique"])
        config = {k: tuple(v) if isinstance(v, list) else v for k, v in stage["config"].items()}
        return module.make(module.Config(**config), OPTIMIZERS[found["flags"]["optimizer"]])

    saved = checkpoint.restore(Path(workdir) / "checkpoints", lambda n: template(technique(n), policy), warn)
    if saved is None:
        raise Refused(f"{workdir} has no checkpoint yet")
    state, progress = saved.tree
    return technique(saved.stage), best_state(progress, state)
