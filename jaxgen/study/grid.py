"""Which runs a study is made of: a grid of learning rates, its winner, and where the grid must go on."""

import math
import re
from collections.abc import Sequence

import numpy as np

from jaxgen.core.types import Refused

LEAST = 1e-30  # a rate that float32 can hold, and so can what is made of it
DIGITS = 4  # of a rate of a logarithmic grid: 1e-4:1:13 is 0.0001, 0.0002154, 0.0004642, 0.001, ...
STEP, MOST = 2, 8  # rates that a grid is widened by at a time, and in all


def rates(text: str) -> list[float]:
    """The learning rates, ascending, of LOW:HIGH:COUNT (equally spaced logarithms) or of a list such as 0.1,0.01.

    Raises Refused for anything else, and for rates that are not positive.
    """
    given = re.fullmatch(r"([^:,]+):([^:,]+):([0-9]{1,6})", text)
    try:
        numbers = [float(part) for part in (given.groups()[:2] if given else text.split(","))]
    except ValueError:
        numbers = []
    if not numbers or not all(LEAST <= value <= 1 / LEAST for value in numbers):
        raise Refused(
            f"--learning_rates is LOW:HIGH:COUNT or a list such as 0.1,0.01, from {LEAST:g} to {1 / LEAST:g}, "
            f"not {text[:60]!r}"
        )
    if not given:
        return sorted(set(numbers))
    (low, high), count = numbers, int(given[3])
    if low >= high or not 2 <= count <= 1000:
        raise Refused(f"--learning_rates={text[:60]}: LOW must be below HIGH, COUNT from 2 to 1000")
    found = [rounded(math.exp(x)) for x in np.linspace(math.log(low), math.log(high), count)]
    if len(set(found)) < count:
        raise Refused(f"--learning_rates={text[:60]}: {count} rates so close are the same to {DIGITS} digits")
    return found


def rounded(rate: float) -> float:
    """Four digits: what is printed is what was run."""
    return float(f"{rate:.{DIGITS}g}")


def wider(found: Sequence[float], where: str) -> list[float]:
    """The rates with STEP more at one end, as far apart as there; as they are where there is but one rate."""
    if len(found) < 2:
        return list(found)
    if where == "low":
        ratio = found[0] / found[1]
        more = [rounded(found[0] * ratio ** (n + 1)) for n in range(STEP)]
    else:
        ratio = found[-1] / found[-2]
        more = [rounded(found[-1] * ratio ** (n + 1)) for n in range(STEP)]
    return sorted({*found, *more})
