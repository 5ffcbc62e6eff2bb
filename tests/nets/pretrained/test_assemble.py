"""Weights by the names of three kinds of files, and files that do not fit."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.types import Refused
from jaxgen.nets.pretrained.assemble import assemble, held
from jaxgen.nets.pretrained.graph import IMAGE, Node
from jaxgen.nets.pretrained.network import build
from jaxgen.nets.pretrained.networks import network

TO_TORCH = {"kernel": "weight", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}
TO_KERAS = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}


class Tensors(NamedTuple):
    layout: str
    arrays: dict


def numbers(net, names):
    """Layer -> weight -> array of distinct values."""
    rng, wanted = np.random.default_rng(0), net.needs(names)
    draw = lambda shape: rng.normal(size=shape).astype(np.float32)
    return {x.name: {w: draw(s) for w, s in x.shapes.items()} for x in net.layers if x.name in wanted}


def file_of(net, layout, tables, rename=lambda name: name):
    """These weights by the names of a file; `rename` is for Keras's layers."""
    arrays, layers = {}, {layer.name: layer for layer in net.layers}
    for name, weights in tables.items():
        layer = layers[name]
        for number, (weight, value) in enumerate(weights.items()):
            if layout == "torch":
                axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[value.ndim]
                arrays[f"{layer.torch}.{TO_TORCH[weight]}"] = value.transpose(axes)
            elif layout == "keras3":
                arrays[f"{layer.keras3}/{number}"] = value
            else:
                arrays[f"{rename(name)}/{TO_KERAS[weight] if layer.kind == 'norm' else weight}"] = value
    return Tensors(layout, arrays)


def assert_holds(variables, tables):
    merged = {name: dict(weights) for name, weights in variables["params"].items()}
    for name, weights in variables.get("batch_stats", {}).items():
        merged[name].update(weights)
    jax.tree.map(np.testing.assert_array_equal, merged, tables)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}


@pytest.mark.parametrize("layout", ["keras", "keras3", "torch"])
@pytest.mark.parametrize(("name", "deepest"), [("vgg19", "block2_conv1"), ("inception_v3", "mixed0")])
def test_what_a_file_holds_is_what_the_network_gets(name, deepest, layout):
    net = network(name, layout)
    tables = numbers(net, [deepest])
    variables = assemble(net, file_of(net, layout, tables), [deepest])
    assert_holds(variables, tables)
    like = jax.eval_shape(lambda key: net.init(key, [deepest]), jax.random.key(0))
    assert jax.tree.structure(variables) == jax.tree.structure(like)


def test_keras_numbers_and_slashes():
    """Layers are numbered on from other models of the same process; SqueezeNet's names have slashes."""
    net, shift = network("inception_v3"), {1: "conv2d", 2: "conv2d_1", 3: "conv2d_2"}
    tables = numbers(net, ["conv2d_3"])
    for rename in (
        lambda name: shift.get(int(name.split("_")[-1]), name) if name.startswith("conv") else name,
        lambda name: f"{name.rpartition('_')[0]}_{int(name.rpartition('_')[2]) + 188}",
    ):
        assert_holds(assemble(net, file_of(net, "keras", tables, rename), ["conv2d_3"]), tables)
    net = network("squeezenet")
    tables = numbers(net, ["fire2"])
    assert_holds(assemble(net, file_of(net, "keras", tables, lambda x: x.replace("_", "/")), ["fire2"]), tables)


def test_arrays_that_are_not_needed_are_not_read():
    class Lazy(dict):
        def __getitem__(self, name):
            read.append(name)
            return super().__getitem__(name)

    net, read = network("vgg16"), []
    tensors = file_of(net, "keras", numbers(net, ["block2_conv2"]))
    assemble(net, tensors._replace(arrays=Lazy(tensors.arrays)), ["block1_conv1"])
    assert read == ["block1_conv1/kernel", "block1_conv1/bias"]


def test_a_dense_layer_reads_torchs_flattened_image_in_its_order():
    """PyTorch flattens [C, H, W], and the dense layer here reads [H, W, C]."""
    nodes = [
        Node("conv", "conv", (IMAGE,), "conv", 5),
        Node("flat", "flatten", ("conv",), size=(2, 3)),
        Node("dense", "dense", ("flat",), "dense", 4),
    ]
    net, rng = build("small", "torch", nodes, lambda x: x, 2), np.random.default_rng(0)
    shapes = {"conv.weight": (5, 3, 1, 1), "conv.bias": (5,), "dense.weight": (4, 30), "dense.bias": (4,)}
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    x = rng.uniform(size=(2, 2, 3, 3)).astype(np.float32)
    maps = np.einsum("bhwi,oi->bohw", x, arrays["conv.weight"][..., 0, 0]) + arrays["conv.bias"][:, None, None]
    expected = maps.reshape(2, 30) @ arrays["dense.weight"].T + arrays["dense.bias"]
    variables = assemble(net, Tensors("torch", arrays), ["dense"])
    np.testing.assert_allclose(net.apply(variables, jnp.asarray(x), ["dense"])["dense"], expected, atol=1e-5)


def test_what_a_partial_file_suffices_for():
    """Steps without parameters go with the layers before them, and not beyond one that is missing."""
    net = network("vgg19")
    tensors = file_of(net, "keras", numbers(net, ["block2_conv2"]))
    assert held(net, tensors) == net.activations[: net.activations.index("block2_pool") + 1]
    assert held(network("squeezenet"), tensors) == ()
    del tensors.arrays["block1_conv2/bias"]
    assert held(net, tensors) == ("block1_conv1",)


def refusal(net, tensors, names):
    with pytest.raises(Refused) as error:
        assemble(net, tensors, names)
    return str(error.value)


def test_refused():
    net = network("vgg19")
    tensors = file_of(net, "keras", numbers(net, ["block2_conv2"]))
    assert refusal(net, tensors, ["block3_conv1"]) == (
        "the file lacks block3_conv1, needed for block3_conv1 of vgg19; it holds vgg19 up to block2_conv2"
    )
    assert "block3_conv2, block3_conv3, block3_conv4, block4_conv1, block4_conv2 and 6 more" in refusal(
        net, tensors, ["block5_conv4"]
    ).replace("block3_conv1, ", "")
    other = refusal(network("squeezenet"), tensors, ["fire2"])
    assert other == (
        "the file holds no layer of squeezenet, but block1_conv1, block1_conv2, block2_conv1, block2_conv2: "
        "weights of another network?"
    )
    tensors.arrays["block1_conv2/kernel"] = np.zeros((3, 3, 32, 64), np.float32)
    wrong = refusal(net, tensors, ["block2_conv1"])
    assert wrong == (
        "block1_conv2 of vgg19: expected kernel (3, 3, 64, 64), found (3, 3, 32, 64); weights of another network?"
    )
    assert "made for weights of torch, and these are of keras" in refusal(
        network("vgg19", "torch"), tensors, ["block1_conv1"]
    )
    del tensors.arrays["block1_conv1/bias"]
    assert refusal(net, tensors, ["block1_conv1"]).endswith("block1_conv1 is the first")
