"""Arrays by name from NumPy's .npz archives and .npy files, in memory up to a limit, and never unpickled."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.formats import npy, zipped
from jaxgen.data.formats.npy import Large
from jaxgen.data.places import shown

Arrays = dict[str, np.ndarray | Large]


def read_npz(path: Path, resident: int, images: Sequence[str], others: Sequence[str]) -> Arrays:
    """Every array of an .npz archive by name, with verified checksums.

    Args:
        path: of the archive.
        resident: bytes up to which the arrays named by `images` are held in memory. Above, these are Large, and their
            checksums are verified when they are read.
        images: names of arrays.
        others: names of further arrays to read. Arrays with other names are Large.

    Raises:
        Refused: the file is empty, no archive, damaged, has members that are no arrays, or claims to unpack to far more
            than is likely. Damage also raises whatever zipfile and numpy raise.
    """
    with path.open("rb") as file:
        start = file.read(2)
    if not start:
        raise Refused(f"{path} is empty (0 bytes)")
    if start != b"PK":
        raise Refused(f"{path} is not an .npz archive, which is a zip file; numpy.savez writes one")
    with zipfile.ZipFile(path) as archive:
        zipped.check_archive(path, archive)
        headers = {large.name: large for info in archive.infolist() if (large := _header(path, archive, info))}
        unused = [name for name in headers if name not in (*images, *others)]
        streamed = [name for name in images if name in headers]
        if sum(headers[name].nbytes for name in streamed) <= resident:
            streamed = []
        for info in archive.infolist():
            # numpy notices a wrong checksum only where it happens to read an array to its last byte.
            if info.filename.removesuffix(".npy") not in streamed and not zipped.is_whole(archive, info):
                raise Refused(f"{path} is damaged: the checksum of {shown(info.filename, 60)!r} does not agree")
    for name in (*images, *others):
        if (
            name in headers and headers[name].start + headers[name].nbytes > headers[name].length
        ):  # before numpy allocates as much
            raise Refused(
                f"{path} cannot be read: {shown(name, 60)!r} claims {headers[name].nbytes:,} bytes, which are not there"
            )
    # Never unpickled, since a pickle can run any code.
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: headers[name] if name in [*unused, *streamed] else archive[name] for name in archive.files}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray | Large):  # numpy returns other members of the zip file as bytes
            raise Refused(f"{path} holds {shown(name, 60)!r}, which is not an array")
    return arrays


def _header(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Large | None:
    """The header of a member; None where it is no array, which numpy or the checksum then report."""
    try:
        return npy.in_archive(path, archive, info)
    except Exception:
        return None


def read_npy(path: Path, resident: int) -> Arrays:
    """The array of an .npy file by the file's name; Large where it takes more than `resident` bytes.

    Raises:
        Refused: the file is empty, truncated or of another kind. A damaged header raises whatever numpy raises.
    """
    with path.open("rb") as file:
        start = file.read(len(npy.MAGIC))
    if not start:
        raise Refused(f"{path} is empty (0 bytes)")
    if start != npy.MAGIC:
        raise Refused(f"{path} is not an .npy file, which numpy.save writes")
    large = npy.in_file(path)
    if large.start + large.nbytes > large.length:
        present = large.length - large.start
        raise Refused(f"{path} is truncated: expected {large.nbytes:,} bytes after the header, found {present:,}")
    return {large.name: large if large.nbytes > resident else np.load(path, allow_pickle=False)}
