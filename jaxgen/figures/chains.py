"""Pictures of a Boltzmann machine: filters while they form, chains of Gibbs sampling, hidden halves filled in.

N    images
D    values of an image
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import Stage, State, Technique
from jaxgen.data import rows
from jaxgen.data.examples import Dataset
from jaxgen.figures.inpainting import hidden
from jaxgen.figures.latents import animation, below_each, grid, vmapped
from jaxgen.figures.reconstructions import filters, restored
from jaxgen.ops.imaging import to_unit
from jaxgen.report.canvas import drawing
from jaxgen.report.items import Figure, Lines, Still
from jaxgen.report.pictures import moving, still
from jaxgen.report.plots import Panel, lines
from jaxgen.run.experiment import Result, Setting

COLUMNS = 20
STEPS = (1, 10, 100, 1000)  # of chains that begin at test images
FRAMES = 32  # of chains that begin at noise
FILLED = 100  # steps
MEASURED = 1000  # images of each split whose free energies are compared


def first_kernel(state: State) -> np.ndarray:
    """Weights [D, H] of the lowest layer: of a machine, of the lowest of several, or of an encoder made from them."""
    if "encoder_0" in state.params:
        return np.asarray(state.params["encoder_0"]["kernel"])
    below = state.carry.get("below", ())
    return np.asarray((below[0] if below else state.carry.get("average", state.params))["kernel"])


def learnt_filters(state: State, shape: tuple[int, int, int]) -> np.ndarray:
    """Those of the first hidden units as one image, each on a scale of its own: grey is 0. Classes are left out."""
    return grid(filters(first_kernel(state)[: int(np.prod(shape))]), shape, 10)


def free_energies(technique: Technique, state: State, images: Dataset) -> list[float]:
    """Mean free energies of the first training and of the first validation images, of as many of each."""
    most = min(MEASURED, *(rows.count(split.image) for split in (images.train, images.valid)))
    read = lambda split: rows.read(split.image, slice(0, most))
    each = vmapped(technique, "free_energy")
    return [float(each(state, jax.random.key(0), read(split)).mean()) for split in (images.train, images.valid)]


def forming(setting: Setting, stages: Sequence[Stage]) -> Callable[[int, int, State], Iterator[Still | Lines]]:
    """What a run keeps while it trains: filters, and how free energies of training and validation images differ."""

    def look(stage, step, state):
        images = setting.data.examples
        yield Still("filters", learnt_filters(state, images.shape), 2)
        if rows.count(images.valid.image) and "free_energy" in stages[stage].technique.infer:
            train, valid = free_energies(stages[stage].technique, state, images)
            yield Lines("free_energy", [{"stage": stage, "train": train, "valid": valid, "gap": valid - train}])

    return look


def from_images(technique: Technique, state: State, images: Dataset) -> Figure:
    """Test images, and below each its chain after STEPS steps, as means of pixels."""
    shown = rows.read(images.test.image, slice(0, COLUMNS))
    walk = vmapped(technique, "gibbs")
    starts = lambda steps: {"image": jnp.asarray(shown), "steps": jnp.full(len(shown), steps, jnp.int32)}
    after = [np.asarray(walk(state, jax.random.key(1), starts(steps))) for steps in STEPS]
    first = np.asarray(to_unit(jnp.asarray(shown)))
    listed = ", ".join(f"{steps:,}" for steps in STEPS)
    caption = f"Test images, and below each its chain of Gibbs sampling after {listed} steps"
    return still("chains", caption, grid(below_each(COLUMNS, first, *after), images.shape, len(shown)))


def from_noise(technique: Technique, state: State, images: Dataset, count: int = 64) -> Figure:
    """An animation of chains that begin at noise, at steps evenly spaced on a logarithmic scale up to 1,000."""
    walk, side = vmapped(technique, "gibbs"), int(count**0.5)
    noise = (np.random.default_rng(0).random((count, int(np.prod(images.shape)))) < 0.5).astype(np.float32)
    steps = np.unique(np.rint(np.logspace(0, 3, FRAMES)).astype(np.int32))
    frames = []
    for each in steps:  # every frame from the start: a chain is a function of its key and the number of steps
        start = {"image": jnp.asarray(noise), "steps": jnp.full(count, each, jnp.int32)}
        frames.append(grid(walk(state, jax.random.key(2), start), images.shape, side))
    return moving("from_noise", f"{count} chains of Gibbs sampling from noise, 1,000 steps", frames, 150, 4)


def filled(technique: Technique, state: State, images: Dataset) -> Figure:
    """Test images, their lower halves hidden, and drawn given the upper ones."""
    shown = jnp.asarray(rows.read(images.test.image, slice(0, COLUMNS)))
    known = ~hidden(images.shape, "half")
    start = {
        "image": shown,
        "known": jnp.tile(known, (len(shown), 1)),
        "steps": jnp.full(len(shown), FILLED, jnp.int32),
    }
    x = np.asarray(to_unit(shown))
    drawn = np.asarray(vmapped(technique, "fill")(state, jax.random.key(3), start))
    caption = f"Test images; the lower half hidden; drawn given the upper half, {FILLED} steps of Gibbs sampling"
    return still(
        "filled_half", caption, grid(below_each(COLUMNS, x, np.where(known, x, 0.5), drawn), images.shape, len(x))
    )


def by_class(technique: Technique, state: State, images: Dataset, steps: int = 1000, each: int = 10) -> Figure:
    """Images drawn from noise given the class, a row a class."""
    classes = len(images.classes)
    labels = jnp.repeat(jnp.arange(classes, dtype=jnp.int32), each)
    start = {"label": labels, "steps": jnp.full(len(labels), steps, jnp.int32)}
    drawn = vmapped(technique, "sample_class")(state, jax.random.key(4), start)
    caption = f"Drawn given the class, {steps:,} steps of Gibbs sampling from noise; rows: {', '.join(images.classes)}"
    return still("by_class", caption, grid(drawn, images.shape, each))


def compared(history: Mapping[int, Sequence[Mapping[str, float]]]) -> Iterator[Figure]:
    """Free energies of training and validation images by the last machine, where there is more than one measurement."""
    rows = {step: history[step][-1] for step in sorted(history)}
    machine = max((row["stage"] for row in rows.values()), default=0)
    rows = {step: row for step, row in rows.items() if row["stage"] == machine}
    if len(rows) < 2:
        return
    steps, last = np.array(list(rows)), list(rows.values())
    curves = {
        name: (steps, np.array([row[key] for row in last]))
        for key, name in (("train", "training"), ("valid", "validation"))
    }
    gap = {"difference": (steps, np.array([row["gap"] for row in last]))}
    panels = [
        Panel("Mean free energy", "updates", "nats", curves),
        Panel("Validation less training", "updates", "nats", gap),
    ]
    caption = (
        f"Free energies of the first {MEASURED:,} images of each split, or as many as both have: where those of "
        "validation images rise above those of training images, the machine over-fits"
    )
    yield drawing("free_energies", caption, lines, panels, "", "category")


def show(setting: Setting, result: Result) -> Iterator[Figure]:
    """All pictures of a machine of pixels."""
    technique, state, images = result.stage.technique, result.state, setting.data.examples
    now = learnt_filters(state, images.shape)
    yield still("filters", "Weights of the first 100 hidden units, each on its own scale: grey is 0", now)
    yield from animation(result.history("filters"), now, "The same weights, as training went on")
    picture, caption = restored(technique, state, images)
    yield still("reconstructions", caption, picture)
    yield from_images(technique, state, images)
    yield from_noise(technique, state, images)
    if "fill" in technique.infer:
        yield filled(technique, state, images)
    yield from compared(result.history("free_energy"))
    if "predict" in technique.infer:
        yield by_class(technique, state, images)
