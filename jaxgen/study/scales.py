"""Axes that show both the untrained network and small differences between good ones.

Such an axis is logarithmic in the distance to a *pole* that lies at the objective's good end: 100 % for accuracies, so
that errors are what it shows; 0 for losses that fall by orders of magnitude; a little beyond the best value for other
losses, such as negative log-likelihoods, whose lowest value is unknown. Otherwise it is linear.
"""

import math
from typing import NamedTuple

import numpy as np

from jaxgen.study.statistics import Task
from jaxgen.study.table import digits, percent

HIGH = 0.9  # accuracies from here on are shown by their errors
FALL = 20.0  # a loss that falls by this factor has a plainly logarithmic axis
# Shares of the way learnt: how near to the best most others end, and how far beyond it the pole is.
NEAR, BEYOND = 0.15, 0.05
ORDERS = 14  # of magnitude, at most: values nearer to the pole are drawn at this distance
TICKS = 5


class Scale(NamedTuple):
    """An axis for one task's objective."""

    task: Task
    pole: float  # NaN: linear
    least: float  # distance to the pole that closer values are drawn at
    low: float  # limits, as drawn; NaN: there is nothing to draw
    high: float
    touched: bool = False  # whether values lie closer than `least`, so that its tick has the pole's label

    def drawn(self, values) -> np.ndarray:
        """The coordinates of values on a linear axis; of any shape, NaN stays NaN."""
        values = np.asarray(values, np.float64)
        if math.isnan(self.pole):
            return values
        sign = self.task.sign
        return sign * np.log10(np.maximum(sign * (values - self.pole), self.least))

    def ticks(self, locator) -> tuple[list[float], list[str]]:
        """Coordinates of round values, and their labels. `locator` is matplotlib's, for a linear axis."""
        if math.isnan(self.pole):
            values = [float(tick) for tick in locator.tick_values(self.low, self.high)]
        elif self.pole in (0.0, 1.0):
            distances = series(self.task.sign, self.low, self.high)
            values = [self.pole + self.task.sign * distance for distance in distances]
        else:
            width = (self.high - self.low) / TICKS
            middles = self.low + width * (np.arange(TICKS) + 0.5)
            ends = [sorted((self.value(middle - 0.3 * width), self.value(middle + 0.3 * width))) for middle in middles]
            values = [roundest(low, high) for low, high in ends]
        if not math.isnan(self.pole):  # closer values are not drawn where they are
            values = [value for value in values if self.task.sign * (value - self.pole) >= self.least]
        marks = {float(self.drawn(value)): objective_label(self.task, value) for value in values}
        if self.touched:
            end, room = float(self.drawn(self.pole)), 0.07 * (self.high - self.low)
            marks = {at: text for at, text in marks.items() if abs(at - end) > room}
            marks[end] = objective_label(self.task, self.pole)
        marks = {at: text for at, text in marks.items() if self.low <= at <= self.high}
        return list(marks), list(marks.values())

    def value(self, at: float) -> float:
        """The value that is drawn at a coordinate."""
        return self.pole + self.task.sign * 10.0 ** (self.task.sign * at)


def fit(task: Task, values, start: float, ends) -> Scale:
    """The scale of a plot. Values far worse than the start lie beyond its limits.

    Args:
        task: whose objective is drawn.
        values: all that are drawn, of any shape.
        start: the untrained networks' mean.
        ends: the last value of each line.
    """
    values, ends = (np.asarray(some, np.float64).ravel() for some in (values, ends))
    values, ends = values[np.isfinite(values)], ends[np.isfinite(ends)]
    if not values.size:
        return Scale(task, math.nan, 0.0, math.nan, math.nan)
    start = start if math.isfinite(start) else float(np.median(values))
    best = task.sign * float((task.sign * values).min())
    way = task.sign * (start - best)  # what was learnt
    pole = pole_of(task, best, start, way, ends)
    worst = start + task.sign * (0.3 * way if way > 0 else 0.05 * abs(start) + 1e-6)
    worst = task.sign * min(task.sign * worst, float((task.sign * values).max()))
    least, touched = 0.0, False
    if not math.isnan(pole):
        distances = task.sign * (values - pole)
        far = task.sign * (start - pole)
        closest = float(distances[distances > 0].min(initial=far))
        least = max(closest, far * 10.0**-ORDERS)
        touched = bool((distances < least).any())
        least = least / 2 if touched else least
    scale = Scale(task, pole, least, 0.0, 0.0, touched)
    low, high = sorted(float(scale.drawn(value)) for value in (best, worst))
    margin = 0.04 * (high - low) or 0.05 * abs(high) or 0.05
    return scale._replace(low=low - margin, high=high + margin)


def pole_of(task: Task, best: float, start: float, way: float, ends: np.ndarray) -> float:
    """The pole for such values; NaN for a linear axis. `way` is how much the best improved on the start."""
    if way <= 0:
        return math.nan
    if percent(task):
        return 1.0 if best > HIGH else math.nan
    if task.better == "lower" and best >= 0 and start > FALL * best:
        return 0.0
    crowded = ends.size > 0 and np.median(task.sign * (ends - best)) < NEAR * way
    return best - task.sign * BEYOND * way if crowded else math.nan


def series(sign: int, low: float, high: float) -> list[float]:
    """1, 2, 5, 10, ... between two logarithms times `sign`; if those are many, 1 and 5, or some powers of ten."""
    low, high = sorted((sign * low, sign * high))
    powers = range(math.floor(low), math.floor(high) + 1)
    parts, every = (1, 2, 5) if high - low < 2.2 else (1, 5) if high - low < 3.5 else (1,), 1 + len(powers) // 9
    return [part * 10.0**power for power in powers if power % every == 0 for part in parts]


def roundest(low: float, high: float) -> float:
    """The number with the fewest digits in [low, high], low < high; preferably 0 or a power of ten."""
    power = 10.0 ** math.floor(math.log10(high)) if low > 0 else 0.0
    if low <= power <= high:
        return power
    step = 10.0 ** math.ceil(math.log10(max(abs(low), abs(high))))
    while True:
        for part in (5, 2, 1):
            multiple = math.ceil(low / (part * step / 10) - 1e-9)
            if multiple * part * step / 10 <= high:
                return float(f"{multiple * part * step / 10:.12g}")
        step /= 10


def objective_label(task: Task, value: float) -> str:
    """The text of a tick: 98 %, 120, 0.001, 1e-8."""
    text = digits(100 * value, 9) + " %" if percent(task) else digits(value, 9)
    return text.replace("e-0", "e-").replace("e+0", "e")
