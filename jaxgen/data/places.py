"""The paths of data sets: folders, candidates for a path, and errors of reading.

`os.path.exists` is used and not `Path.exists`: it returns False for names that no file can have, where pathlib raises.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from jaxgen.core.types import Refused

TFDS = "tfds:"  # prefix of the names of sets that TensorFlow Datasets knows


def expanded(path: str) -> Path:
    """The path with ~ replaced by the home folder; unchanged where there is no such user."""
    return Path(os.path.expanduser(path))


def cache_folder() -> Path:
    """Where decoded sets and downloads are kept for the next run: JAXGEN_CACHE, or jaxgen in XDG_CACHE_HOME."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return expanded(os.environ.get("JAXGEN_CACHE") or os.path.join(base, "jaxgen"))


def data_folders(data_dir: str) -> list[Path]:
    """The folders with the files of named sets, in the order of search; a download goes to the first."""
    return [*([expanded(data_dir)] if data_dir else []), cache_folder() / "data"]


def first_existing(paths: list[Path]) -> Path | None:
    """The first of the paths that exists; None where none does."""
    return next((path for path in paths if os.path.exists(path)), None)


def candidate_paths(path: str, data_dir: str = "") -> list[Path]:
    """The absolute paths that `path` may stand for: relative to the working folder, and to `data_dir`."""
    relative, folders = os.path.expanduser(path), ("", os.path.expanduser(data_dir))
    absolute = (os.path.abspath(os.path.join(folder, relative)) for folder in folders)
    return [Path(each) for each in dict.fromkeys(absolute)]


def existing(path: str, data_dir: str = "") -> Path:
    """The first of the `candidate_paths` that exists.

    Raises:
        Refused: none does; the message lists them.
    """
    paths = candidate_paths(path, data_dir)
    first = first_existing(paths)
    if first is None:
        raise Refused(f"there is no file or folder {path}; looked for {' and '.join(map(str, paths))}")
    return first


def reason_of(error: BaseException, most: int = 120) -> str:
    """What an exception says, as a printable part of a sentence: libraries quote the bytes of damaged files."""
    said = " ".join(str(getattr(error, "strerror", None) or error).split())
    return shown(said or type(error).__name__, most)


def shown(text: str, most: int) -> str:
    """A text of a file, printable and not longer than in a sentence."""
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= most else f"{text[:most]}..."


@contextlib.contextmanager
def reading(path: object) -> Iterator[None]:
    """Within it, OSError becomes Refused with a sentence that names the path and the system's reason."""
    try:
        yield
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}") from error
