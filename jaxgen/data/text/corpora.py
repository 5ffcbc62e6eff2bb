"""Corpora by name or path, as blocks of text."""

import difflib
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from jaxgen.core.types import Refused
from jaxgen.data.places import TFDS, candidate_paths, data_folders, existing, first_existing, reading
from jaxgen.data.text import utf8

# Address, bytes and sha256 of corpora that are one file.
FILES = {
    "nietzsche": (
        "https://s3.amazonaws.com/text-datasets/nietzsche.txt",
        600901,
        "23cf69874ab69d3d256099ab530ea4be24d47d9675b673bcc67cbcd6298ec647",
    ),
    "tinyshakespeare": (
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        1115394,
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
}


def corpus_blocks(corpus: str, data_dir: str = "") -> Iterator[str]:
    """A corpus in blocks of at most some million characters.

    Args:
        corpus: one of NAMES; tfds:NAME or tfds:NAME:CONFIG; the path of a UTF-8 file, or of a folder with files .txt,
            which are ordered by name and joined with a newline.
        data_dir: folder in which corpora and relative paths are looked for, and to which corpora are downloaded.

    Raises:
        Refused: the name is unknown, or a file is missing or damaged; some only when their block is reached.
    """
    if corpus.startswith(TFDS):
        from jaxgen.data.text import tfds_texts

        return tfds_texts.tfds_text_blocks(corpus.removeprefix(TFDS), data_dir)
    if corpus in LOADERS:
        return LOADERS[corpus](data_dir)
    exists = corpus and any(map(os.path.exists, candidate_paths(corpus, data_dir)))
    if exists or os.sep in corpus or corpus.lower().endswith(".txt"):
        return _path(existing(corpus, data_dir))
    near = difflib.get_close_matches(corpus.lower(), NAMES, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise Refused(
        f"no corpus {corpus!r}{hint}; known are {', '.join(NAMES)}, tfds:NAME, and paths of UTF-8 files or of folders "
        "with files .txt"
    )


def _pydocs(data_dir: str) -> Iterator[str]:
    """The text of Python's `help`, ordered by keyword; it differs between versions of Python."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise Refused("this Python was installed without pydoc_data.topics, the text of pydocs") from error
    return iter(["\n\n".join(topics[key] for key in sorted(topics))])


def _named(name: str, data_dir: str) -> Iterator[str]:
    """A corpus of FILES, downloaded if it is missing."""
    folders = [folder / "text" for folder in data_folders(data_dir)]
    path = first_existing([folder / f"{name}.txt" for folder in folders])
    if path is None:
        from jaxgen.data.download import fetch  # imports TFDS, which takes a second

        path = folders[0] / f"{name}.txt"
        fetch(name, {path.name: FILES[name]}, path.parent)
    return utf8.read_utf8(path)


def _path(path: Path) -> Iterator[str]:
    """A file, or all visible files .txt of a folder."""
    if not path.is_dir():
        return utf8.read_utf8(path)
    with reading(path):
        texts = sorted(each for each in path.iterdir() if each.suffix.lower() == ".txt" and each.is_file())
    texts = [each for each in texts if not each.name.startswith(".")]  # macOS adds such files
    if not texts:
        raise Refused(f"{path} has no files .txt")
    return (block for each in texts for block in (*["\n"] * (each != texts[0]), *utf8.read_utf8(each)))


LOADERS: dict[str, Callable[[str], Iterator[str]]] = {
    "pydocs": _pydocs,
    **{name: functools.partial(_named, name) for name in FILES},
}
NAMES = tuple(LOADERS)
