"""Lists of the images in a folder, or in a zip archive that is read in place, behind one interface."""

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
from jaxgen.data.places import reason_of, shown


class ImageFile(NamedTuple):
    """A file with a suffix of an image format."""

    name: str  # path in the folder or archive, with slashes
    size: int  # bytes, unpacked
    stamp: int  # time of its last change in nanoseconds; in an archive its checksum


class Listing(NamedTuple):
    """The files of a set, sorted by name, and functions that read one by its name."""

    files: list[ImageFile]
    open: Callable[[str], IO[bytes]]  # for the beginning of the file; one at a time
    read: Callable[[str], bytes]  # the whole file, its checksum verified; thread-safe
    where: Callable[[str], str]  # the file's name in messages


def printable(name: str) -> str:
    """The name of a file as text that can be printed and encoded, whatever its bytes on the disk."""
    return name if name.isprintable() else repr(name)[1:-1]


@contextlib.contextmanager
def open_listing(path: Path) -> Iterator[Listing]:
    """The images in a folder or archive; those of an archive can be read only within the context.

    Hidden files and folders, `__MACOSX`, and files without a suffix of an image format are left out.

    Raises:
        Refused: the folder or archive cannot be read, or is damaged; it has no image; a folder occurs twice, by a
            symbolic link; or something with an image's name is no file.
    """
    with contextlib.ExitStack() as stack:
        listing = _of_folder(path) if os.path.isdir(path) else _of_archive(path, stack.enter_context(_opened(path)))
        if not listing.files:
            raise Refused(f"{printable(str(path))} has no images: no visible file with a suffix such as .png or .jpg")
        yield listing


def _of_folder(path: Path) -> Listing:
    return Listing(
        sorted(_walk(path)),
        open=lambda name: open(path / name, "rb"),
        read=lambda name: (path / name).read_bytes(),
        where=lambda name: printable(str(path / name)),
    )


def _of_archive(path: Path, archive: zipfile.ZipFile) -> Listing:
    members = {name: info for name, info in zipped.files(path, archive).items() if _is_image(name)}
    lock = threading.Lock()  # ZipFile's count of its readers is not thread-safe

    def read(name):
        with lock:
            return archive.read(members[name])

    return Listing(
        sorted(ImageFile(name, info.file_size, info.CRC) for name, info in members.items()),
        open=lambda name: archive.open(members[name]),
        read=read,
        where=lambda name: f"{shown(name, 60)} in {printable(str(path))}",
    )


def _opened(path: Path) -> zipfile.ZipFile:
    name = printable(str(path))
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        raise Refused(f"{name} cannot be read: {error.strerror or error}") from error
    if not regular:  # opening a pipe would block
        raise Refused(f"{name} is neither a folder nor a zip archive")
    try:
        return zipfile.ZipFile(path)
    except OSError as error:
        raise Refused(f"{name} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # of a damaged directory: some five types
        raise Refused(f"{name} is no folder, and as a zip archive it cannot be read: {reason_of(error)}") from error


def _is_hidden(part: str) -> bool:
    return part == "__MACOSX" or part.startswith(".")


def _is_image(name: str) -> bool:
    """Whether a file with this path, with slashes, belongs to a listing."""
    parts = name.split("/")
    return os.path.splitext(parts[-1])[1].lower() in suffixes() and not any(map(_is_hidden, parts))


def _walk(top: Path) -> Iterator[ImageFile]:
    """Images of the folder and of all below it; links are followed, but not to a folder that they are inside of."""
    above = {"": frozenset(map(str, Path(os.path.realpath(top)).parents))}  # folder -> real paths of its parents
    visited: dict[str, str] = {}  # real path -> folder
    pending = [""]
    while pending:
        prefix = pending.pop()
        folder = top / prefix
        real = os.path.realpath(folder)
        if real in above[prefix]:
            continue
        if real in visited:
            first, again = (printable(str(top / each)) for each in (visited[real], prefix))
            raise Refused(f"{again} and {first} are one folder, by a link: its images would count twice")
        visited[real] = prefix
        try:
            with os.scandir(folder) as entries:
                children = sorted(entries, key=lambda child: child.name)
        except OSError as error:
            raise Refused(f"{printable(str(folder))} cannot be read: {error.strerror or error}") from error
        for child in children:
            name = f"{prefix}/{child.name}" if prefix else child.name
            if _is_hidden(child.name):
                continue
            if _is_folder(child):
                above[name] = above[prefix] | {real}
                pending.append(name)
            elif _is_image(child.name):
                yield _image_file(child, name)


def _is_folder(child: os.DirEntry) -> bool:
    try:
        return child.is_dir()
    except OSError:  # a link to itself
        return False


def _image_file(child: os.DirEntry, name: str) -> ImageFile:
    where = printable(child.path)
    try:
        status = child.stat()
    except OSError as error:
        raise Refused(f"{where} cannot be read: {error.strerror or error}") from error
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would block
        raise Refused(f"{where} has the name of an image and is no file")
    return ImageFile(name, status.st_size, status.st_mtime_ns)
