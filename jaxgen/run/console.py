"""stdout and stderr, which may be a disk that is full, a pipe whose reader left or a terminal that was closed.

None of these stops a run while it trains: what nobody can be told is dropped. What is printed may have any characters.
"""

import contextlib
import errno
import io
import os
import sys
from typing import TextIO

FAILED_WRITES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE)


def accept_any_text() -> None:
    """Lets stdout print what its encoding lacks, such as the name of a file that is no UTF-8, as \\-sequences."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a notebook's is something else
        sys.stdout.reconfigure(errors="backslashreplace")


def tell(message: str, stream: TextIO | None = None) -> None:
    """Prints a line on `stream`, stderr by default; where that fails, it leads nowhere from now on."""
    stream = stream or sys.stderr
    try:
        print(message, file=stream, flush=True)
    except OSError:
        _drop(stream)


def of_printing(error: OSError) -> bool:
    """Whether an error is one of writing that names no file: files are written by functions that name them."""
    return error.errno in FAILED_WRITES and error.filename is None


def unwritten() -> OSError | None:
    """Why what was printed on stdout cannot be written, and then it leads nowhere from now on; None where it was."""
    try:
        if sys.stdout is not None:  # as it is where it was closed before
            sys.stdout.flush()
    except OSError as error:
        _drop(sys.stdout)
        return error
    return None


def _drop(stream: TextIO) -> None:
    """Leads a stream to nowhere, or the interpreter would try to write what is left of it when it ends."""
    with contextlib.suppress(OSError, ValueError):  # it is no file: a test's or a notebook's
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
