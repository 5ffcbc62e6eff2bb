"""Whether reconstructions of drawings are of what they were made from.

found: the share of test drawings whose reconstruction, encoded again, is nearer to the code of its source than to that
of any other of the drawings. recognised: the share of reconstructions of drawings with classes that a classifier of
renderings, trained on the training split's, puts into the class of their source.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core import loop
from jaxgen.core.types import Source, Stage, State, Technique
from jaxgen.data.sources import resident
from jaxgen.figures.latents import evenly, vmapped
from jaxgen.figures.sketched import picture
from jaxgen.report.items import Cell, Table
from jaxgen.techniques.vision import cnn

MOST = 300  # test drawings, evenly spread over the split
FIND, RECOGNISE = 0.1, 0.2  # temperatures
SIDE, BATCH, PASSES = 28, 64, 4  # of renderings, and of the classifier's training


def chosen(split: Any) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The drawings that are measured, and their labels."""
    rows = evenly(len(split.length), MOST)
    return {"strokes": split.strokes[rows], "length": split.length[rows]}, split.label[rows]


def again(technique: Technique, state: State, drawings: dict[str, Any], temperature: float) -> dict[str, Any]:
    """A reconstruction of each."""
    warm = jnp.full(len(drawings["length"]), temperature, jnp.float32)
    given = {"drawing": drawings, "temperature": warm}
    return vmapped(technique, "reconstruct")(state, jax.random.key(1), given)


def found(technique: Technique, state: State, drawings: dict[str, Any]) -> float:
    """See the module. Codes are posterior means, distances Euclidean."""
    encode, key = vmapped(technique, "encode"), jax.random.key(0)
    sources, redrawn = encode(state, key, drawings), encode(state, key, again(technique, state, drawings, FIND))
    return nearest(np.asarray(redrawn), np.asarray(sources))


def nearest(codes: np.ndarray, sources: np.ndarray) -> float:
    """The share of codes [N, Z] to which, of all sources [N, Z], the one in their own row is the nearest."""
    distances = np.linalg.norm(codes[:, None] - sources[None], axis=-1)
    return float((distances.argmin(1) == np.arange(len(codes))).mean())


def rendered(drawings: dict[str, Any]) -> np.ndarray:
    """Images [N, SIDE * SIDE] uint8 of drawings."""
    pairs = zip(np.asarray(drawings["strokes"]), np.asarray(drawings["length"]))
    images = np.stack([picture(strokes, int(length), SIDE).reshape(-1) for strokes, length in pairs])
    return np.rint(255 * images).astype(np.uint8)


def classifier(train: Any, classes: tuple[str, ...]) -> tuple[Technique, State]:
    """A CNN, trained on renderings of the split."""
    technique = cnn.make(cnn.Config(shape=(SIDE, SIDE, 1), labels=classes))
    columns = {"image": rendered({"strokes": train.strokes, "length": train.length}), "label": train.label}
    batch = min(BATCH, len(train.label))
    source: Source = resident(columns, batch)
    steps = PASSES * (len(train.label) // batch)
    (event,) = loop.train([Stage(technique, source, steps)], jax.random.key(0), steps)
    return technique, event.state


def recognised(technique: Technique, state: State, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of images whose most probable class is that of `labels`."""
    probabilities = vmapped(technique, "predict")(state, jax.random.key(0), images)
    return float((np.asarray(probabilities).argmax(-1) == labels).mean())


def table(technique: Technique, state: State, every: Any) -> Table:
    """Both measures of a trained network, beside what real drawings and chance reach."""
    drawings, labels = chosen(every.test)
    count = len(labels)
    share = found(technique, state, drawings)
    rows = [[f"find their source, temperature {FIND:g}", f"{share:.1%}", f"{1 / count:.1%} by chance"]]
    if every.classes:
        judge = classifier(every.train, every.classes)
        real_share = recognised(*judge, rendered(drawings), labels)
        redrawn_share = recognised(*judge, rendered(again(technique, state, drawings, RECOGNISE)), labels)
        what = f"are recognised as their class, temperature {RECOGNISE:g}"
        rows.append([what, f"{redrawn_share:.1%}", f"{real_share:.1%} of the drawings themselves"])
    caption = f"Reconstructions of {count} test drawings, encoded and judged again"
    return Table(caption, ["of reconstructions", "share", "beside"], [[Cell(text) for text in row] for row in rows])
