"""Zip archives, read in place and without trusting them. Nothing in them is written to the disk."""

import os
import re
import stat
import struct
import zipfile
from pathlib import Path

from jaxgen.core.types import Refused
from jaxgen.data.formats.idx import LARGE, LIKELY_RATIO

ENCRYPTED = 0x1  # of a member's flags


def check(path: Path, archive: zipfile.ZipFile) -> None:
    """Raises Refused where members are hidden, or claim to unpack to what their archive can hardly hold."""
    found = archive.infolist()
    with path.open("rb") as file:
        # One wrong length in the directory hides the next entry, and zipfile does not count them.
        file.seek(-22 - len(archive.comment), os.SEEK_END)
        (declared,) = struct.unpack_from("<H", file.read(22), 10)  # of the end record; 65535: see elsewhere
    if declared not in (len(found) % 2**16, 65535):
        raise Refused(f"{path} is damaged: {len(found)} entries of {declared} are listed")
    for info in found:
        _check_size(f"{info.filename!r} in {path}", info.compress_size, info.file_size)
    # Of the file's size: members may overlap, so that each of them is small and counted again and again.
    _check_size(str(path), path.stat().st_size, sum(info.file_size for info in found))


def _check_size(name: str, packed: int, unpacked: int) -> None:
    if unpacked > max(LARGE, LIKELY_RATIO * packed):
        raise Refused(f"{name} claims to unpack from {packed:,} to {unpacked:,} bytes, which is not believable")


def files(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Path inside the archive, with slashes -> the file there, once `check` and all names are fine.

    Raises:
        Refused: a name leads out of the archive or is there twice, or a member is encrypted or a link.
    """
    check(path, archive)
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name, where = info.filename, f"{info.filename!r} in {path}"
        if ".." in name.split("/") or "\\" in name or re.match(r"/|[A-Za-z]:", name):
            raise Refused(f"{where} is no name of a file inside an archive: it is absolute, or has '..' or a backslash")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Refused(f"{where} is a symbolic link; expected files and folders only")
        if info.flag_bits & ENCRYPTED:
            raise Refused(f"{where} is encrypted; pack the archive again without a password")
        if info.is_dir():
            continue
        name = "/".join(part for part in name.split("/") if part not in ("", "."))
        if name in found:
            raise Refused(f"{where} is there twice")
        found[name] = info
    return found
