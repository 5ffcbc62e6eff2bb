"""From the command line to a process's exit code: what is wrong is one sentence on stderr, never a traceback."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax

from jaxgen import ops
from jaxgen.core.config import knobs
from jaxgen.core.types import Refused
from jaxgen.run.conduct import conduct
from jaxgen.run.experiment import Experiment, short
from jaxgen.run.parsing import every_knob, usage


def main(experiment: Experiment, argv: Sequence[str] | None = None) -> int:
    """Runs the experiment as the command line says; returns the process's exit code, see `guarded`."""
    argv = sys.argv[1:] if argv is None else argv
    if "--help" in argv or "-h" in argv:
        listed = every_knob(experiment)
        print(usage(experiment.name, experiment.doc, listed, experiment.presets, experiment.defaults))
        return 0
    return guarded(short(experiment.name), lambda: conduct(experiment, argv))


def script(name: str, doc: str, config: type, work: Callable[[list[str]], Any]) -> int:
    """Runs a script that is no experiment; `name` is its module's; returns the exit code, see `guarded`."""
    if {"--help", "-h"} & set(sys.argv):
        print(usage(name, doc, knobs(config)))
        return 0
    return guarded(short(name), lambda: work(sys.argv[1:]))


def guarded(name: str, work: Callable[[], Any]) -> int:
    """Does the work; returns the exit code, a sentence on stderr where it is not 0.

    0: done. 1: training diverged. 2: refused. 128 + n: stopped by signal n, in training with a checkpoint written.
    """
    try:
        work()
    except ValueError as error:
        if not isinstance(error, Refused) and not raised_by_ops(error):  # a bug
            raise
        print(f"{name}: {error}", file=sys.stderr)
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


def raised_by_ops(error: ValueError) -> bool:
    """Whether a function of `jaxgen.ops` raised the error: its message is a sentence about shapes or settings."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).is_relative_to(Path(ops.__path__[0]))
