"""What can be known of drawings without context: one mixture for all offsets, and the pen's state from the one before.

What a network's nats per point are to be compared with. The mixture is fitted by scikit-learn, with as many components
as the network's and no deviation narrower than the narrowest of `ops.mixtures`.
"""

from typing import Any

import numpy as np

from jaxgen.ops.mixtures import WIDEST
from jaxgen.ops.pen import END
from jaxgen.report.items import Cell, Table

FITTED = 100_000  # points of the training split, the first ones, that the mixture is fitted to


def points(split: Any) -> np.ndarray:
    """All offsets of a split's drawings, [points, 2]."""
    inside = np.arange(split.strokes.shape[1])[None] < split.length[:, None]
    return split.strokes[inside][:, :2].astype(np.float64)


def transitions(split: Any) -> np.ndarray:
    """How often each pen state follows each other one, [3, 3]: down, lifted, and the end, which nothing follows."""
    counts = np.zeros((3, 3))
    for strokes, length in zip(split.strokes, split.length):
        states = np.concatenate([[0], strokes[:length, 2] > 0.5, [END]]).astype(int)
        np.add.at(counts, (states[:-1], states[1:]), 1)
    return counts


def nats_per_point(train: Any, test: Any, components: int) -> tuple[float, float]:
    """-log p of the test split's offsets and of its pen states, the end included, both per point."""
    from sklearn.mixture import GaussianMixture

    fitted = GaussianMixture(components, random_state=0, reg_covar=float(np.exp(-2 * WIDEST)))
    fitted.fit(points(train)[:FITTED])
    count = float(test.length.sum())
    smoothed = transitions(train) + 1.0  # no transition is impossible because it was not seen
    log_p = np.log(smoothed / smoothed.sum(1, keepdims=True))
    offset = -float(fitted.score_samples(points(test)).sum()) / count
    return offset, -float((transitions(test) * log_p).sum()) / count


def compared(train: Any, test: Any, components: int, ours: dict[str, float]) -> Table:
    """A network's nats per point, `offset_nll` and `pen_nll` of the test split, beside those without context."""
    lines = {"the network": (ours["offset_nll"], ours["pen_nll"])}
    lines["one mixture, pen bigrams"] = nats_per_point(train, test, components)
    rows = [[Cell(text) for text in (name, *(f"{x:.3f}" for x in (*each, sum(each))))] for name, each in lines.items()]
    caption = f"Nats per point of the test split; {components} components, fitted to the training split's points"
    return Table(caption, ["", "offsets", "pen states", "both"], rows)
