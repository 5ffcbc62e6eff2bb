"""The tables of README.md and benchmarks/README.md, made from the numbers of one run of `python -m benchmarks`.

python -m benchmarks.tables runs/benchmarks.json    README's table, printed; where these files have lines <!-- NAME -->
                                                    and <!-- end -->, what stands between them is written anew

A ratio is that of the fastest of ours to the fastest peer that computes the same, medians of the speeds of one run.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import comparison
from benchmarks.serving import LOOPS
from jaxgen.core.types import Refused

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "benchmarks/README.md")
PLACE = re.compile(r"(<!-- (?P<name>\w+) -->\n).*?(<!-- end -->)", re.S)
Numbers = Mapping[str, Any]  # a file's contents


class Line(NamedTuple):
    """A row of README's table."""

    what: str
    race: str
    case: str
    anchor: str  # of benchmarks/README.md
    pair: tuple[str, str] | None = None  # contenders that are compared, ours first, instead of the fastest


LINES = (
    Line("Training an MLP VAE, images a second", "vae", "mlp", "variational-autoencoders"),
    Line("... the book's convolutional VAE", "vae", "conv", "variational-autoencoders"),
    Line("... a contractive penalty, against none", "penalty", "256", "autoencoders", ("closed form", "none")),
    Line("... a Boltzmann machine of 500 units, by CD-1", "boltzmann", "", "boltzmann-machines"),
    Line("... the book's GAN", "gan", "", "adversarial-networks"),
    Line("... a CNN classifier", "classifier", "", "classifiers"),
    Line("... an LSTM of 128 units, windows a second", "text_windows", "", "language-models"),
    Line("... an LSTM of 512, characters a second", "text_carried", "", "language-models"),
    Line("... nanoGPT's transformer for a CPU, tokens a second", "text_transformer", "", "language-models"),
    Line("A style's gradient of VGG19 in an image, a second", "imagery", "vgg19", "images-that-are-optimised"),
    Line("... a dream's of InceptionV3", "imagery", "inception_v3", "images-that-are-optimised"),
    Line("L-BFGS on an image, evaluations a second", "lbfgs", "", "images-that-are-optimised"),
    Line("Writing one text with an LSTM, characters a second", "text_sampling", "1", "language-models"),
    Line("... 64 texts", "text_sampling", "64", "language-models"),
    Line("64 small runs at once, runs a second", "grid", "", "a-grid-of-runs"),
    Line("Adam on 10 million parameters, GB a second", "optimizers", "1", "optimisers"),
)


class Sides(NamedTuple):
    """The fastest on each side in a race's case: labels and speeds; a peer's label is "" where none has raced."""

    ours: str
    our_speed: float
    peer: str
    peer_speed: float

    @property
    def ratio(self) -> float:
        """Our speed in units of the peer's."""
        return self.our_speed / self.peer_speed


def sides(numbers: Numbers, race: str, case: str, pair: tuple[str, str] | None = None) -> Sides | None:
    """Those of a case, or of a pair of its contenders; None where ours has not raced."""
    loop, rows = LOOPS[race], rows_of(numbers, race, case)
    peers = {each.label for each in loop.contenders if each.packages}
    ours = [row["contender"] for row in rows if row["contender"] not in (*peers, *loop.bounds)]
    theirs = [row["contender"] for row in rows if row["contender"] in peers]
    ours, theirs = ([pair[0]], [pair[1]]) if pair else (ours, theirs)
    speeds = {row["contender"]: row[loop.unit] for row in rows if row.get("equal", True)}
    best, peer = (max(side, key=lambda label: speeds.get(label, 0.0), default="") for side in (ours, theirs))
    if best not in speeds:
        return None
    return Sides(best, speeds[best], peer * (peer in speeds), speeds.get(peer, 0.0))


def rows_of(numbers: Numbers, race: str, case: str) -> list[Mapping[str, Any]]:
    """The rows of a race's case."""
    column = LOOPS[race].column
    return [row for row in numbers["rows"].get(race, ()) if not column or row[column] == case]


def shown(value: float) -> str:
    """A number with three digits, and whole thousands."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def against(best: Sides) -> str:
    """The ratio, and that ours is slower where it is."""
    return f"{best.ratio:.3g} times" if best.ratio >= 1 else f"{best.ratio:.3g}: slower"


def summary(numbers: Numbers) -> str:
    """README's table."""
    lines = [about(numbers), "", "| what | command | ours, and the fastest peer |", "|---|---|---|"]
    for line in LINES:
        best = sides(numbers, line.race, line.case, line.pair)
        if best and best.peer:
            figure = f"{shown(best.our_speed)}; {best.peer} {shown(best.peer_speed)}; {against(best)}"
            link = f"[{figure}](benchmarks/README.md#{line.anchor})"
            lines.append(f"| {line.what} | `python -m benchmarks --only={line.race}` | {link} |")
    return "\n".join(lines)


def race(numbers: Numbers, name: str) -> str:
    """The table of one race: a row for each case, a column for each contender."""
    loop, rows = LOOPS[name], numbers["rows"][name]
    labels = list(dict.fromkeys(row["contender"] for row in rows))
    head = [loop.column or name, *labels, "ours against the fastest peer", "share of products", "quality"]
    lines = []
    for case in loop.cases:
        own = {row["contender"]: row for row in rows_of(numbers, name, case)}
        best = sides(numbers, name, case, next((line.pair for line in LINES if line.race == name), None))
        if best is None:
            continue
        mark = lambda row: shown(row[loop.unit]) + " (refused)" * (not row.get("equal", True))
        ratio = against(best) + f", {best.peer}" * (best.peer != "PyTorch") if best.peer else ""
        share, quality = own[best.ours].get("share"), shown(own[best.ours]["quality"])
        speeds = [mark(own[label]) if label in own else "" for label in labels]
        lines.append([case or loop.unit.replace("_", " "), *speeds, ratio, shown(share) if share else "", quality])
    kept = [n for n, title in enumerate(head) if any(line[n] for line in lines)]
    table = [[head[n] for n in kept], ["---"] * len(kept), *[[line[n] for n in kept] for line in lines]]
    command = f"`python -m benchmarks --only={name}`, {loop.unit.replace('_', ' ')}:"
    return drawn(command, table)


def drawn(above: str, table: Sequence[Sequence[str]]) -> str:
    """A table of Markdown below a line."""
    return "\n".join([above, "", *["| " + " | ".join(line) + " |" for line in table]])


def plain(numbers: Numbers, name: str) -> str:
    """The table of rows that are no race's."""
    rows = numbers["rows"][name]
    columns = [key for key in rows[0] if key != "blocks" and any(row.get(key) is not None for row in rows)]
    text = lambda value: shown(value) if isinstance(value, float) else "" if value is None else str(value)
    body = [[text(row.get(key)) for key in columns] for row in rows]
    table = [columns, ["---"] * len(columns), *body]
    return drawn(f"`python -m benchmarks --only={name}`:", table)


def about(numbers: Numbers) -> str:
    """The machine, in a sentence."""
    limits = ", ".join(f"{row['limit']} {shown(row['value'])} {row['unit']}" for row in numbers["limits"])
    versions = ", ".join(f"{name} {numbers['versions'][name]}" for name in ("python", "jax"))
    kind, cores, date = numbers["device"]["kind"], numbers["cores"], numbers["date"][:10]
    return f"{cores} cores of {kind}, {versions}, {date}; limits: {limits}."


def written(text: str, numbers: Numbers) -> str:
    """The text with each place filled anew. Raises Refused for a place that the numbers have no rows for."""

    def filled(place):
        name = place["name"]
        if name in ("speed", "about"):
            table = (summary if name == "speed" else about)(numbers)
        elif name not in numbers["rows"]:
            raise Refused(f"there are no rows of {name}: a whole run has them")
        else:
            table = (race if name in LOOPS else plain)(numbers, name)
        return f"{place[1]}{table}\n{place[3]}"

    return PLACE.sub(filled, text)


def main(argv: Sequence[str]) -> int:
    """The exit code, of arguments that are one file."""
    if len(argv) != 1 or argv[0].startswith("-"):
        print((__doc__ or "").strip())
        return 0 if argv == ["--help"] else 2
    try:
        numbers = comparison.read(argv[0])
        pages = {ROOT / name: written((ROOT / name).read_text(), numbers) for name in PAGES}
    except Refused as refusal:
        print(f"benchmarks.tables: {refusal}", file=sys.stderr)
        return 2
    for path, text in pages.items():
        path.write_text(text)
    print(summary(numbers))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
