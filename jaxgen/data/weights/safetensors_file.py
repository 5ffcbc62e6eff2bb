"""Files of safetensors: a length of 8 bytes, a header in JSON, the numbers.

https://huggingface.co/docs/safetensors/index#format. A file is not trusted: what its header claims is compared with its
size before anything is read.
"""

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core.types import Refused
from jaxgen.data.places import shown
from jaxgen.data.weights.tensors import BFLOAT16, Lazy, Tensors, bytes_of, numbers, read_at

START = 8  # bytes of the header's length
LONGEST = 100_000_000  # bytes of a header, by the format's own rule
DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": BFLOAT16},
    **{f"I{8 * size}": f"<i{size}" for size in (1, 2, 4, 8)},
    **{f"U{8 * size}": f"<u{size}" for size in (1, 2, 4, 8)},
    "BOOL": "?",
}


def is_safetensors(start: bytes, size: int) -> bool:
    """Whether a file of `size` bytes that begins with `start`, 9 bytes or more, looks like one."""
    return start[START : START + 1] == b"{" and int.from_bytes(start[:START], "little") <= max(size, LONGEST)


def read_safetensors(path: Path) -> Tensors:
    """The tensors of a file. Raises Refused where it is damaged, or has numbers of other types than DTYPES."""
    size = path.stat().st_size
    length = int.from_bytes(read_at(path, 0, START), "little")
    if length > min(size - START, LONGEST):
        raise Refused(f"{path} is truncated: its header claims {length:,} bytes, and {size - START:,} are there")
    try:
        header = dict(json.loads(read_at(path, START, length)))
    except (ValueError, TypeError, RecursionError) as error:
        raise Refused(f"{path} is damaged: its header is no object of JSON") from error
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    if not entries:
        raise Refused(f"{path} holds no tensors")
    return Tensors(
        "torch", Lazy({name: _reader(path, name, each, START + length, size) for name, each in entries.items()})
    )


def _reader(path: Path, name: str, entry: Any, base: int, size: int) -> partial:
    """A function that reads one tensor."""
    try:
        dtype, shape, (start, end) = str(entry["dtype"]), tuple(entry["shape"]), entry["data_offsets"]
    except (TypeError, KeyError, ValueError) as error:
        raise Refused(
            f"{path} is damaged: expected dtype, shape and two data_offsets of {shown(name, 60)!r}"
        ) from error
    if dtype not in DTYPES:
        raise Refused(
            f"{path}: expected numbers of {', '.join(DTYPES)}, found {shown(dtype, 20)} in {shown(name, 60)!r}"
        )
    whole = all(type(number) is int and number >= 0 for number in (*shape, start, end))
    if not whole or math.prod(shape) * bytes_of(DTYPES[dtype]) != end - start:
        where = shown(f"{start} to {end}", 60)
        raise Refused(f"{path} is damaged: the bytes {where} of {shown(name, 60)!r} are not {dtype} of that shape")
    if base + end > size:
        raise Refused(f"{path} is truncated: {shown(name, 60)!r} ends at {base + end:,} bytes, and {size:,} are there")
    return partial(_read, path, base + start, end - start, DTYPES[dtype], shape)


def _read(path: Path, start: int, length: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    return numbers(read_at(path, start, length), dtype).reshape(shape)
