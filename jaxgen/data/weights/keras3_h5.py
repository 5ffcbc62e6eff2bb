"""Keras 3's .weights.h5 files: nested groups `layers/conv2d_3/vars` with the variables 0, 1, ...

A layer is known by its class and a counter, in the order of `model.layers`; newer versions write its own name beside
that. https://github.com/keras-team/keras/blob/master/keras/src/saving/saving_lib.py
"""

import re
from functools import partial
from pathlib import Path
from typing import Any

from jaxgen.core.types import Refused
from jaxgen.data.weights import hdf5
from jaxgen.data.weights.tensors import Lazy, Tensors

LAYERS = ("layers", "_layer_checkpoint_dependencies")  # the second: of Keras 2.12 and 2.13
VARIABLE = re.compile(r"(.+)/vars/(\d+)")


def is_keras3(file: Any) -> bool:
    """Whether an open HDF5 file has this layout."""
    return any(name in file for name in LAYERS)


def read_keras3(path: Path, file: Any) -> Tensors:
    """The variables of all layers of the open file; those of its optimizer are left out.

    Raises Refused where the file is damaged, or leads elsewhere.
    """
    paths: list[str] = []
    file.visit(paths.append)  # enters each group once, and follows no links
    places, own = {}, {}
    for place in sorted(paths, key=_counted):
        variable = VARIABLE.fullmatch(place)
        if variable and place.partition("/")[0] in LAYERS:
            hdf5.check_array(path, hdf5.child(path, file, place))
            layer = "/".join(part for part in variable[1].split("/") if part not in LAYERS)
            places[f"{layer}/{variable[2]}"] = place
            if name := hdf5.text(path, hdf5.child(path, file, f"{variable[1]}/vars"), "name"):
                own[layer] = name
    if not places:
        raise Refused(f"{path} holds no variables of layers")
    readers = {name: partial(hdf5.read_array, path, place) for name, place in places.items()}
    return Tensors("keras3", Lazy(readers), own)


def _counted(place: str) -> list[tuple[str, int]]:
    """A key for sorting in which conv2d_2 stands before conv2d_10."""
    return [(stem, int(count or 0)) for stem, count in re.findall(r"([^/]*?)_?(\d*)(?:/|$)", place)]
