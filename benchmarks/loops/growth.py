"""How the time of an update grows with the batch, the width and the length of a sequence, each alone: milliseconds an
update in a chunk, and the exponent p of the line through log(time) over log(size), time ~ size^p.

Sizes are those of the races, at 1, 4 and 16 times the batch or length and 1, 2 and 4 times the width; what takes more
than LONGEST seconds is left out. Quality: the loss at the smallest size.
"""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.contender import Work
from benchmarks.serving import LOOPS

MANY, FEW = (1, 4, 16), (1, 2, 4)
LONGEST = 10.0  # seconds of an update
CALLS = 3  # that are timed, after those that compile and warm up
ENOUGH = 2.0  # seconds of these, after which there are no more


class Grown(NamedTuple):
    """One size of a loop, and its multiples."""

    loop: str
    case: str
    field: str  # of the loop's sizes
    times: Sequence[int]
    change: Mapping[str, Any] = {}  # of the other sizes: few updates a call

    def name(self) -> str:
        """As a row has it."""
        return f"{self.loop} {self.case}".strip() + f", {self.field}"


EVERY = [
    Grown("vae", "mlp", "batch", MANY, {"updates": 10}),
    Grown("vae", "mlp", "hidden", FEW, {"updates": 10}),
    Grown("classifier", "", "batch", MANY, {"updates": 2}),
    Grown("boltzmann", "", "batch", MANY, {"updates": 10}),
    Grown("boltzmann", "", "hidden", FEW, {"updates": 10}),
    Grown("text_carried", "", "context", MANY, {"updates": 1, "width": 128, "batch": 16, "context": 32}),
    Grown("text_carried", "", "width", FEW, {"updates": 1, "width": 128, "batch": 16}),
    Grown("text_transformer", "", "batch", MANY, {"updates": 4}),
    Grown("text_transformer", "", "context", MANY, {"updates": 4}),
    Grown("text_transformer", "", "width", FEW, {"updates": 4}),
]


def measure(rounds: int = 7, every: Sequence[Grown] = EVERY) -> list[dict[str, Any]]:
    """A row for each, with a column for each multiple; None where it would take too long."""
    del rounds  # of a race: here the fastest of CALLS counts
    return [row(grown) for grown in every]


def row(grown: Grown) -> dict[str, Any]:
    """One of them."""
    sizes, seconds, quality = LOOPS[grown.loop].cases[grown.case]._replace(**grown.change), dict[int, float](), 0.0
    for multiple in grown.times:
        if multiple * seconds.get(1, 0.0) > LONGEST:
            break
        changed = sizes._replace(**{grown.field: multiple * getattr(sizes, grown.field)})
        if grown.loop == "text_carried":
            changed = changed._replace(targets=changed.context)  # each character of the window is one
        work = prepared(grown.loop, changed)
        if not seconds:  # larger sizes are compiled, and no more: their losses are of no use
            for _ in range(work.calls - 1):
                work.call()
        work.call()
        quality = quality if seconds else work.quality()
        seconds[multiple] = fastest(work) / changed.updates
    columns = {
        f"x{multiple}_ms": 1e3 * seconds[multiple] if multiple in seconds else None for multiple in (1, 2, 4, 16)
    }
    return {"grown": grown.name(), **columns, "exponent": exponent(seconds), "quality": quality}


def prepared(loop: str, sizes: Any) -> Work:
    """The loop's own contender."""
    (ours,) = (each for each in LOOPS[loop].contenders if each.label == "fused")
    return ours.prepare(sizes)


def fastest(work: Work) -> float:
    """Seconds of the fastest of CALLS calls, or of fewer that take ENOUGH together."""
    best, begun = math.inf, time.perf_counter()
    for _ in range(CALLS):
        start = time.perf_counter()
        work.call()
        best = min(best, time.perf_counter() - start)
        if time.perf_counter() - begun > ENOUGH:
            break
    return best


def exponent(seconds: Mapping[int, float]) -> float | None:
    """The slope of the line through the logarithms by least squares; None for less than two sizes."""
    if len(seconds) < 2:
        return None
    return float(np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)[0])
