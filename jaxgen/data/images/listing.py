"""The images in a folder, or in a zip archive that is read in place, listed alike."""

import contextlib
import os
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from jaxgen.core.types import Refused
from jaxgen.data.formats import zipped
from jaxgen.data.images.pixels import suffixes


class Entry(NamedTuple):
    """A file that has the suffix of an image."""

    name: str  # its path in the folder or archive, with slashes
    size: int  # bytes, unpacked
    stamp: int  # when it was changed, in nanoseconds; in an archive its checksum


class Listing(NamedTuple):
    """The files of a set, sorted by name, and how to read one."""

    entries: list[Entry]
    open: Callable[[str], IO[bytes]]  # to read the beginning only; one at a time
    read: Callable[[str], bytes]  # all of it, its checksum compared; from several threads
    where: Callable[[str], str]  # the name in a message


def printable(name: str) -> str:
    """A file's name as text that can be printed and encoded, whatever bytes it has on the disk."""
    return name if name.isprintable() else repr(name)[1:-1]


@contextlib.contextmanager
def listed(path: Path) -> Iterator[Listing]:
    """The images in a folder or archive; those of the archive can be read inside the `with` only.

    Hidden files and folders, `__MACOSX`, and what has no suffix of an image are left out.

    Raises:
        Refused: the folder or archive cannot be read, or is damaged; there is no image; a folder appears twice, by a
            link; or what has an image's name is no file.
    """
    with contextlib.ExitStack() as stack:
        found = _in_folder(path) if os.path.isdir(path) else _in_archive(path, stack.enter_context(_opened(path)))
        if not found.entries:
            raise Refused(f"{printable(str(path))} has no images: no visible file with a suffix such as .png or .jpg")
        yield found


def _in_folder(path: Path) -> Listing:
    return Listing(
        sorted(_walk(path)),
        open=lambda name: open(path / name, "rb"),
        read=lambda name: (path / name).read_bytes(),
        where=lambda name: printable(str(path / name)),
    )


def _in_archive(path: Path, archive: zipfile.ZipFile) -> Listing:
    members = {name: info for name, info in zipped.files(path, archive).items() if _is_image(name)}
    lock = threading.Lock()  # a ZipFile counts its readers without one

    def read(name):
        with lock:
            return archive.read(members[name])

    return Listing(
        sorted(Entry(name, info.file_size, info.CRC) for name, info in members.items()),
        open=lambda name: archive.open(members[name]),
        read=read,
        where=lambda name: f"{printable(name)} in {printable(str(path))}",
    )


def _opened(path: Path) -> zipfile.ZipFile:
    name = printable(str(path))
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        raise Refused(f"{name} cannot be read: {error.strerror or error}") from error
    if not regular:  # a pipe would be waited for
        raise Refused(f"{name} is neither a folder nor a zip archive")
    try:
        return zipfile.ZipFile(path)
    except OSError as error:
        raise Refused(f"{name} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # of a damaged directory: some five types
        raise Refused(f"{name} is no folder, and as a zip archive it cannot be read: {error}") from error


def _is_hidden(part: str) -> bool:
    return part == "__MACOSX" or part.startswith(".")


def _is_image(name: str) -> bool:
    """Whether a file of this path, with slashes, is to be read."""
    parts = name.split("/")
    return os.path.splitext(parts[-1])[1].lower() in suffixes() and not any(map(_is_hidden, parts))


def _walk(top: Path) -> Iterator[Entry]:
    """Images of the folder and of all below it; links are followed, except back to where they come from."""
    around = Path(os.path.realpath(top)).parents
    above = {"": frozenset(map(str, around))}  # folder -> real paths of those it lies in
    seen: dict[str, str] = {}  # real path -> folder
    left = [""]
    while left:
        prefix = left.pop()
        folder = top / prefix
        real = os.path.realpath(folder)
        if real in above[prefix]:
            continue
        if real in seen:
            first, again = (printable(str(top / each)) for each in (seen[real], prefix))
            raise Refused(f"{again} and {first} are one folder, by a link: its images would count twice")
        seen[real] = prefix
        try:
            with os.scandir(folder) as found:
                children = sorted(found, key=lambda child: child.name)
        except OSError as error:
            raise Refused(f"{printable(str(folder))} cannot be read: {error.strerror or error}") from error
        for child in children:
            name = f"{prefix}/{child.name}" if prefix else child.name
            if _is_hidden(child.name):
                continue
            if _is_folder(child):
                above[name] = above[prefix] | {real}
                left.append(name)
            elif _is_image(child.name):
                yield _entry(child, name)


def _is_folder(child: os.DirEntry) -> bool:
    try:
        return child.is_dir()
    except OSError:  # a link to itself
        return False


def _entry(child: os.DirEntry, name: str) -> Entry:
    where = printable(child.path)
    try:
        found = child.stat()
    except OSError as error:
        raise Refused(f"{where} cannot be read: {error.strerror or error}") from error
    if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
        raise Refused(f"{where} has the name of an image and is no file")
    return Entry(name, found.st_size, found.st_mtime_ns)
