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


def run_key(row: Mapping[str, Any]) -> tuple:
    """What identifies a row's run."""
    return row["task"], row["optimizer"], row["learning_rate"], row["phase"], row["seed"]


def append_rows(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Adds the rows, all at once: a kill loses all of them or none. Raises Refused where they cannot be written."""
    data = b"".join(json.dumps(row, allow_nan=False).encode() + b"\n" for row in rows)
    with writing(folder / NAME):
        file = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            while data:
                data = data[os.write(file, data) :]
        finally:
            os.close(file)


def read_rows(folder: Path, mend: bool = True) -> list[dict[str, Any]]:
    """The rows of all finished runs. Cuts a torn last line off the file, if `mend`; raises Refused for other damage."""
    try:
        data = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return []
    whole = data[: data.rfind(b"\n") + 1]
    if mend and whole != data:
        write_whole(folder / NAME, whole)
    rows = []
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            rows.append(json.loads(line))
            run_key(rows[-1])
        except (ValueError, KeyError, TypeError):
            raise Refused(f"{folder / NAME} is damaged in line {number}") from None
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
