"""Flags from frozen dataclasses: every experiment's command line.

A field made by `knob` is a flag, with its help, bounds and choices. Explicit flags beat a `--preset`, a preset beats
the experiment's own defaults, and those beat the class's. What a user got wrong is said in one sentence, with exit
code 2.
"""

import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax

from jaxgen.core.config import knob
from jaxgen.core.progress import Policy
from jaxgen.core.types import Refused
from jaxgen.optim.registry import OPTIMIZERS
from jaxgen.optim.settings import HYPERPARAMETERS, SHAPE, Settings, chosen
from jaxgen.run.flags import build, explicit, usage
from jaxgen.run.machine import prepare
from jaxgen.run.train import load

__all__ = ["Command", "RunFlags", "load", "main"]

LARGEST = 2**31 - 1  # steps are counted in int32
RUN, DATA, TRAINING, OPTIMIZER, MACHINE = "run", "data", "training", "optimiser", "machine"


@dataclasses.dataclass(frozen=True)
class RunFlags:
    """What every experiment can be told, whatever its technique."""

    workdir: str = knob("", "the run's directory (runs/NAME); the same command again resumes", free=True, group=RUN)
    preset: str = knob("", "a named configuration; flags given beside it win", free=True, group=RUN)
    seed: int = knob(0, "of everything random", lower=0, upper=2**32 - 1, group=RUN)
    log_every: int = knob(100, "steps per dispatch and per line of metrics.jsonl", lower=1, upper=LARGEST, group=RUN)
    eval_every: int = knob(500, "steps between evaluations on the validation split", lower=1, upper=LARGEST, group=RUN)
    checkpoint_every: int = knob(500, "steps between checkpoints", lower=1, upper=LARGEST, free=True, group=RUN)
    data_dir: str = knob("", "where local files live; JAXGEN_DATA where not given", free=True, group=DATA)
    batch_size: int = knob(128, "examples per step", lower=1, upper=LARGEST, group=DATA)
    init_from: str = knob(
        "", "a run's directory, to start from its parameters (the best, if kept)", free=True, group=TRAINING
    )
    steps: int | None = knob(
        None, "updates in all; more than a run has had go on", lower=1, upper=LARGEST, free=True, group=TRAINING
    )
    epochs: int | None = knob(
        None, "instead of steps: passes over the training split", lower=1, upper=LARGEST, free=True, group=TRAINING
    )
    optimizer: str = knob(
        "adam", f"by the textbook: {', '.join(OPTIMIZERS)}; or one of optax's: optax.NAME", group=OPTIMIZER
    )
    settings: Settings = Settings()  # noqa: RUF009 - frozen
    policy: Policy = Policy()  # noqa: RUF009 - frozen
    host_devices: int = knob(1, "CPU devices to split batches over", lower=1, upper=64, group=MACHINE)
    compilation_cache: str = knob("", "a directory to keep compiled programs in", free=True, group=MACHINE)


@dataclasses.dataclass(frozen=True)
class ImageFlags(RunFlags):
    """What an experiment on images can be told."""

    dataset: str = knob(
        "glyphs", "a named set, tfds:NAME, or the path of a folder, .zip, .npz or .npy", free=True, group=DATA
    )
    classes: str = knob(
        "", "names of those to keep, such as cat,dog or 0-4, renumbered in that order", free=True, group=DATA
    )
    per_class: int = knob(
        0,
        "training images of each class, the same ones in every run; 0: all",
        lower=0,
        upper=LARGEST,
        free=True,
        group=DATA,
    )
    image_size: int = knob(
        0,
        "side in pixels that a folder's images are resized and cropped to; 0: as they are",
        lower=0,
        upper=4096,
        group=DATA,
    )
    resident_mb: int = knob(
        1024,
        "MiB of images up to which a set is held in memory; a larger one is streamed",
        lower=0,
        upper=2**20,
        group=DATA,
    )


class Command(NamedTuple):
    """What a script is, for `main` and for the tour."""

    name: str  # python -m experiments.NAME
    experiment: Callable[[Any, Any], Any]  # the run's flags, the technique's config -> whatever the script gives
    config: type  # the config's class
    presets: Mapping[str, Mapping[str, Any]]
    defaults: Mapping[str, Any]
    flags: type = ImageFlags  # the class of the run's flags


def main(command: Command, argv: Sequence[str] | None = None) -> int:
    """Runs the experiment as the command line says; returns the process's exit code, see `guarded`."""
    argv = sys.argv[1:] if argv is None else argv
    if "--help" in argv or "-h" in argv:
        doc = sys.modules[command.experiment.__module__].__doc__ or ""
        print(usage(command.name, doc, (command.config, command.flags), command.presets, command.defaults))
        return 0
    return guarded(command.name, lambda: run_command(command, argv))


def script(name: str, config: type, work: Callable[[list[str]], Any]) -> int:
    """What a script is that trains by others' commands: its help, or its work on the command line; the exit code."""
    if {"--help", "-h"} & set(sys.argv):
        print(usage(name, sys.modules[work.__module__].__doc__ or "", (config,), {}, {}))
        return 0
    return guarded(name, lambda: work(sys.argv[1:]))


def run_command(command: Command, argv: Sequence[str]) -> Any:
    """What the experiment gives for these flags. Raises Refused for wrong ones."""
    run_flags, config = parse(command, argv)
    prepare(run_flags.host_devices, run_flags.compilation_cache)
    chosen(run_flags.optimizer, run_flags.settings)  # what it refuses is told before data are loaded
    return command.experiment(run_flags, config)


def guarded(name: str, work: Callable[[], Any]) -> int:
    """Does the work; returns the exit code, a sentence on stderr where it is not 0.

    0: done. 1: training diverged. 2: refused. 128 + n: stopped by signal n, in training with a checkpoint written.
    """
    try:
        work()
    except Refused as refusal:
        print(f"{name}: {refusal}", file=sys.stderr)
        return 2
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if not isinstance(error, MemoryError) and "RESOURCE_EXHAUSTED" not in str(error):  # a bug
            raise
        print(f"{name}: out of memory; a smaller network, batch or set needs less", file=sys.stderr)
        return 2
    except FloatingPointError as diverged:
        print(f"{name}: {diverged}", file=sys.stderr)
        return 1
    except SystemExit as stopped:
        return int(stopped.code or 0)
    except BrokenPipeError:  # whoever read stdout has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:  # before or after training, or a second time
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
    return 0


def parse(command: Command, argv: Sequence[str]) -> tuple[Any, Any]:
    """The run's flags and the technique's configuration. Raises Refused, in one sentence that says what is wrong."""
    classes = (command.flags, command.config)
    given = explicit(command.name, classes, argv)
    preset = given.get("preset") or command.defaults.get("preset", "")
    if preset and preset not in command.presets:
        raise Refused(f"unknown preset {preset!r}; known: {', '.join(sorted(command.presets)) or 'none'}")
    if {"steps", "epochs"} <= given.keys():
        raise Refused("give --steps or --epochs, not both")
    merged: dict[str, Any] = {
        "workdir": os.path.join("runs", command.name),
        "data_dir": os.environ.get("JAXGEN_DATA", ""),
    }
    for layer in (command.defaults, command.presets.get(preset, {}), given):
        # Each of the two ways to say how long replaces the other where it stands in a stronger layer.
        merged |= {"epochs": None} if "steps" in layer else {"steps": None} if "epochs" in layer else {}
        # What a preset says to its optimiser is no business of another one, and so with its schedule.
        merged |= dict.fromkeys(HYPERPARAMETERS if "optimizer" in layer else (), None)
        merged |= dict.fromkeys(SHAPE if "schedule" in layer else (), None)
        merged |= layer
    run_flags, config = build(classes, merged)
    return run_flags, config
