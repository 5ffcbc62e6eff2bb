"""Networks as lists of steps, of which only those are computed that lead to the activations asked for."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core.types import Refused
from jaxgen.nets.layers import Conv
from jaxgen.ops.imaging import to_unit
from jaxgen.ops.pooling import max_pool, mean_pool, overlapping_max_pool, overlapping_mean_pool, strided_mean_pool

EPSILON = 1e-3  # added to the variance: both Keras's and torchvision's InceptionV3
IMAGE = "image"  # the name of what the network is given


class Node(NamedTuple):
    """One step; its name is that of the Keras layer whose output it is."""

    name: str
    kind: Literal["conv", "dense", "norm", "relu", "max2", "max3", "mean3", "mean", "concat", "flatten"]
    inputs: tuple[str, ...]  # earlier nodes, or IMAGE
    torch: str = ""  # prefix in torchvision's state dict
    features: int = 0  # of a convolution or dense layer
    size: tuple[int, int] = (1, 1)  # of a kernel; of the pixels that "flatten" reads
    strides: int = 1  # of a convolution
    padding: Literal["SAME", "VALID"] = "SAME"  # of a convolution
    bias: bool = True  # of a convolution
    relu: bool = False  # whether a convolution or dense layer is followed by a rectifier, as part of it
    scale: bool = False  # whether a norm has one
    ragged: bool = False  # of "max3": whether windows may reach over the border
    zeros: bool = False  # of "mean3": whether pixels beyond the border count as 0


def ancestors(nodes: Sequence[Node], names: Sequence[str]) -> set[str]:
    """Names of the nodes that are computed for `names`, themselves included."""
    wanted = set(names)
    for node in reversed(nodes):
        if node.name in wanted:
            wanted.update(node.inputs)
    return wanted - {IMAGE}


def channels(nodes: Sequence[Node]) -> dict[str, int]:
    """Channels of each node, and of IMAGE."""
    counts = {IMAGE: 3}
    for node in nodes:
        before = sum(counts[name] for name in node.inputs)
        counts[node.name] = node.features or before * (math.prod(node.size) if node.kind == "flatten" else 1)
    return counts


def keras_order(nodes: Sequence[Node]) -> list[str]:
    """Names in the order of `model.layers` in Keras 3: farthest from the output first, then by depth-first search.

    The search starts at the output, the last node, and looks at inputs in their order.
    """
    by_name, depths, visits = {node.name: node for node in nodes}, {node.name: 0 for node in nodes}, []
    for node in reversed(nodes):
        depths.update({name: max(depths[name], depths[node.name] + 1) for name in node.inputs if name != IMAGE})
    left = [nodes[-1].name]
    while left:
        name = left.pop()
        if name != IMAGE and name not in visits:
            visits.append(name)
            left.extend(reversed(by_name[name].inputs))
    return sorted(visits, key=lambda name: -depths[name])


class Graph(nn.Module):
    """The network of some nodes, the last of which is its output."""

    nodes: tuple[Node, ...]
    prepare: Callable[[jax.Array], jax.Array]  # RGB in [0, 1] to what the first layer expects

    @nn.compact
    def __call__(
        self,
        images: jax.Array,
        names: Sequence[str],
        added: Mapping[str, jax.Array] | None = None,
        relu: Callable[[jax.Array], jax.Array] = nn.relu,
        mean: bool = False,
    ) -> dict[str, jax.Array]:
        """Images [B, H, W, 3], RGB in [0, 1] or uint8, to name -> activation [B, h, w, C] or [B, C].

        What is `added` to an activation goes on through the network; `relu` is what it rectifies with; with `mean`,
        the mean of each window takes the place of its maximum.

        Raises Refused where the images are too small, or of another size than a dense layer reads.
        """
        wanted, values = ancestors(self.nodes, names), {IMAGE: self.prepare(to_unit(images))}
        for node in self.nodes:
            if node.name in wanted:
                value = _step(node, [values[name] for name in node.inputs], images.shape, relu, mean)
                values[node.name] = value + added[node.name] if added and node.name in added else value
        return {name: values[name] for name in names}


class Norm(nn.Module):
    """Batch normalisation by stored statistics, folded into one product and sum: [..., C] to the same shape."""

    scale: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape, ones, zeros = x.shape[-1:], nn.initializers.ones, nn.initializers.zeros
        mean = self.variable("batch_stats", "mean", jnp.zeros, shape, jnp.float32).value
        var = self.variable("batch_stats", "var", jnp.ones, shape, jnp.float32).value
        factor = jax.lax.rsqrt(var + EPSILON)
        if self.scale:
            factor = factor * self.param("scale", ones, shape, jnp.float32)
        offset = self.param("bias", zeros, shape, jnp.float32) - mean * factor
        wide = (1,) * (x.ndim - 1) + (-1,)
        return x * factor.reshape(wide) + offset.reshape(wide)


def _step(node, inputs, image, relu, mean):
    """What a node makes of its inputs, within a module. `image` is the shape of what the network was given."""
    x = inputs[0]
    _check(node, x.shape, image)
    if node.kind == "conv":
        x = Conv(node.features, node.size, node.strides, node.padding, use_bias=node.bias, name=node.name)(x)
    elif node.kind == "dense":
        x = nn.Dense(node.features, name=node.name)(x)
    elif node.kind == "norm":
        x = Norm(node.scale, name=node.name)(x)
    elif node.kind == "relu":
        x = relu(x)
    elif node.kind == "max3":
        x = strided_mean_pool(x, node.ragged) if mean else overlapping_max_pool(x, node.ragged)
    elif node.kind == "mean3":
        x = overlapping_mean_pool(x, node.zeros)
    elif node.kind == "concat":
        x = jnp.concatenate(inputs, axis=-1)
    else:
        x = mean_pool(x) if mean and node.kind == "max2" else OTHERS[node.kind](x)
    return relu(x) if node.relu else x


OTHERS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "max2": max_pool,
    "mean": lambda x: x.mean((1, 2)),
    "flatten": lambda x: x.reshape(len(x), -1),
}


def _check(node, shape, image):
    """Raises Refused where the pixels of `shape` [B, h, w, C] are too few for a node, or not as many as it reads."""
    least = {"conv": max(node.size) if node.padding == "VALID" else 1, "max2": 2, "max3": 2 if node.ragged else 3}
    if min(shape[1:3]) < least.get(node.kind, 1):
        raise Refused(f"images of {image[1]} x {image[2]} pixels are too small for {node.name}")
    if node.kind == "flatten" and shape[1:3] != node.size:
        height, width = node.size
        pixels = f"{shape[1]} x {shape[2]} of images of {image[1]} x {image[2]}"
        raise Refused(f"dense layers read {height} x {width} pixels, as of images of 224 x 224, and found {pixels}")
