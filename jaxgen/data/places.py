"""Where data sets are looked for: `os.path` says no, where pathlib raises, to names that no file can have."""

import os
from pathlib import Path


def expanded(path: str) -> Path:
    """The path with ~ for the home folder; as it is where there is no such user."""
    return Path(os.path.expanduser(path))


def cache_folder() -> Path:
    """Where decoded sets and downloads are kept for the next run: JAXGEN_CACHE, or jaxgen in XDG_CACHE_HOME."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return expanded(os.environ.get("JAXGEN_CACHE") or os.path.join(base, "jaxgen"))


def data_folders(data_dir: str) -> list[Path]:
    """The folders with the files of named sets, in order; a download goes to the first."""
    return [*([expanded(data_dir)] if data_dir else []), cache_folder() / "data"]


def first_existing(places: list[Path]) -> Path | None:
    """The first place that exists."""
    return next((place for place in places if os.path.exists(place)), None)
