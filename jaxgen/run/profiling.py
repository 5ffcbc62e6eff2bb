"""A trace of a few chunks of training, for XProf or https://ui.perfetto.dev: `--profile=DIR`."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import jax

from jaxgen.core.types import Refused

FIRST = 2  # chunks of this process before those that are traced: the first one compiles
COUNT = 3  # chunks that are traced


def check_profile(folder: str) -> None:
    """Raises Refused where a trace cannot be written to `folder`."""
    path = Path(os.path.expanduser(folder))
    if folder and path.exists() and not path.is_dir():
        raise Refused(f"--profile={folder} is a file; a trace is a directory")


@contextlib.contextmanager
def profiled(folder: str) -> Iterator[Callable[[], None]]:
    """A function to call after each chunk; after FIRST of them COUNT are traced, fewer where training ends.

    "": nothing is traced.
    """
    done, tracing = 0, False

    def after():
        nonlocal done, tracing
        done += 1
        if folder and done == FIRST:
            jax.profiler.start_trace(os.path.expanduser(folder), create_perfetto_trace=True)
            tracing = True
        if tracing and done == FIRST + COUNT:
            jax.profiler.stop_trace()
            tracing = False

    try:
        yield after
    finally:
        if tracing:
            jax.profiler.stop_trace()
