"""Pictures of points in the plane that a generator makes, and which modes of a mixture they cover.

N    samples
M    modes
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import Fold, Stage, State
from jaxgen.figures.latents import vmapped
from jaxgen.ops.modes import coverage_of, mode_counts
from jaxgen.report.canvas import canvas, drawing, styled
from jaxgen.report.items import Arrays, Figure
from jaxgen.report.page import FULL
from jaxgen.run.experiment import Result, Setting

KEPT = 1000  # samples of each look
ROW = 4  # clouds beside each other


def look(setting: Setting, stages: Sequence[Stage]) -> Callable[[int, int, State], Iterator[Arrays]]:
    """What a run keeps while it trains: samples of the same codes."""

    def at(stage, step, state):
        sample = vmapped(stages[stage].technique, "sample")
        label = jnp.arange(KEPT, dtype=jnp.int32) % len(setting.data.examples.centres)
        yield Arrays("points", {"points": sample(state, jax.random.key(0), label)})

    return at


def enough(centres: np.ndarray) -> float:
    """The share of samples that makes a mode covered: two fifths of what it would have, 5 % for 8 modes."""
    return 0.4 / len(centres)


def coverage(setting: Setting) -> list[Fold]:
    """The Fold of covered modes, of as many samples as the split has points."""
    mixture = setting.data.examples
    centres, technique = mixture.centres, setting.module.make(setting.config)
    share = enough(mixture.centres)

    def add(state, key, tally, batch, mask):
        keys = jax.random.split(key, len(batch["label"]))
        points = jax.vmap(technique.infer["sample"], (None, 0, 0))(state, keys, batch["label"])
        counts, total = tally
        return counts + mode_counts(points, centres, mixture.sigma, mask=mask), total + mask.sum(dtype=jnp.int32)

    def finish(tally):
        counts, total = tally
        return {name: value.astype(jnp.float32) for name, value in coverage_of(counts, total, share).items()}

    start = lambda: (jnp.zeros(len(centres), jnp.int32), jnp.zeros((), jnp.int32))
    definitions = {
        "modes": f"how many of the {len(centres)} modes have at least {share:.1%} of all samples within 4 sigma",
        "good": "share of samples within 4 sigma of a mode",
    }
    return [Fold(start, add, finish, definitions, "higher", improves=False)]


@styled
def clouds(panels: Sequence[tuple[str, Any]], centres: np.ndarray, columns: int = ROW):
    """Points [N, 2] of each (title, points) beside each other, over the centres [M, 2] of a mixture."""
    rows, side = -(-len(panels) // columns), FULL // columns
    figure = canvas(FULL, rows * (side + 8))
    reach = 1.35 * np.abs(centres).max()
    for number, (title, points) in enumerate(panels, 1):
        plot = figure.add_subplot(rows, columns, number, aspect="equal", xlim=(-reach, reach), ylim=(-reach, reach))
        plot.set_title(title, size=11)
        plot.set(xticks=[], yticks=[])
        plot.scatter(*centres.T, s=90, facecolors="none", edgecolors="#9aa0ab", lw=1)
        plot.scatter(*np.asarray(points).T, s=3, c="#2d66c3", alpha=0.35, lw=0)
    return figure


def show(setting: Setting, result: Result) -> Iterator[Figure]:
    """The samples as training went on."""
    kept = sorted(result.history("points").items())
    if not kept:
        return
    chosen = [kept[round(n)] for n in np.linspace(0, len(kept) - 1, min(len(kept), 2 * ROW))]
    panels = [(f"{step:,} updates", arrays["points"]) for step, arrays in chosen]
    centres = setting.data.examples.centres
    yield drawing("clouds", f"{KEPT:,} samples of the same codes; circles: the modes", clouds, panels, centres)
