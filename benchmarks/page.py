"""A page of the numbers that `python -m benchmarks` wrote: ours against the fastest peer, shares of the machine's
limits, and how the ratios changed since earlier files.

python -m benchmarks.page runs/benchmarks.json                   runs/benchmarks.html
python -m benchmarks.page runs/benchmarks.json runs/before.json  with a plot of the ratios over the files' dates
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks import comparison
from benchmarks.serving import LOOPS
from benchmarks.tables import Numbers, sides
from jaxgen.core.types import Refused
from jaxgen.report import page
from jaxgen.report.canvas import GRID, INK, SOFT, canvas, drawing, styled
from jaxgen.report.items import Cell, Figure, Table
from jaxgen.report.plots import COLOURS, Panel, lines
from jaxgen.run.results import shown

MOST = 30  # bars of a figure

TEXT = (
    "Ratios are those of the fastest way of ours to the fastest peer, from one run in which contenders took turns. "
    "Shares are of what a product of large matrices reaches on the same machine. A point below the roof of the last "
    "figure is limited by something else: small arrays, functions that are no products, the start of each operation."
)


def against_peers(numbers: Numbers) -> dict[str, float]:
    """Race and case -> the speed of our fastest contender, in units of the fastest peer's."""
    every = ((name, case, sides(numbers, name, case)) for name, loop in LOOPS.items() for case in loop.cases)
    return {f"{name} {case}".strip(): best.ratio for name, case, best in every if best and best.peer}


def limit(numbers: Numbers, name: str) -> float:
    """The value of one of the machine's limits."""
    return next(row["value"] for row in numbers["limits"] if row["limit"] == name)


@styled
def bars(values: Mapping[str, float], label: str, line: float | None = None):
    """A bar for each value, the largest on top, with its number; `line` is drawn, and bars below it are coloured."""
    ordered = sorted(values.items(), key=lambda item: item[1])[-MOST:]
    figure = canvas(page.FULL, 60 + 22 * len(ordered))
    plot = figure.add_subplot(xlabel=label)
    for height, (_, value) in enumerate(ordered):
        plot.barh(height, value, height=0.7, color=COLOURS[1 if line is not None and value < line else 0])
        plot.text(value, height, f" {value:.3g}", va="center", size=10, color=SOFT)
    plot.set_yticks(range(len(ordered)), [name for name, _ in ordered])
    plot.grid(axis="x")
    if line is not None:
        plot.axvline(line, color=INK, lw=1)
    return figure


@styled
def roofline(points: Mapping[str, tuple[float, float]], rate: float, bandwidth: float):
    """Operations a byte and GFLOP/s of each, below the roof: the lesser of `rate` and bytes times `bandwidth` GB/s."""
    figure = canvas(page.FULL, page.TALL)
    plot = figure.add_subplot(xlabel="operations per byte of arrays held", ylabel="GFLOP/s", xscale="log", yscale="log")
    x, y = (np.array([point[axis] for point in points.values()]) for axis in (0, 1))
    plot.scatter(x, y, s=14, color=COLOURS[0], alpha=0.7, lw=0)
    for name, (across, up) in sorted(points.items(), key=lambda item: -item[1][1])[:8]:
        plot.annotate(name, (across, up), xytext=(4, 3), textcoords="offset points", size=9, color=SOFT)
    edge = np.geomspace(min(x.min(), 0.1), max(x.max(), 10 * rate / bandwidth), 50)
    plot.plot(edge, np.minimum(rate, bandwidth * edge), color=INK, lw=1.2)
    plot.grid(color=GRID)
    return figure


def figures(numbers: Numbers, earlier: Sequence[Numbers] = ()) -> list[Figure]:
    """What the numbers allow to be drawn."""
    made, steps = list[Figure](), numbers["rows"].get("steps", ())
    if ratios := against_peers(numbers):
        caption = "Our speed in units of the fastest peer's"
        made.append(drawing("peers", caption, bars, ratios, "times the fastest peer's speed", 1.0))
    if shares := {row["technique"]: 100 * row["share"] for row in steps if row.get("share")}:
        caption = f"Share of the rate of products that a step of a tiny case reaches in a chunk, the first {MOST}"
        made.append(drawing("shares", caption, bars, shares, "% of the rate of float32 products"))
    rated = [row for row in steps if row.get("mflop") and row.get("peak_mb")]
    if rated:
        place = lambda row: (row["mflop"] / row["peak_mb"], 1e3 * row["mflop"] / row["chunk_us"])
        points = {row["technique"]: place(row) for row in rated}
        roof = limit(numbers, "products, float32"), limit(numbers, "triad")
        made.append(drawing("roofline", "Steps of tiny cases below the machine's roof", roofline, points, *roof))
    every = sorted([*earlier, numbers], key=lambda each: each["date"])
    histories = [against_peers(each) for each in every]
    names = [name for name in histories[-1] if sum(name in each for each in histories) > 1]
    if names:
        there = {name: [n for n, each in enumerate(histories) if name in each] for name in names}
        drawn = {name: (places, [histories[n][name] for n in places]) for name, places in there.items()}
        panel = Panel("", "file, by date", "times the fastest peer's speed", drawn, log_y=True)
        made.append(drawing("history", "The same ratios over the files", lines, [panel], "", "category"))
    return made


def table(numbers: Numbers) -> Table:
    """The machine's limits."""
    rows = [[Cell(row["limit"]), Cell(f"{row['value']:.4g}"), Cell(row["unit"])] for row in numbers["limits"]]
    return Table("What the machine does at most", ["limit", "value", "unit"], rows)


def write(path: Path, numbers: Numbers, earlier: Sequence[Numbers] = ()) -> None:
    """Writes the page to `path`, and its figures beside it."""
    pictures, _, missing = shown(path.with_suffix(""), figures(numbers, earlier))
    device, versions = numbers["device"], numbers["versions"]
    about = f"{device['kind']}, {numbers['cores']} cores, jax {versions['jax']}, {numbers['date']}"
    chapter = page.Chapter(about, TEXT, pictures=pictures, tables=[table(numbers)], missing=missing)
    page.write(path, "How fast it is", [chapter])


def main(argv: Sequence[str]) -> int:
    """The exit code, of arguments that are files."""
    if not argv or argv[0].startswith("-"):
        print((__doc__ or "").strip())
        return 0 if argv else 2
    try:
        numbers, *earlier = map(comparison.read, argv)
        write(Path(argv[0]).with_suffix(".html"), numbers, earlier)
    except Refused as refusal:
        print(f"benchmarks.page: {refusal}", file=sys.stderr)
        return 2
    print(f"page: {Path(argv[0]).with_suffix('.html')}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
