"""What a run keeps of itself while it trains, below samples/ in its directory, and how that is read again.

NAME-STEP.png and NAME-STEP.npz, a file for each step, and NAME.jsonl, whose lines have a "step". A run that was killed
and resumed from an earlier checkpoint has written later steps already: they are overwritten, or read as the last line.
"""

import contextlib
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgen.core.files import write_whole, writing
from jaxgen.report.items import Arrays, Lines, Still
from jaxgen.report.pictures import save_png

FOLDER = "samples"


def keep(directory: Path, step: int, items: Iterable[Still | Arrays | Lines]) -> None:
    """Writes the items of one step. Raises Refused where that fails."""
    folder = directory / FOLDER
    for item in items:
        match item:
            case Still(name, image, scale):
                save_png(folder / f"{name}-{step:08d}.png", image, scale)
            case Arrays(name, arrays):
                file = io.BytesIO()
                np.savez(file, **jax.tree.map(np.asarray, dict(arrays)))
                write_whole(folder / f"{name}-{step:08d}.npz", file.getvalue())
            case Lines(name, rows, text):
                if text:
                    print(text, flush=True)
                append_lines(folder / f"{name}.jsonl", [{"step": step, **row} for row in rows])


def append_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Adds lines to a .jsonl file, after an end for a last line that a killed process left without one."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            file.seek(max(0, file.seek(0, io.SEEK_END) - 1))
            torn = file.read() not in (b"", b"\n")
            lines = "".join(f"{json.dumps(row)}\n" for row in rows)
            file.write(b"\n" * torn + lines.encode())


def history(directory: Path, name: str, steps: int, most: int | None = None) -> dict[int, Any]:
    """Updates -> what was kept under this name then, up to `steps`: images as uint8, arrays, or lists of rows.

    Args:
        directory: of the run.
        name: of what was kept.
        steps: updates of the run, as of its last checkpoint.
        most: files that are read, at equal distances; None: all. Large images fill the memory.

    What cannot be read is passed over: damage raises some ten types, and is no reason for a trained run to have no
    report.
    """
    folder, kept, files = directory / FOLDER, {}, {}
    for path in sorted(folder.glob(f"{name}-*")):
        number = re.fullmatch(rf"{re.escape(name)}-(\d+)\.(png|npz)", path.name)
        if number and int(number[1]) <= steps:
            files[int(number[1])] = path
    stride = -(-len(files) // most) if most else 1
    for step in sorted(files)[:: max(1, stride)]:
        with contextlib.suppress(Exception):
            kept[step] = _read(files[step])
    with contextlib.suppress(FileNotFoundError):
        for line in (folder / f"{name}.jsonl").read_bytes().splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                row = json.loads(line)
                if 0 <= row["step"] <= steps:
                    kept.setdefault(int(row["step"]), []).append(row)
    return kept


def _read(path: Path) -> Any:
    from PIL import Image

    if path.suffix == ".png":
        with Image.open(path) as file:
            return np.asarray(file)
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}
