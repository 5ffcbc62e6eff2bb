"""Variables of a pretrained network from the arrays of a file, whatever the file calls them."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import jax.numpy as jnp
import numpy as np

from jaxgen.core.types import Refused
from jaxgen.nets.pretrained.network import CLASSES, Layer, Layout, Network, asked, collected

KERAS = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}  # of a norm
TORCH = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
NUMBERED = re.compile(rf"({'|'.join(CLASSES.values())})(?:_(\d{{1,9}}))?")  # layers that Keras names by their class
SHOWN = 6  # names of layers in a message


class Tensors(Protocol):
    """The arrays of a file, see `data.weights`."""

    @property
    def layout(self) -> Layout:
        """Of the names."""

    @property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """Name -> array: "conv2d_1/kernel" (keras), "conv2d/0" (keras3), "features.0.weight" (torch)."""


def assemble(network: Network, tensors: Tensors, names: Sequence[str]) -> dict[str, Any]:
    """The variables of the layers that these activations need, float32.

    Args:
        network: made for weights of the tensors' layout, see `networks.network`.
        tensors: names and arrays of a file. Others than are needed are not read.
        names: of activations.

    Raises:
        Refused: layers are missing, with how far the file goes, or the first that does not fit, with both shapes; the
            network has no activation of a name, or expects weights of another origin.
    """
    if (network.layout == "torch") != (tensors.layout == "torch"):
        raise Refused(f"{network.name} was made for weights of {network.layout}, and these are of {tensors.layout}")
    wanted = network.needs(asked(network, names))
    address, missing = _addressed(network, tensors)
    if lacks := [name for name in wanted if name in missing]:
        raise Refused(_incomplete(network, tensors.arrays, names, lacks, missing))
    layers = [layer for layer in network.layers if layer.name in wanted]
    return collected({layer.name: _weights(network, tensors, address, layer) for layer in layers})


def held(network: Network, tensors: Tensors) -> tuple[str, ...]:
    """The activations that a file has all layers for, in the order of computing; their shapes are not looked at."""
    _, missing = _addressed(network, tensors)
    return tuple(name for name in network.activations if not {*network.needs((name,))} & {*missing})


def _addressed(network, tensors):
    """Where the arrays of layers are in a file, and the names of the layers that it lacks."""
    address = ADDRESSES[tensors.layout](network, tensors.arrays)
    holds = lambda layer: all(address(layer, weight) in tensors.arrays for weight in layer.shapes)
    return address, [layer.name for layer in network.layers if not holds(layer)]


def _incomplete(network, arrays, names, lacks, missing):
    """The message for layers that a file lacks."""
    if len(missing) == len(network.layers):
        others = ascii(_few([*dict.fromkeys(re.split(r"[/.]", name)[0] for name in arrays)]))[1:-1][:100]
        return f"the file holds no layer of {network.name}, but {others or 'nothing'}: weights of another network?"
    first = [layer.name for layer in network.layers].index(missing[0])
    upto = f"it holds {network.name} up to {network.layers[first - 1].name}" if first else f"{missing[0]} is the first"
    return f"the file lacks {_few(lacks)}, needed for {_few(names)} of {network.name}; {upto}"


def _few(names):
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + f" and {more} more" * (more > 0)


def _weights(network, tensors, address, layer):
    """Weight -> array of a layer."""
    values = {}
    for weight, shape in layer.shapes.items():
        value = np.asarray(tensors.arrays[address(layer, weight)])
        if tensors.layout == "torch" and weight == "kernel":
            value = _of_torch(value, layer)
        if value.shape != shape:
            expected = f"expected {weight} {shape}, found {value.shape}"
            raise Refused(f"{layer.name} of {network.name}: {expected}; weights of another network?")
        values[weight] = jnp.asarray(value, jnp.float32)
    return values


def _of_torch(kernel, layer):
    """A kernel [O, I, kh, kw] or [O, I] as [kh, kw, I, O] or [I, O]; I of a flattened image is (C, H, W) there."""
    if layer.flat and kernel.ndim == 2 and kernel.shape[1] % layer.flat == 0:
        outputs, inputs = kernel.shape
        kernel = kernel.reshape(outputs, layer.flat, inputs // layer.flat).swapaxes(1, 2).reshape(outputs, inputs)
    return kernel.transpose(2, 3, 1, 0) if kernel.ndim == 4 else kernel.T


Address = Callable[[Layer, str], str]  # layer, weight -> name of the array


def _keras(network: Network, arrays: Mapping[str, np.ndarray]) -> Address:
    """Layers by name, in which "/" is "_" here. Numbers count on from those of networks made before in one process."""
    files = {name.rpartition("/")[0].replace("/", "_"): name.rpartition("/")[0] for name in arrays}
    ours, theirs = (_first_numbers(names) for names in ([layer.name for layer in network.layers], files))

    def address(layer: Layer, weight: str) -> str:
        name, match = layer.name, NUMBERED.fullmatch(layer.name)
        if match and (kind := match[1]) in theirs:
            number = int(match[2] or 0) - ours[kind] + theirs[kind]
            name = f"{kind}_{number}" if number else kind
        return f"{files.get(name, name)}/{KERAS[weight] if layer.kind == 'norm' else weight}"

    return address


def _first_numbers(names):
    """Class -> the lowest number of such names; without one it is 0."""
    first: dict[str, int] = {}
    for match in filter(None, map(NUMBERED.fullmatch, names)):
        number = int(match[2] or 0)
        first[match[1]] = min(first.get(match[1], number), number)
    return first


def _keras3(network: Network, arrays: Mapping[str, np.ndarray]) -> Address:
    """Groups by class and counter, variables by number."""
    del network, arrays
    return lambda layer, weight: f"{layer.keras3}/{list(layer.shapes).index(weight)}"


def _torch(network: Network, arrays: Mapping[str, np.ndarray]) -> Address:
    del network, arrays
    return lambda layer, weight: f"{layer.torch}.{TORCH.get(weight, weight)}"


ADDRESSES = {"keras": _keras, "keras3": _keras3, "torch": _torch}
