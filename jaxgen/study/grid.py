"""Grids of learning rates: from the command line, and wider ones; and targets."""

import math
import re
from collections.abc import Sequence

import numpy as np

from jaxgen.core.types import Refused

LEAST = 1e-30  # float32 holds such a rate, its inverse, and their products with gradients
DIGITS = 4  # of a rate of a logarithmic grid: 1e-4:1:13 is 0.0001, 0.0002154, 0.0004642, 0.001, ...
STEP, MOST = 2, 8  # rates added by one widening, and by all of them


def parse_own_rates(text: str, optimizers: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Optimiser -> its own learning rates, ascending, of OPTIMIZER:RATES;OPTIMIZER:RATES, see `parse_rates`.

    Raises Refused for anything else, and for names that are not among `optimizers`.
    """
    own = {}
    for part in filter(None, text.split(";")):
        name = max((each for each in optimizers if part.startswith(f"{each}:")), key=len, default="")
        if not name:
            raise Refused(f"--rates={text[:60]}: {part[:30]!r} is no OPTIMIZER:RATES of {', '.join(optimizers)}")
        own[name] = tuple(parse_rates(part.removeprefix(f"{name}:"), f"--rates={name}:"))
    return own


def parse_rates(text: str, flag: str = "--learning_rates") -> list[float]:
    """The learning rates, ascending, of LOW:HIGH:COUNT (equally spaced logarithms) or of a list such as 0.1,0.01.

    Raises Refused for anything else, and for rates that are not positive.
    """
    spaced = re.fullmatch(r"([^:,]+):([^:,]+):([0-9]{1,6})", text)
    try:
        numbers = [float(part) for part in (spaced.groups()[:2] if spaced else text.split(","))]
    except ValueError:
        numbers = []
    if not numbers or not all(LEAST <= value <= 1 / LEAST for value in numbers):
        raise Refused(
            f"{flag} is LOW:HIGH:COUNT or a list such as 0.1,0.01, from {LEAST:g} to {1 / LEAST:g}, not {text[:60]!r}"
        )
    if not spaced:
        return sorted(set(numbers))
    (low, high), count = numbers, int(spaced[3])
    if low >= high or not 2 <= count <= 1000:
        raise Refused(f"{flag}={text[:60]}: LOW must be below HIGH, COUNT from 2 to 1000")
    rates = [rounded(math.exp(x)) for x in np.linspace(math.log(low), math.log(high), count)]
    if len(set(rates)) < count:
        raise Refused(f"{flag}={text[:60]}: {count} rates so close are the same to {DIGITS} digits")
    return rates


def rounded(rate: float) -> float:
    """The rate with four digits: what is printed is what was used."""
    return float(f"{rate:.{DIGITS}g}")


def wider(rates: Sequence[float], end: str) -> list[float]:
    """The rates with STEP more at one end, "low" or "high", at the ratio of the last two; a single one as it is."""
    if len(rates) < 2:
        return list(rates)
    last, before = (rates[0], rates[1]) if end == "low" else (rates[-1], rates[-2])
    more = [rounded(last * (last / before) ** (n + 1)) for n in range(STEP)]
    return sorted({*rates, *more})


def parse_targets(text: str, tasks: Sequence[str]) -> dict[str, float]:
    """Task -> its target, of a list with commas; {} for "". Raises Refused where it is not one number for each task."""
    try:
        numbers = [float(part) for part in text.split(",")] if text else []
    except ValueError:
        numbers = [math.nan]
    if numbers and (len(numbers) != len(tasks) or not all(map(math.isfinite, numbers))):
        raise Refused(f"--target is a number for each of --tasks={','.join(tasks)}, with commas, not {text[:60]!r}")
    return dict(zip(tasks, numbers))
