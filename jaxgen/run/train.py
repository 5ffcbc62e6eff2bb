"""Training, written down: a run goes on from its newest intact checkpoint, and stops at a signal.

A run is a directory: config.json, metrics.jsonl, checkpoints/, samples/, tensorboard/, summary.json, report.html. The
same command again resumes it, more steps continue it, another configuration in the same directory is refused.
"""

import contextlib
import dataclasses
import functools
import math
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxgen.core import loop
from jaxgen.core.progress import Policy, Progress, best_state
from jaxgen.core.sharding import Layout, described, local
from jaxgen.core.steps import NORMS
from jaxgen.core.types import Refused, Stage, State
from jaxgen.optim.settings import cutting
from jaxgen.report.items import Arrays, Lines, Still
from jaxgen.run import checkpoint, console, machine
from jaxgen.run.bar import bar
from jaxgen.run.control import ALONE, Group
from jaxgen.run.log import NOWHERE, open_log
from jaxgen.run.profiling import profiled

# Ctrl-C, the end of the terminal, and what batch systems warn with before they kill.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)


class Outcome(NamedTuple):
    """What training ended with."""

    state: State  # with the best parameters where they are kept, the last ones otherwise
    steps: int  # updates over all stages
    seconds: float  # of training, earlier parts of the same run included
    best_step: int | None  # of those updates, where the last stage's best evaluation was; None without one


@contextlib.contextmanager
def stop_signals() -> Iterator[list[int]]:
    """A list that receives what the user or a batch system stops a run with: the loop looks at it between chunks.

    A second Ctrl-C stops at once. Under nohup the end of the terminal (SIGHUP) is no reason to stop.
    """
    received: list[int] = []

    def note(number, frame):
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)
        if len(received) == 1:
            console.tell("stopping after this chunk (Ctrl-C again: at once)")

    noted = [n for n in STOPPING if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in noted}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def policy_of(flags: Any) -> Policy:
    """When a run with these flags stops, when it cuts its rate, and what it keeps."""
    return dataclasses.replace(cutting(flags.policy, flags.settings), keep_best=flags.keep_best)


def layout_of(flags: Any, group: Group = ALONE) -> Layout | None:
    """How a run with these flags uses several devices; None where it uses one."""
    return machine.layout(flags.batch_size // flags.accumulate, flags.devices, flags.shard == "params", group.processes)


def warn(message: str) -> None:
    """Prints one line on stderr."""
    console.tell(f"warning: {message}")


def train_run(
    workdir: Path,
    flags: Any,
    stages: Sequence[Stage],
    watch: Callable[[int, int, State], Iterable[Still | Arrays | Lines]] = lambda stage, total, state: (),
    previous: State | None = None,
    counted: tuple[str, int] = ("", 0),
    group: Group = ALONE,
) -> Outcome:
    """Trains, or goes on training, with everything written down.

    Args:
        workdir: the run's directory.
        flags: the run's.
        stages: on the devices they are to run on.
        watch: called with stage, updates over all stages and State after chunks that reach a multiple of
            `flags.eval_every` or end a stage; of what it returns, pictures and texts go to TensorBoard.
        previous: the State that the first stage adopts from, the same one whenever the run goes on.
        counted: a unit, and how many of them an update has, see `open_log`.
        group: of processes, each of which calls this; process 0 alone logs.

    Raises:
        SystemExit: code 128 + n, after signal n, with a checkpoint written.
        FloatingPointError: a parameter or metric is no longer finite; the message names the last good checkpoint.
        Refused: the run has gone further than `stages`.
    """
    policy, directory = policy_of(flags), workdir / "checkpoints"
    key, layout = jax.random.key(flags.seed), layout_of(flags, group)
    template = functools.partial(_template, stages, workdir, policy, previous, layout)
    saved = checkpoint.restore(directory, template, warn, group=group)
    resume, earlier = _going_on(saved, stages, _count(layout)) if saved else (None, 0)
    events = loop.train(stages, key, flags.log_every, flags.eval_every, policy, resume, layout, previous, flags.norms)
    total = earlier + (saved.step if saved else 0)  # updates so far, over all stages
    at, good = ((saved.stage, saved.step), saved.path) if saved else ((-1, -1), None)
    stage, state, progress = resume or (0, None, None)
    with (
        contextlib.closing(NOWHERE if group.process else open_log(workdir, at, total, counted)) as log,
        stop_signals() as stops,
        bar(earlier + sum(each.steps for each in stages[stage:]), workdir.name, total, counted=counted) as advance,
        profiled("" if group.process else flags.profile) as after_chunk,
    ):
        for event in events:
            if event.stage > stage:
                stage, earlier = event.stage, total
            state, progress, total = event.state, event.progress, earlier + event.step
            row = log.write(event, total)
            if event.due:
                log.show(total, watch(event.stage, total, local(state, layout)))
            stopped = next(filter(None, group.exchange(stops[0] if stops else 0)), 0)
            if event.finite and (event.done or stopped or _due(event.step, flags)):
                first = good == (saved.path if saved else None)  # it is read back before an old one is dropped
                where, meta = (directory, event.stage, event.step), {"earlier": earlier, "devices": _count(layout)}
                good = checkpoint.save(*where, (state, progress), meta, check=first, group=group)
            advance(total, _shown(event))
            after_chunk()
            if not event.finite:
                raise FloatingPointError(_diverged(row, good))
            if stopped:
                raise _stopped(stopped, total, good)
        return _outcome(state, progress, total, log.seconds())


def _outcome(state: State | None, progress: Progress | None, total: int, seconds: float) -> Outcome:
    """Of a run that has had so many updates."""
    assert state is not None
    assert progress is not None
    best = total - int(state.step) + int(progress.best_step) if math.isfinite(progress.best) else None
    return Outcome(best_state(progress, state), total, seconds, best)


def _template(stages, workdir, policy, previous, layout, number) -> Any:
    """What a checkpoint of this stage holds, and where it is to live. Raises Refused where there is no such stage."""
    if number >= len(stages):
        raise Refused(f"{workdir} has gone on to stage {number}, and this command has {len(stages)}")
    return described(stages[number].technique, loop.shapes(stages, number, policy, previous), layout)


def _count(layout: Layout | None) -> int:
    """Devices."""
    return layout.whole.mesh.size if layout else 1


def _going_on(
    saved: checkpoint.Saved, stages: Sequence[Stage], devices: int
) -> tuple[tuple[int, State, Progress], int]:
    """Where a checkpoint lets a run go on, and the updates of the stages before."""
    wanted = stages[saved.stage].steps
    if saved.step > wanted:
        raise Refused(f"{saved.path} has had {saved.step} steps already, more than the {wanted} asked")
    earlier = saved.meta["earlier"]
    console.tell(f"going on at step {earlier + saved.step} from {saved.path}")
    if (before := saved.meta.get("devices", devices)) != devices:
        warn(f"it was written on {before} devices, this is {devices}: what follows agrees to rounding, not in bytes")
    return (saved.stage, *saved.tree), earlier


def _shown(event: loop.Event) -> dict[str, Any]:
    """The metrics for the bar: the objective on the validation split, and those of training, norms last."""
    valid = {f"valid {name}": metric.value for name, metric in list(event.valid.items())[:1]}
    return {**valid, **dict(sorted(event.train.items(), key=lambda item: item[0] in NORMS))}


def _stopped(number: int, total: int, good: Path | None) -> SystemExit:
    """What ends a process that a signal stopped, once it is told on stderr."""
    warn(f"stopped at step {total} by {signal.Signals(number).name}; the same command goes on from {good}")
    return SystemExit(128 + number)


def _due(step: int, flags: Any) -> bool:
    """Whether the chunk that ended at `step` reached a multiple of checkpoint_every."""
    length = (step - 1) % flags.log_every + 1
    return step // flags.checkpoint_every > (step - length) // flags.checkpoint_every


def _diverged(row: dict[str, Any], good: Path | None) -> str:
    bad = [name for name, value in row["train"].items() if not math.isfinite(value)] or ["a parameter"]
    kept = f"the last good checkpoint is {good}" if good else "there is no checkpoint yet"
    return f"training diverged: {', '.join(bad)} not finite by step {row['step']}; {kept}"
