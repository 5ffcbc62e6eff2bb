"""From the command line to a process's exit code: what is wrong is one sentence on stderr, never a traceback."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxgen import ops
from jaxgen.core.config import knobs
from jaxgen.core.types import Refused
from jaxgen.run import console, control
from jaxgen.run.conduct import conduct
from jaxgen.run.experiment import Experiment, short
from jaxgen.run.parsing import every_knob, usage


def main(experiment: Experiment, argv: Sequence[str] | None = None) -> int:
    """Runs the experiment as the command line says; returns the process's exit code, see `guarded`."""
    argv = sys.argv[1:] if argv is None else argv

    def work():
        if "--help" in argv or "-h" in argv:
            listed = every_knob(experiment)
            print(usage(experiment.name, experiment.doc, listed, experiment.presets, experiment.defaults))
        else:
            conduct(experiment, argv)

    return guarded(short(experiment.name), work)


def script(name: str, doc: str, config: type, work: Callable[[list[str]], Any]) -> int:
    """Runs a script that is no experiment; `name` is its module's; returns the exit code, see `guarded`."""
    help_wanted = bool({"--help", "-h"} & set(sys.argv))
    return guarded(short(name), lambda: print(usage(name, doc, knobs(config))) if help_wanted else work(sys.argv[1:]))


def guarded(name: str, work: Callable[[], Any]) -> int:
    """Does the work; returns the exit code, a sentence on stderr where it is not 0.

    0: done. 1: training diverged. 2: refused, or out of memory, or stdout cannot be written. 128 + n: stopped by
    signal n, in training with a checkpoint written.
    """
    console.accept_any_text()
    try:
        code, sentence = _outcome(work)
    except Exception:
        if control.LEFT.is_set():
            traceback.print_exc()
            os._exit(1)
        raise
    if error := console.unwritten():
        code, sentence = _of_stdout(error, code, sentence)
    if sentence:
        console.tell(f"{name}: {sentence}")
    if control.LEFT.is_set():
        os._exit(code)
    return code


def _outcome(work: Callable[[], Any]) -> tuple[int, str]:
    """Does the work; returns the exit code and a sentence for stderr, "" where all is said. Bugs are raised."""
    try:
        work()
    except ValueError as error:
        if not isinstance(error, Refused) and not raised_by_ops(error):
            raise
        return 2, str(error)
    except (MemoryError, RuntimeError) as error:
        if sentence := of_the_machine(error):
            return 2, sentence
        raise
    except FloatingPointError as diverged:
        return 1, str(diverged)
    except SystemExit as stopped:
        return int(stopped.code or 0), ""
    except OSError as error:
        if not console.of_printing(error):
            raise
        return _of_stdout(error, 0, "")
    except KeyboardInterrupt:  # before or after training, or a second time
        return 130, "interrupted"
    return 0, ""


def _of_stdout(error: OSError, code: int, sentence: str) -> tuple[int, str]:
    """The outcome where stdout cannot be written: as it is where the work has failed already."""
    if code:
        return code, sentence
    if isinstance(error, BrokenPipeError):  # whoever read it has left, and knows
        return 128 + signal.SIGPIPE, ""
    return 2, f"cannot write to stdout: {error.strerror or error}"


def of_the_machine(error: MemoryError | RuntimeError) -> str:
    """What an error says of the machine, too little memory or no such device, in a sentence; "" where it is a bug."""
    text = str(error)
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in text or "out of memory" in text.lower():
        return "out of memory; a smaller network, batch or set needs less"
    if "Unable to initialize backend" in text:
        return f"JAX has no such device: {text.splitlines()[0]}"
    return ""


def raised_by_ops(error: ValueError) -> bool:
    """Whether a function of `jaxgen.ops` raised the error: its message is a sentence about shapes or settings."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).is_relative_to(Path(ops.__path__[0]))
