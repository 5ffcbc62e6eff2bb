"""Checks of zip archives that are not trusted. They are read in place, and nothing is unpacked to the disk."""

import os
import re
import stat
import struct
import zipfile
from pathlib import Path

from jaxgen.core.types import Refused
from jaxgen.data.formats.idx import LARGE, LIKELY_RATIO
from jaxgen.data.places import shown

ENCRYPTED = 0x1  # in a member's flags


def check_archive(path: Path, archive: zipfile.ZipFile) -> None:
    """Raises Refused where members are hidden, or claim to unpack to far more than is likely."""
    members = archive.infolist()
    with path.open("rb") as file:
        # A wrong length in the directory hides the next entry, and zipfile does not count entries.
        file.seek(-22 - len(archive.comment), os.SEEK_END)
        (declared,) = struct.unpack_from("<H", file.read(22), 10)  # in the end record; 65535: in Zip64's own record
    if declared not in (len(members) % 2**16, 65535):
        raise Refused(f"{path} is damaged: {len(members)} entries of {declared} are listed")
    for info in members:
        _check_size(f"{shown(info.filename, 60)!r} in {path}", info.compress_size, info.file_size)
    # Against the file's size, since members may overlap: each is believable, and all together are not.
    _check_size(str(path), path.stat().st_size, sum(info.file_size for info in members))


def _check_size(name: str, packed: int, unpacked: int) -> None:
    if unpacked > max(LARGE, LIKELY_RATIO * packed):
        raise Refused(f"{name} claims to unpack from {packed:,} to {unpacked:,} bytes, which is not believable")


def files(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive: path inside it, with slashes -> member.

    Raises:
        Refused: see `check_archive`; or a name leads out of the archive or occurs twice, or a member is encrypted or a
            symbolic link.
    """
    check_archive(path, archive)
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name, where = info.filename, f"{shown(info.filename, 60)!r} in {path}"
        if ".." in name.split("/") or "\\" in name or re.match(r"/|[A-Za-z]:", name):
            raise Refused(f"{where} is no name of a file inside an archive: it is absolute, or has '..' or a backslash")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Refused(f"{where} is a symbolic link; expected files and folders only")
        if info.flag_bits & ENCRYPTED:
            raise Refused(f"{where} is encrypted; pack the archive again without a password")
        if info.is_dir():
            continue
        name = "/".join(part for part in name.split("/") if part not in ("", "."))
        if name in members:
            raise Refused(f"{where} is there twice")
        members[name] = info
    return members


def is_whole(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bool:
    """Whether a member has its checksum."""
    try:
        with archive.open(info) as file:
            while file.read(2**20):
                pass
    except zipfile.BadZipFile:
        return False
    return True
