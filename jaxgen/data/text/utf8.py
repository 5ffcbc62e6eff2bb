"""UTF-8 files read in blocks, so that they are never in memory as a whole."""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

from jaxgen.core.types import Refused
from jaxgen.data.places import reading
from jaxgen.data.text.blocks import BLOCK

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_utf8(path: Path) -> Iterator[str]:
    r"""The text of a UTF-8 file in blocks; \r\n and \r become \n, a byte order mark is dropped.

    Raises:
        Refused: the file cannot be read, is a binary file, or is not UTF-8; the message has the position of the first
            byte that is not.
    """
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    first, rest = 0, b""  # position of the next block in the file; bytes of an incomplete character before it
    with reading(path), open(path, "rb") as file:
        while block := file.read(BLOCK):
            if not first and block.startswith(UTF16):
                raise Refused(f"{path} is UTF-16 and not UTF-8; convert it with `iconv -f UTF-16 -t UTF-8`")
            text, used = _decoded(path, rest + block, first - len(rest))
            first, rest = first + len(block), (rest + block)[used:]
            yield newlines.decode(text)
    _decoded(path, rest, first - len(rest), final=True)
    yield newlines.decode("", final=True)


def _decoded(path: Path, data: bytes, first: int, final: bool = False) -> tuple[str, int]:
    """The text of bytes from position `first` of a file, and their number without those of an incomplete character.

    With `final`, an incomplete character is an error.
    """
    if (position := data.find(b"\0")) >= 0:
        raise Refused(f"{path} is a binary file and not text: byte {first + position:,} (counted from 0) is NUL")
    try:
        text, used = codecs.utf_8_decode(data, "strict", final)
    except UnicodeDecodeError as error:
        raise Refused(
            f"{path} is not UTF-8: byte {first + error.start:,} (counted from 0), 0x{data[error.start]:02x}, is part "
            "of no character; if it is Latin-1, convert it with `iconv -f ISO-8859-1 -t UTF-8`"
        ) from error
    return (text if first else text.removeprefix("\ufeff")), used
