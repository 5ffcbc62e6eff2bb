"""A folder that is whole or is not: its files' sha256 in a manifest, written last, and a name that it gets then."""

import hashlib
import os
import shutil
from pathlib import Path

MANIFEST = "manifest.sha256"


def settle(part: Path, target: Path) -> None:
    """Writes the manifest, and gives the folder the name `target`, by which it counts."""
    lines = "".join(f"{_digest(part / name)}  {name}\n" for name in _files(part))
    (part / MANIFEST).write_text(lines + hashlib.sha256(lines.encode()).hexdigest() + "\n")
    _sync(part)
    if target.exists():  # damaged, or it would have been gone on from
        shutil.rmtree(target)
    part.rename(target)
    _sync(target.parent)


def damage(path: Path) -> str:
    """What is wrong with a folder that was settled, in a few words; empty where every file is as it was written."""
    try:
        *lines, seal = (path / MANIFEST).read_bytes().decode().splitlines(keepends=True)
        body = "".join(lines)
        if seal != hashlib.sha256(body.encode()).hexdigest() + "\n" or not lines:
            return f"{MANIFEST} is damaged"
    except (OSError, ValueError):
        return f"{MANIFEST} is missing or damaged"
    for line in lines:
        digest, name = line.rstrip("\n").split("  ", 1)
        try:
            if _digest(path / name) != digest:
                return f"{name} is damaged"
        except OSError:
            return f"{name} is missing"
    return ""


def _files(path: Path) -> list[str]:
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


def _digest(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Makes everything below `path` survive a power cut, before the rename that declares it whole."""
    for entry in [*path.rglob("*"), path] if path.name.startswith(".part") else [path]:
        descriptor = os.open(entry, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
