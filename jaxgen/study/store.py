"""A study's finished runs as files: a line of trials.jsonl for each, added as soon as it is finished.

trials.jsonl has one JSON object a line:

task, optimizer      names
code                 hash of the files that the optimiser is made of, see `origins`
mode                 how it was trained beside others, see `side_by_side`
learning_rate        of the first update
phase                "tuning", or "final": at the best rate, with a seed that had no part in choosing it
seed, steps
diverged             whether a parameter, carry or metric was not finite at the end of an interval
at                   updates made at each validation; 0 is the untrained network
valid                the task's metric there
train                mean training loss between two validations
test                 the metric on the test split at the end; only of final runs, null where the data have no test split
seconds              of training: the run's share of what runs side by side took, without compilation and validations
bytes                of the optimiser's state

Numbers that are not finite are null. trials.csv and curves.csv are the same as tidy tables.
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxgen.core.files import write_whole, writing
from jaxgen.core.types import Refused

RUN = ("task", "optimizer", "learning_rate", "phase", "seed")
FIELDS = (*RUN, "mode", "steps", "diverged", "valid", "test", "seconds", "bytes")
NAME = "trials.jsonl"
PART = "trials.process"  # of the names of further processes' files


def run_key(row: Mapping[str, Any]) -> tuple:
    """What identifies a row's run."""
    return row["task"], row["optimizer"], row["learning_rate"], row["phase"], row["seed"]


def file_of(folder: Path, process: int) -> Path:
    """Where one of several processes that divide a study writes its rows."""
    return folder / (f"{PART}{process}.jsonl" if process else NAME)


def append_rows(folder: Path, rows: Iterable[Mapping[str, Any]], process: int = 0) -> None:
    """Adds the rows, all at once: a kill loses all of them or none. Raises Refused where they cannot be written."""
    path = file_of(folder, process)
    data = b"".join(json.dumps(row, allow_nan=False).encode() + b"\n" for row in rows)
    with writing(path):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            while data:
                data = data[os.write(file, data) :]
        finally:
            os.close(file)


def read_rows(folder: Path, process: int = 0, mend: bool = True) -> list[dict[str, Any]]:
    """The rows of all finished runs, but for those that other processes have finished and that are not merged yet.

    Cuts a torn last line off the files, if `mend`; raises Refused for other damage.
    """
    own = _rows(file_of(folder, process), mend) if process else []
    return [*_rows(folder / NAME, mend and not process), *own]


def merge(folder: Path) -> None:
    """Adds to the study's rows those that other processes have written, each run once."""
    rows = read_rows(folder)
    if parts := sorted(folder.glob(f"{PART}*.jsonl")):
        every = {run_key(row): row for row in [*(row for part in parts for row in _rows(part, False)), *rows]}
        lines = b"".join(json.dumps(row, allow_nan=False).encode() + b"\n" for row in every.values())
        write_whole(folder / NAME, lines)
        for part in parts:
            part.unlink()


def _rows(path: Path, mend: bool) -> list[dict[str, Any]]:
    """See `read_rows`."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = data[: data.rfind(b"\n") + 1]
    if mend and whole != data:
        write_whole(path, whole)
    rows = []
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            rows.append(json.loads(line))
            run_key(rows[-1])
        except (ValueError, KeyError, TypeError):
            raise Refused(f"{path} is damaged in line {number}") from None
    return rows


def as_csv(rows: Iterable[Mapping[str, Any]], fields: Sequence[str]) -> bytes:
    """A CSV file with these columns; None is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fields, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def write_tables(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes trials.csv, a row for each run with its last validation, and curves.csv, a row for each validation."""
    last = [{**row, "valid": row["valid"][-1]} for row in rows]
    write_whole(folder / "trials.csv", as_csv(last, FIELDS))
    points = [
        {**{name: row[name] for name in RUN}, "step": step, "valid": valid, "train": train}
        for row in rows
        for step, valid, train in zip(row["at"], row["valid"], [None, *row["train"]])
    ]
    write_whole(folder / "curves.csv", as_csv(points, (*RUN, "step", "valid", "train")))
