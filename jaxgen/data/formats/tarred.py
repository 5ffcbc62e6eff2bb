"""Gzipped tar archives that are not trusted. They are read in place, and nothing is unpacked to the disk."""

import gzip
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxgen.core.types import Refused
from jaxgen.data.places import reason_of

PIECE = 2**20  # bytes that are read at once; a header may announce a name of any length
COUNT = 10_000  # files of a believable archive


class _Pieces:
    """An open file of which only small pieces are read: an interface of Python's that only a class can have."""

    def __init__(self, file: Any):
        self.seek, self.tell, self._read = file.seek, file.tell, file.read

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= PIECE:
            raise tarfile.ReadError(f"a header claims {size:,} bytes")
        return self._read(size)


def files(path: Path, wanted: Callable[[str], bool], most: int) -> dict[str, bytes]:
    """Those files of an archive whose names, with slashes, are wanted.

    Args:
        path: of the archive.
        wanted: is asked for each name.
        most: bytes of a believable archive, unpacked.

    Raises:
        Refused: the archive cannot be read, is damaged, or claims to unpack to more than `most`.
    """
    found: dict[str, bytes] = {}
    total = rest = 0
    try:
        with gzip.open(path) as packed, tarfile.open(fileobj=_Pieces(packed), mode="r:") as archive:  # type: ignore[call-overload]
            for count, member in enumerate(archive):
                total += member.size
                if member.size < 0 or total > most or count >= COUNT:  # before it is passed over or read
                    raise Refused(f"{path} claims {count + 1:,} files of {total:,} bytes, which is not believable")
                file = archive.extractfile(member) if member.isreg() and wanted(member.name) else None
                if file and not member.issparse():
                    pieces = iter(lambda: file.read(PIECE), b"")  # noqa: B023 - exhausted at once
                    found[member.name] = b"".join(pieces)
            while piece := packed.read(PIECE):  # behind the end of the archive is its checksum, which is compared then
                rest += len(piece)
                if rest > most:
                    raise Refused(f"{path} goes on for {rest:,} bytes behind its end, which is not believable")
    except Refused:
        raise
    except (
        gzip.BadGzipFile,
        tarfile.TarError,
        EOFError,
        zlib.error,
        ValueError,
        OverflowError,
        RecursionError,
    ) as error:
        raise Refused(f"{path} is damaged: {reason_of(error)}; fetch it again") from error
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}") from error
    return found
