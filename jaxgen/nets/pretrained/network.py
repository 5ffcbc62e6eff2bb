"""Fixed networks whose activations are asked for by name, and what their files call their layers.

An activation is the output of the Keras layer of that name, but for `predictions`: logits, without a softmax.
"""

import difflib
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

import jax
import jax.numpy as jnp

from jaxgen.core.types import Refused
from jaxgen.nets.initializers import INITIALIZERS
from jaxgen.nets.pretrained.graph import Graph, Node, ancestors, channels, keras_order

Layout = Literal["keras", "keras3", "torch"]  # of a file of weights: legacy .h5, .weights.h5, torchvision's state dict
CLASSES = {"conv": "conv2d", "dense": "dense", "norm": "batch_normalization"}  # of Keras's layers


class Layer(NamedTuple):
    """A layer that has parameters."""

    name: str  # of the Linen module, which is Keras's: "block1_conv1", "batch_normalization_1", "fire2_squeeze1x1"
    kind: Literal["conv", "dense", "norm"]
    torch: str  # prefix in torchvision's state dict: "features.0", "Conv2d_1a_3x3.conv"
    keras3: str  # group in Keras 3's .weights.h5: the class, counted in the order of `model.layers`; "conv2d_3"
    # Weight -> shape, in Keras's order: "kernel" [kh, kw, I, O] or [I, O], maybe "bias"; "scale" (maybe), "bias",
    # "mean", "var" [C].
    shapes: Mapping[str, tuple[int, ...]]
    flat: int = 0  # channels of the image that a dense layer's input was flattened from; 0: of none


class Network(NamedTuple):
    """A fixed network. Variables are {"params": {layer: {weight: array}}, "batch_stats": {layer: {"mean", "var"}}}."""

    name: str
    layout: Layout  # of the weights that it computes with: preprocessing and borders depend on their origin
    activations: tuple[str, ...]  # names, in the order of computing
    spatial: tuple[str, ...]  # those of them that have positions
    layers: tuple[Layer, ...]  # in the order in which Keras creates them
    needs: Callable[[Sequence[str]], tuple[str, ...]]  # names of activations -> of the `layers` computed for them
    # Variables, images [B, H, W, 3] (RGB in [0, 1], or uint8), names -> name -> [B, h, w, C] or [B, C]. No more is
    # computed than they depend on; preprocessing is inside. Options: `added`, name -> what is added to an activation,
    # for slopes in it; `relu`, another rectifier; `mean`, means instead of
    # maxima in pooling. Raises Refused for an unknown name or too small images.
    apply: Callable[..., dict[str, jax.Array]]
    init: Callable[[jax.Array, Sequence[str]], dict[str, Any]]  # key, names -> random variables for these activations
    least: int  # smallest side of an image of which every activation but those of dense layers can be computed


def build(name: str, layout: Layout, nodes: Sequence[Node], prepare: Callable, least: int) -> Network:
    """The network of these nodes, the last of which is its output. `prepare` takes RGB in [0, 1]."""
    activations = tuple(node.name for node in nodes)
    layers, graph = _layers(nodes), Graph(tuple(nodes), prepare)
    flat = next((n for n, node in enumerate(nodes) if node.kind in ("flatten", "mean")), len(nodes))

    def needs(names: Sequence[str]) -> tuple[str, ...]:
        wanted = ancestors(nodes, _asked(name, activations, names))
        return tuple(layer.name for layer in layers if layer.name in wanted)

    def apply(variables: Any, images: jax.Array, names: Sequence[str], **options: Any) -> dict[str, jax.Array]:
        if images.ndim != 4 or images.shape[-1] != 3:
            raise Refused(f"{name} expected images [B, H, W, 3], found the shape {images.shape}")
        return cast("dict[str, jax.Array]", graph.apply(variables, images, _asked(name, activations, names), **options))

    init = lambda key, names: drawn(layers, needs(names), key)
    return Network(name, layout, activations, activations[:flat], layers, needs, apply, init, least)


def _layers(nodes):
    """The nodes that have parameters, as layers."""
    counts, parts = channels(nodes), {node.name: node for node in nodes}
    groups, numbers = {}, dict.fromkeys(CLASSES, 0)
    for name in keras_order(nodes):
        if (kind := parts[name].kind) in CLASSES:
            groups[name] = CLASSES[kind] + f"_{numbers[kind]}" * (numbers[kind] > 0)
            numbers[kind] += 1
    layers = []
    for node in (node for node in nodes if node.kind in CLASSES):
        before = parts.get(node.inputs[0])
        flat = counts[before.inputs[0]] if before and before.kind == "flatten" else 0
        shapes = _shapes(node, counts[node.inputs[0]])
        layers.append(Layer(node.name, node.kind, node.torch, groups[node.name], shapes, flat))
    return tuple(layers)


def _shapes(node, inputs):
    if node.kind == "norm":
        return dict.fromkeys((*["scale"] * node.scale, "bias", "mean", "var"), (inputs,))
    kernel = (*node.size, inputs, node.features) if node.kind == "conv" else (inputs, node.features)
    return {"kernel": kernel, **({"bias": (node.features,)} if node.bias else {})}


def asked(network: Network, names: Sequence[str]) -> tuple[str, ...]:
    """The names of activations, checked.

    Raises:
        Refused: the network has no activation of that name, with the nearest ones.
    """
    return _asked(network.name, network.activations, names)


def _asked(network, activations, names):
    for name in names:
        if name not in activations:
            raise Refused(f"{network} has no activation {name!r}; the nearest: {', '.join(nearest(name, activations))}")
    return tuple(names)


def nearest(name: str, names: Sequence[str]) -> list[str]:
    """At most four of `names` that resemble a mistaken one."""
    return difflib.get_close_matches(name.lower(), names, 4, 0.0)


def drawn(layers: Sequence[Layer], wanted: Collection[str], key: jax.Array) -> dict[str, Any]:
    """Random variables of the layers of these names: He-normal kernels, all else as before training."""
    he_normal = INITIALIZERS["he_normal"]("relu")
    start = {"scale": jnp.ones, "var": jnp.ones, "bias": jnp.zeros, "mean": jnp.zeros}
    tables = {}
    for number, layer in enumerate(layers):
        if layer.name in wanted:
            draw = functools.partial(he_normal, jax.random.fold_in(key, number))
            values = {weight: start.get(weight, draw)(shape, jnp.float32) for weight, shape in layer.shapes.items()}
            tables[layer.name] = values
    return collected(tables)


def collected(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Layer -> weight -> array, as variables."""
    statistics = ("mean", "var")
    params, batch_stats = {}, {}
    for layer, values in tables.items():
        params[layer] = {weight: value for weight, value in values.items() if weight not in statistics}
        if "mean" in values:
            batch_stats[layer] = {weight: values[weight] for weight in statistics}
    return {"params": params, **({"batch_stats": batch_stats} if batch_stats else {})}
