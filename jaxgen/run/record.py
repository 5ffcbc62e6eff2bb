"""A run's written record: metrics.jsonl and summary.json.

metrics.jsonl has one line per log event, `valid` only where there was an evaluation:
`{"stage": 0, "step": 100, "train": {}, "valid": {}, "timing": {"seconds": 1.2, "steps_per_second": 83.1}}`; where it
is known how many tokens or images an update has, `timing` tells `tokens_per_second` too.
Keys have this order and metrics are sorted, so that the file of a resumed run is byte for byte that of an
uninterrupted one, `timing` aside. Floats are written in full: float32 values survive.
JSON knows no NaN and no infinity: both are written as null and read back as NaN.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jaxgen.core.files import write_whole, writing
from jaxgen.core.types import Measured, Refused
from jaxgen.run.machine import peak_memory
from jaxgen.run.provenance import environment

Row = Mapping[str, Any]  # one line of metrics.jsonl


def number(value) -> float | None:
    """A scalar (Python, numpy or JAX) as JSON has it: what is not finite becomes None."""
    value = float(value)
    return value if math.isfinite(value) else None


def to_line(row: Row) -> bytes:
    """A row of metrics.jsonl. Raises ValueError for keys other than stage, step, train, valid and timing."""
    if unknown := sorted(row.keys() - {"stage", "step", "train", "valid", "timing"}):
        raise ValueError(f"metrics.jsonl has no key {', '.join(unknown)}")
    line: dict[str, Any] = {"stage": int(row["stage"]), "step": int(row["step"])}
    for group in ("train", "valid"):
        if row.get(group):
            line[group] = {name: number(row[group][name]) for name in sorted(row[group])}
    line["timing"] = {name: number(value) for name, value in row["timing"].items()}
    return json.dumps(line, allow_nan=False).encode() + b"\n"


def to_row(line: bytes) -> dict | None:
    """The row of one line, or None for a torn one."""
    try:
        row = json.loads(line)
        row["stage"], row["step"], row["timing"]["seconds"]
    except (ValueError, KeyError, TypeError):
        return None
    for group in row.keys() & {"train", "valid", "timing"}:
        row[group] = {name: math.nan if value is None else value for name, value in row[group].items()}
    return row


def append(path: str | os.PathLike, row: Row) -> None:
    """Adds one whole line and hands it to the system at once: SIGKILL cannot lose or tear it."""
    line = to_line(row)
    with writing(path):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            while line:  # one write; a second only where the disk is full, to raise OSError
                line = line[os.write(file, line) :]
        finally:
            os.close(file)


def read_rows(path: str | os.PathLike) -> list[dict]:
    """All rows but a torn last one. Raises Refused for other damage, FileNotFoundError without a file."""
    lines = Path(path).read_bytes().splitlines()
    rows = [to_row(line) for line in lines]
    if rows and rows[-1] is None:
        rows.pop()
    whole = [row for row in rows if row is not None]
    if len(whole) < len(rows):
        raise Refused(f"line {rows.index(None) + 1} of {path} is damaged")
    return whole


def rewind(path: str | os.PathLike, stage: int, step: int) -> list[dict]:
    """Drops, all at once, a torn last line and every line after (stage, step); returns the rows that stay.

    No file, no rows. Raises Refused where a line in between is damaged, and then the file is as it was.
    """
    if not os.path.exists(path):
        return []
    rows = [row for row in read_rows(path) if (row["stage"], row["step"]) <= (stage, step)]
    before = Path(path).read_bytes()
    after = b"".join(line + b"\n" for line in before.splitlines()[: len(rows)])
    if after != before:  # a last line without its end would swallow the next one
        write_whole(path, after)
    return rows


def as_json(metrics: Mapping[str, Measured]) -> dict[str, dict[str, Any]]:
    """name -> {"value", "definition"}; what is not finite is None."""
    return {name: {"value": number(value), "definition": definition} for name, (value, definition) in metrics.items()}


def write_summary(
    path: str | os.PathLike,
    *,
    technique: str,
    config: Mapping[str, Any],
    seed: int,
    steps: int,
    seconds: float,
    params_sha256: str,
    metrics: Mapping[str, Measured],
    stages: Sequence[Mapping[str, Any]] = (),
    best_step: int | None = None,
) -> dict:
    """Writes and returns summary.json, the metrics in their order, `stages` where there are several.

    `best_step` is the update after which the best evaluation on the validation split was made, None without one.
    Device, versions, peak memory (of this process) and date (UTC) are added here. What JSON does not know in the config
    (a path, an infinity) becomes text.
    """
    summary = {
        "technique": technique,
        "config": json.loads(json.dumps(dict(config), default=str), parse_constant=str),
        "seed": int(seed),
        "steps": int(steps),
        "best_step": best_step,
        "seconds": round(float(seconds), 3),
        **environment(),
        "memory": peak_memory(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "params_sha256": params_sha256,
        "metrics": as_json(metrics),
        **({"stages": list(stages)} if stages else {}),
    }
    write_whole(path, json.dumps(summary, indent=2, allow_nan=False, default=str).encode() + b"\n")
    return summary
