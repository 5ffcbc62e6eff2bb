"""The parts of a report as values: figures, tables, and what a run keeps while it trains.

Functions in `figures/` and `study/` yield them and write nothing; `run/` renders and writes them.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple


class Figure(NamedTuple):
    """A picture that is not rendered yet."""

    name: str  # of its file, without suffix; unique in a run
    caption: str
    render: Callable[[], bytes]  # the file's contents; raises Refused where an optional package is missing
    suffix: str = ".png"  # or .gif, or .wav; or .svg or .mid, which are kept beside the report, not in it
    density: int = 0  # pixels of the file per pixel of the page; 0: as large as the page allows


class Picture(NamedTuple):
    """A picture file in a report."""

    path: str | os.PathLike  # .png, .gif, .jpg; or .wav, which is played
    caption: str
    density: int = 0  # as of Figure


class Cell(NamedTuple):
    """A cell of a table."""

    text: str
    note: str = ""  # smaller, below it
    strong: bool = False


class Table(NamedTuple):
    """A table in a report; its first column has the names of the rows."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    prose: bool = False  # all cells of a row but the first are texts, whose line breaks are kept
    notes: Mapping[str, str] = {}  # word in the table -> its meaning


class Still(NamedTuple):
    """An image to keep while a run trains, as a PNG file for each step."""

    name: str
    image: Any  # see `report.pictures.to_bytes`
    scale: int = 1  # how often each pixel is repeated, both ways


class Arrays(NamedTuple):
    """Numbers to keep while a run trains, as an .npz file for each step."""

    name: str
    arrays: Mapping[str, Any]


class Lines(NamedTuple):
    """Records to keep while a run trains, as lines of one .jsonl file, and to print."""

    name: str
    rows: Sequence[Mapping[str, Any]]  # JSON objects
    text: str = ""  # printed as it is
