"""Learning curves as inline SVG in the colours of the page: pure functions of numbers."""

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

WIDTH, HEIGHT, RIGHT, TOP, BOTTOM = 460, 250, 20, 12, 42  # the canvas and the margins around the plot
LETTER = 7  # the width of a digit; the left margin is as wide as the longest number beside it
BINS = 300  # at most this many pairs of points per unbroken line; more would not be visible

Points = list[tuple[float, float]]  # (step, value); a value that is not finite breaks the line


class Curves(NamedTuple):
    """The contents of metrics.jsonl, by metric."""

    lines: dict[str, dict[str, Points]]  # metric -> "train" or "valid" -> points
    stages: list[float]  # steps at which a new stage began


def collect(rows: Iterable[Mapping[str, Any]]) -> Curves:
    """Rows of metrics.jsonl as curves, metrics with a validation first, then by name; None becomes NaN.

    Stages that count their steps from 0 again are concatenated.
    """
    lines: dict[str, dict[str, Points]] = {}
    stages: list[float] = []
    stage, step, offset = None, 0, 0
    for row in rows:
        if stage is not None and row["stage"] != stage:
            stages.append(offset + step)
            offset += step if row["step"] <= step else 0
        stage, step = row["stage"], row["step"]
        for group in ("train", "valid"):
            for name, value in row.get(group, {}).items():
                points = lines.setdefault(name, {}).setdefault(group, [])
                points.append((offset + step, math.nan if value is None else float(value)))
    return Curves(dict(sorted(lines.items(), key=lambda item: ("valid" not in item[1], item[0]))), stages)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers (1, 2 or 5 times a power of ten apart) within [low, high], low < high."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= 0.75 * rough)
    return [n * step for n in range(math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6) + 1)]


def tick_label(value: float, spacing: float) -> str:
    """The number of a tick with the decimals that `spacing` needs: 0.25, 1,500, 20k, 1e-07."""
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.3g}"
    if abs(value) >= 1e4 and value % 100 == 0:
        return f"{value / 1000:g}k"
    decimals = max(0, -math.floor(math.log10(spacing) + 1e-9))
    return f"{value:,.{min(decimals, 6)}f}"


def thin(points: Points, low: float, high: float) -> Points:
    """The lowest and the highest point of each of BINS bins of x from `low` to `high`, which keeps spikes visible."""
    if len(points) <= 2 * BINS:
        return points
    bins: dict[int, Points] = {}
    for point in points:
        bins.setdefault(int(BINS * (point[0] - low) / (high - low)), []).append(point)
    ends = ({min(bin, key=lambda p: p[1]), max(bin, key=lambda p: p[1])} for bin in bins.values())
    return [point for pair in ends for point in sorted(pair)]


def unbroken(points: Points) -> list[Points]:
    """The runs of finite points, separated by points that are not finite."""
    runs: list[Points] = [[]]
    for x, y in points:
        if math.isfinite(y):
            runs[-1].append((x, y))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def limits(values: Sequence[float], margin: float) -> tuple[float, float]:
    """The limits of an axis: the range of the values, extended at both ends by `margin` of its length; never empty."""
    low, high = min(values), max(values)
    extra = (high - low) * margin if high > low else abs(high) * 0.1 or 1.0
    return low - extra, high + extra


def svg(name: str, lines: Mapping[str, Points], stages: Sequence[float] = ()) -> str:
    """An <svg> of the lines, coloured by CSS through their classes; "" where no value is finite.

    The y axis is logarithmic, and labelled so, where all values are positive and span two decades.
    """
    runs = {group: unbroken(points) for group, points in lines.items()}
    finite = [point for group in runs.values() for run in group for point in run]
    if not finite:
        return ""
    values = [y for _, y in finite]
    log = min(values) > 0 and max(values) >= 100 * min(values)
    if log:
        runs = {g: [[(x, math.log10(y)) for x, y in run] for run in group] for g, group in runs.items()}
    across = 0.0, max(x for x, _ in finite) or 1.0
    upright = limits([math.log10(y) for y in values] if log else values, 0.05)
    marks = _marks(*upright, log)
    margin = LETTER * max(len(text) for _, text in marks) + 10

    def at(x: float, y: float) -> str:
        right = margin + x / across[1] * (WIDTH - RIGHT - margin)
        down = TOP + (upright[1] - y) / (upright[1] - upright[0]) * (HEIGHT - TOP - BOTTOM)
        return f"{right:.1f} {down:.1f}"

    parts = _axes(at, across[1], upright[0], marks, stages, "step, values on a logarithmic scale" if log else "step")
    for group, members in runs.items():
        thinned = [thin(run, *across) for run in members]
        path = "".join("M" + "L".join(at(*point) for point in run) for run in thinned)
        parts.append(f'<path class="line {group}" d="{path}"/>')
        if sum(map(len, thinned)) <= 40:  # few evaluations are drawn as points too, since a single one has no line
            dots = "".join(f"M{at(*point)}h0" for run in thinned for point in run)
            parts.append(f'<path class="dots {group}" d="{dots}"/>')
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(name)} over steps">'
    return head + "".join(parts) + "</svg>"


def _marks(low: float, high: float, log: bool) -> list[tuple[float, str]]:
    """Positions and texts of the y axis's ticks; positions, `low` and `high` are logarithms where `log`."""
    positions = ticks(low, high)
    if not log:
        return [(y, tick_label(y, positions[1] - positions[0])) for y in positions]
    every = math.ceil((high - low) / 6)  # whole powers of ten, not all of them where there are many
    powers = [n for n in range(math.ceil(low), math.floor(high) + 1) if n % every == 0]
    return [(float(n), tick_label(10.0**n, 10.0**n)) for n in powers]


def _axes(at, last: float, low: float, marks, stages: Sequence[float], unit: str) -> list[str]:
    """Grid lines with their numbers, lines where stages begin, and the name of the x axis."""
    parts = []
    for y, text in marks:
        right, down = at(0.0, y).split()
        parts.append(f'<path class="grid" d="M{right} {down}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{float(right) - 8:.1f}" y="{down}" dy=".35em" text-anchor="end">{text}</text>')
    steps = ticks(0.0, last)
    for x in steps:
        right, _ = at(x, low).split()
        text = tick_label(x, steps[1] - steps[0])
        parts.append(f'<text x="{right}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{text}</text>')
    parts.extend(f'<path class="stage" d="M{at(x, low)}V{TOP}"/>' for x in stages)
    middle = at(last / 2, low).split()[0]
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{unit}</text>')
    return parts
