"""Pictures of the signals in a classifier's layers: over training, and before it in three initialisations.

L    layers, the output included
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core.config import changed
from jaxgen.core.types import Stage, State
from jaxgen.data import rows
from jaxgen.data.examples import Dataset
from jaxgen.report.canvas import drawing
from jaxgen.report.items import Arrays, Figure
from jaxgen.report.plots import Panel, lines
from jaxgen.run.experiment import Result, Setting
from jaxgen.techniques.vision import classifier

IMAGES = 256  # training images on which layers are measured, the same ones at every step
DEEP = 10  # a network of more layers is compared with other initialisations of itself
INITIALISATIONS: dict[str, dict[str, Any]] = {
    "sigmoid, Xavier": {"activation": "sigmoid", "initializer": "xavier_uniform", "batch_norm": False},
    "ReLU, He": {"activation": "relu", "initializer": "he_uniform", "batch_norm": False},
    "sigmoid, batch norm": {"activation": "sigmoid", "initializer": "xavier_uniform", "batch_norm": True},
}

Statistics = Mapping[str, np.ndarray]  # name -> [L], of `classifier.layer_statistics`
NAMES = ("gradient", "mean", "spread")


def measured_batch(dataset: Dataset) -> dict[str, jax.Array]:
    """The batch that layers are measured on."""
    train = dataset.train
    image, label = rows.read(train.image, slice(0, IMAGES)), train.label[:IMAGES]
    return {"image": jnp.asarray(image), "label": jnp.asarray(label)}


def layers(setting: Setting, stages: Sequence[Stage]) -> Callable[[int, int, State], Iterator[Arrays]]:
    """What a run keeps while it trains: the statistics of its layers."""
    del stages
    measure = jax.jit(classifier.layer_statistics(setting.module.network(setting.config)))
    batch = measured_batch(setting.data.examples)

    def look(stage, step, state):
        yield Arrays("layers", measure(state, jax.random.key(0), batch))

    return look


def usable(history: Mapping[int, Any], count: int) -> dict[int, Statistics]:
    """Updates -> statistics of `count` layers, without what an altered file holds instead."""
    whole = lambda each: all(np.shape(each.get(name)) == (count,) for name in NAMES)
    return {step: each for step, each in sorted(history.items()) if isinstance(each, Mapping) and whole(each)}


def through_layers(statistics: Mapping[str, Statistics]) -> list[Panel]:
    """Sizes of gradients and spreads of activations, from layer to layer; a line for each name."""
    count = len(next(iter(statistics.values()))["gradient"])
    layer = np.arange(1, count + 1)
    curves = lambda name: {label: (layer, each[name]) for label, each in statistics.items()}
    rms = "root mean square in the kernel"
    return [
        Panel("Gradients", "layer (the last: output)", rms, curves("gradient"), log_y=True),
        Panel("Activations", "layer", "standard deviation", curves("spread"), log_y=True),
    ]


def over_training(statistics: Mapping[int, Statistics], names: Sequence[str]) -> list[Panel]:
    """The same over updates, and means of activations; a line for each of the layers' names."""
    steps = np.asarray(list(statistics))
    values = lambda name: np.stack([each[name] for each in statistics.values()], 1)  # [L, steps]
    curves = lambda name: {label: (steps, each) for label, each in zip(names, values(name), strict=True)}
    rms = "root mean square in the kernel"
    return [
        Panel("Gradients", "step", rms, curves("gradient"), log_y=True),
        Panel("Activations: spread", "step", "standard deviation", curves("spread"), log_y=True),
        Panel("Activations: mean", "step", "mean", curves("mean")),
    ]


def before_training(setting: Setting) -> dict[str, Statistics]:
    """Statistics before the first update of the setting's layers in each of INITIALISATIONS."""
    batch = measured_batch(setting.data.examples)

    def measured(fields: Mapping[str, Any]) -> Statistics:
        config = changed(setting.config, {"freeze": "", "dropout": 0.0, **fields})
        init_key, measure_key = jax.random.split(jax.random.key(0))
        state = jax.jit(setting.module.make(config).init)(init_key)
        measure = jax.jit(classifier.layer_statistics(setting.module.network(config)))
        return {name: np.asarray(values) for name, values in measure(state, measure_key, batch).items()}

    return {name: measured(fields) for name, fields in INITIALISATIONS.items()}


def show(setting: Setting, result: Result) -> Iterator[Figure]:
    """The layers' statistics that were kept in training; of a deep network, those of other initialisations too."""
    names = [name.replace("layer", "layer ") for name in setting.module.network(setting.config).layers]
    if history := usable(result.history("layers"), len(names)):
        caption = f"From the first layer to the output, as training went on ({IMAGES} training images)"
        labelled = {f"step {step:,}": each for step, each in history.items()}
        yield drawing("layers", caption, lines, through_layers(labelled))
        caption = "The same, over training: gradients, and spread and mean of activations, of each layer"
        yield drawing("training", caption, lines, over_training(history, names))
    if len(names) > DEEP:
        compared = lambda: lines(through_layers(before_training(setting)), colours="category")
        caption = (
            f"These {len(names)} layers before training, started in three ways: where gradients vanish, nothing is "
        )
        yield drawing("starts", f"{caption}learnt", compared)
