"""Files that are whole or not there: a killed run leaves no half-written picture, summary or report."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from jaxgen.core.types import Refused


def write_whole(path: str | os.PathLike, data: bytes) -> None:
    """Writes `data` beside `path` and moves it into place, creating missing folders.

    Raises Refused (disk full, no permission), and then `path` is as it was.
    """
    path = Path(path)
    # Not tempfile.mkstemp: its files are readable by their owner only, and a run's results are meant to be shared.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(part, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(path: str | os.PathLike) -> Iterator[None]:
    """Raises Refused, with the path and the system's reason, where a write in this context fails."""
    try:
        yield
    except OSError as error:
        raise Refused(f"cannot write {path}: {error.strerror or error}") from error
