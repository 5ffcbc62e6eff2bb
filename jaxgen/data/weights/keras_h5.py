"""Keras's .h5 files: `model.save_weights` of Keras 1 and 2, and `model.save` of all versions.

A group, the file itself or `model_weights` in it, has the attribute `layer_names`; each layer is a group whose
attribute `weight_names` lists its arrays. What these are called has changed over the years: "conv1/kernel:0",
"conv1_W_1:0", "uniform1". https://github.com/keras-team/keras/blob/master/keras/src/legacy/saving/legacy_h5_format.py
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from jaxgen.core.types import Refused
from jaxgen.data.weights import hdf5
from jaxgen.data.weights.tensors import Lazy, Tensors

KINDS = {  # the end of a name -> kind of weight; the upper ones are Keras 1's, whose running_std held the variance
    **{"W": "kernel", "b": "bias", "running_mean": "moving_mean", "running_std": "moving_variance"},
    **{name: name for name in ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")},
}
ENDING = re.compile(rf"(?:.*[_/])?({'|'.join(KINDS)})(?:_\d+)?")
FULL = "model_weights"  # group of the weights in the file of a whole model


def is_keras(file: Any) -> bool:
    """Whether an open HDF5 file has this layout."""
    return FULL in file or "layer_names" in file.attrs or "layer_names0" in file.attrs


def read_keras(path: Path, file: Any) -> Tensors:
    """The weights of all layers that the open file lists, in its order.

    A model inside the model gives its layers' own names. Raises Refused where the file is damaged, or leads elsewhere.
    """
    top = FULL if FULL in file else ""
    group = hdf5.child(path, file, top) if top else file
    places: dict[str, str] = {}  # name -> the array's place in the file
    for layer in hdf5.texts(path, group, "layer_names"):
        part = hdf5.child(path, group, layer)
        weights = hdf5.texts(path, part, "weight_names")
        dimensions = {}
        for weight in weights:
            dataset = hdf5.child(path, part, weight)
            hdf5.check_array(path, dataset)
            dimensions[weight] = dataset.ndim
        for weight, name in names(layer, dimensions).items():
            unique = name if name not in places else f"{_flat(layer)}/{weight}"  # of two models in the model, say
            places[unique] = "/".join(filter(None, (top, layer, weight)))
    if not places:
        raise Refused(f"{path} holds no weights of layers")
    return Tensors("keras", Lazy({name: partial(hdf5.read_array, path, place) for name, place in places.items()}))


def names(layer: str, weights: Mapping[str, int]) -> dict[str, str]:
    """The names "layer/weight" of Tensors for the weights of a layer, by weight name -> number of its dimensions."""
    stems = {weight: weight.partition(":")[0] for weight in weights}
    owners = {stem.rpartition("/")[0].rpartition("/")[2] for stem in stems.values()}
    nested = len(owners) > 1 and "" not in owners
    short = {
        weight: f"{_flat(stem.split('/')[-2] if nested else layer)}/{_kind(stem, weights[weight])}"
        for weight, stem in stems.items()
    }
    if len(set(short.values())) == len(short):
        return short
    return {weight: f"{_flat(layer)}/{stem}" for weight, stem in stems.items()}  # cells of recurrent layers


def _flat(layer: str) -> str:
    return layer.replace("/", "_")


def _kind(stem: str, dimensions: int) -> str:
    """The kind of a weight by its name, or by its dimensions where the name tells nothing."""
    ending = ENDING.fullmatch(stem)
    return KINDS[ending[1]] if ending else "kernel" if dimensions > 1 else "bias" if dimensions else stem
