"""Files that are whole or not there: a killed run leaves no half-written picture, summary or report."""

import os
from pathlib import Path


def write_whole(path: str | os.PathLike, data: bytes) -> None:
    """Writes `data` beside `path` and moves it into place, creating missing folders.

    Raises OSError (disk full, no permission), and then `path` is as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not tempfile.mkstemp: only their owner can read its files, and a run's results are meant to be shared.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
