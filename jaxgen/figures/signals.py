"""Pictures of a classifier: what its layers went through, what it confuses, where it is most wrong.

N    test images
C    classes
L    layers, the output included
"""

import dataclasses
import io
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.files import write_whole
from jaxgen.core.types import State, Technique
from jaxgen.data import rows
from jaxgen.data.examples import Dataset
from jaxgen.figures.latents import BLOCK, MOST, mapped
from jaxgen.report.plots import Panel, save_gallery, save_lines, save_matrix
from jaxgen.techniques.vision import classifier

LOOKED_AT = 256  # training images on which layers are measured, the same ones at every step
SHOWN = 40  # of the worst mistakes
DEEP = 10  # hidden layers from which on a network is set beside other starts of itself
STARTS: dict[str, dict[str, Any]] = {
    "sigmoid, Xavier": {"activation": "sigmoid", "initializer": "xavier_uniform", "batch_norm": False},
    "ReLU, He": {"activation": "relu", "initializer": "he_uniform", "batch_norm": False},
    "sigmoid, batch norm": {"activation": "sigmoid", "initializer": "xavier_uniform", "batch_norm": True},
}

Statistics = Mapping[str, np.ndarray]  # of `classifier.layer_statistics`


def looked_at(dataset: Dataset) -> dict[str, jax.Array]:
    """The batch that layers are measured on."""
    train = dataset.train
    return {
        "image": jnp.asarray(rows.read(train.image, slice(0, LOOKED_AT))),
        "label": jnp.asarray(train.label[:LOOKED_AT]),
    }


def watcher(config: classifier.Config, dataset: Dataset, folder: Path) -> Callable[[int, State], None]:
    """A function of (step, State) that writes the layers' statistics at that step into `folder`."""
    measure, batch = jax.jit(classifier.layer_statistics(config)), looked_at(dataset)

    def watch(step: int, state: State) -> None:
        found, file = measure(state, jax.random.key(0), batch), io.BytesIO()
        np.savez(file, **jax.tree.map(np.asarray, found))
        write_whole(folder / f"layers-{step:08d}.npz", file.getvalue())

    return watch


def watched(folder: Path, layers: int, steps: int) -> dict[int, Statistics]:
    """Step -> statistics, of the files of a `watcher` that can be read, are of so many layers and of no later step.

    Later ones are left where a run was killed and went on from an earlier checkpoint, or no further than asked.
    """
    found: dict[int, Statistics] = {}
    for path in sorted(folder.glob("layers-*.npz")):
        number = re.fullmatch(r"layers-(\d+)", path.stem)
        try:
            with np.load(path) as file:
                read = {name: file[name] for name in ("gradient", "mean", "spread")}
        except Exception:  # damage raises some ten types, and is no reason to end a run without its report
            continue
        if number and int(number[1]) <= steps and all(values.shape == (layers,) for values in read.values()):
            found[int(number[1])] = read
    return found


def signals(statistics: Mapping[str, Statistics]) -> list[Panel]:
    """Through the layers: how large gradients are, and how far activations spread."""
    count = len(next(iter(statistics.values()))["gradient"])
    layer = np.arange(1, count + 1)
    lines = lambda name: {label: (layer, each[name]) for label, each in statistics.items()}
    return [
        Panel("Gradients", "layer (the last: output)", "root mean square in the kernel", lines("gradient"), log_y=True),
        Panel("Activations", "layer", "standard deviation", lines("spread"), log_y=True),
    ]


def over_training(statistics: Mapping[int, Statistics]) -> list[Panel]:
    """The same over training, one line for each layer."""
    steps = np.asarray(list(statistics))
    layers = [*range(1, len(next(iter(statistics.values()))["gradient"])), "output"]
    values = lambda name: np.stack([each[name] for each in statistics.values()], 1)
    lines = lambda name: {f"layer {n}" if n != "output" else "output": (steps, v) for n, v in zip(layers, values(name))}
    return [
        Panel("Gradients", "step", "root mean square in the kernel", lines("gradient"), log_y=True),
        Panel("Activations: spread", "step", "standard deviation", lines("spread"), log_y=True),
        Panel("Activations: mean", "step", "mean", lines("mean")),
    ]


def starts(config: classifier.Config, dataset: Dataset) -> dict[str, Statistics]:
    """Statistics before the first update of the same layers, started in the three ways of STARTS."""
    found: dict[str, Statistics] = {}
    batch = looked_at(dataset)
    for name, fields in STARTS.items():
        other = dataclasses.replace(config, freeze="", dropout=0.0, **fields)
        init_key, measure_key = jax.random.split(jax.random.key(0))
        state = jax.jit(classifier.make(other).init)(init_key)
        measured = jax.jit(classifier.layer_statistics(other))(state, measure_key, batch)
        found[name] = {key: np.asarray(values) for key, values in measured.items()}
    return found


def probabilities(technique: Technique, state: State, images: Any) -> np.ndarray:
    """Of images [N, D], held in memory or not, the probabilities [N, C], a block at a time."""
    predict = mapped(technique, "predict")
    blocks = (rows.read(images, slice(n, n + BLOCK)) for n in range(0, rows.count(images), BLOCK))
    return np.concatenate([predict(state, jax.random.key(0), block) for block in blocks])


def mistakes(probability: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Numbers of the images that are taken for another class, the surest mistake first."""
    said = probability.argmax(1)
    wrong = np.flatnonzero(said != label)
    return wrong[np.argsort(-probability[wrong, said[wrong]], kind="stable")]


def drawn(
    technique: Technique,
    state: State,
    dataset: Dataset,
    config: classifier.Config,
    counts: np.ndarray,
    found: Mapping[int, Statistics],
) -> Iterator[tuple[str, Callable[[Path], None], str]]:
    """Name, what draws it to a path, and caption of each picture.

    `counts` [C, C] are those of the test split, `found` what a `watcher` found.
    """
    names = dataset.classes
    yield (
        "confusion",
        lambda path: save_matrix(path, counts, names, ""),
        "Test images by their class and the class they are taken for",
    )
    image = rows.pick(dataset.test.image, slice(0, MOST))
    probability = probabilities(technique, state, image)
    if len(worst := mistakes(probability, dataset.test.label[:MOST])[:SHOWN]):
        shown = rows.read(image, worst).reshape(-1, *dataset.shape)
        said = [
            f"{names[p.argmax()]}, {p.max():.0%}\nis {names[dataset.test.label[n]]}"
            for n, p in zip(worst, probability[worst])
        ]
        yield (
            "mistakes",
            lambda path: save_gallery(path, shown, said, 10),
            f"The surest mistakes among {len(probability):,} test images: what is said, how surely, and what it is",
        )
    if found:
        yield (
            "layers",
            lambda path: save_lines(path, signals({f"step {step:,}": each for step, each in found.items()})),
            f"From the first layer to the output, as training went on ({LOOKED_AT} training images)",
        )
        yield (
            "training",
            lambda path: save_lines(path, over_training(found)),
            "The same, over training: gradients, and spread and mean of activations, of each layer",
        )
    layers = len(classifier.layers(config)) + 1
    if config.network == "mlp" and layers > DEEP:
        yield (
            "starts",
            lambda path: save_lines(path, signals(starts(config, dataset)), colours="category"),
            f"These {layers} layers before training, started in three ways: where gradients vanish, nothing is learnt",
        )
