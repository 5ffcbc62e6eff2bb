"""Arrays by name, in NumPy's .npz archives and .npy files: in memory as far as they fit there, and never unpickled."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.formats import npy, zipped
from jaxgen.data.formats.npy import Large

Arrays = dict[str, np.ndarray | Large]


def archived(path: Path, resident: int, images: Sequence[str], others: Sequence[str]) -> Arrays:
    """Every array of an .npz archive by name, after its checksums.

    Args:
        path: of the archive.
        resident: bytes that the arrays called `images` may take together. Above that they are Large, and their
            checksums are compared when they are read.
        images: names.
        others: names of further arrays that are used. All the rest is Large.

    Raises:
        Refused: the file is empty, no archive, damaged, holds something else, or claims to unpack to far more than is
            likely; and whatever zipfile and numpy raise of damage.
    """
    with path.open("rb") as file:
        start = file.read(2)
    if not start:
        raise Refused(f"{path} is empty (0 bytes)")
    if start != b"PK":
        raise Refused(f"{path} is not an .npz archive, which is a zip file; numpy.savez writes one")
    with zipfile.ZipFile(path) as archive:
        zipped.check(path, archive)
        found = {large.name: large for info in archive.infolist() if (large := _header(path, archive, info))}
        unread = [name for name in found if name not in (*images, *others)]
        sizes = {name: found[name].nbytes for name in images if name in found}
        if sum(sizes.values()) <= resident:
            sizes = {}
        for info in archive.infolist():
            # numpy alone notices a wrong checksum only where it happens to read an array to its last byte.
            if info.filename.removesuffix(".npy") not in sizes and not _is_whole(archive, info):
                raise Refused(f"{path} is damaged: the checksum of {info.filename!r} does not agree")
    # Never unpickled: a pickle runs whatever its author put there.
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: found[name] if name in [*unread, *sizes] else archive[name] for name in archive.files}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray | Large):  # numpy hands out whatever else is in the zip as bytes
            raise Refused(f"{path} holds {name!r}, which is not an array")
    return arrays


def _header(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Large | None:
    """None where there is no array, or not as much of it as announced: numpy and the checksum tell what is wrong."""
    try:
        large = npy.in_archive(path, archive, info)
    except Exception:
        return None
    return large if large.start + large.nbytes <= large.length else None


def _is_whole(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bool:
    try:
        with archive.open(info) as file:
            while file.read(2**20):
                pass
    except zipfile.BadZipFile:
        return False
    return True


def alone(path: Path, resident: int) -> Arrays:
    """The array of an .npy file by the file's name; Large where it takes more than `resident` bytes.

    Raises:
        Refused: the file is empty, truncated or of another kind; and whatever numpy raises of its header.
    """
    with path.open("rb") as file:
        start = file.read(len(npy.MAGIC))
    if not start:
        raise Refused(f"{path} is empty (0 bytes)")
    if start != npy.MAGIC:
        raise Refused(f"{path} is not an .npy file, which numpy.save writes")
    large = npy.in_file(path)
    if large.start + large.nbytes > large.length:
        found = large.length - large.start
        raise Refused(f"{path} is truncated: expected {large.nbytes:,} bytes after the header, found {found:,}")
    return {large.name: large if large.nbytes > resident else np.load(path, allow_pickle=False)}
