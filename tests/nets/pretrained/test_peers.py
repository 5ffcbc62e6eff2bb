"""Networks of random weights against Keras's applications and against PyTorch, on every activation."""

import re
from typing import NamedTuple

import jax
import numpy as np
import pytest

from jaxgen.nets.pretrained.assemble import assemble
from jaxgen.nets.pretrained.networks import network

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
CLASSES = {"vgg16": "VGG16", "vgg19": "VGG19", "inception_v3": "InceptionV3"}
SHAPES = {"vgg16": (33, 41, 3), "vgg19": (49, 32, 3), "inception_v3": (75, 81, 3), "squeezenet": (52, 61, 3)}
COUNTED = re.compile(r"(conv2d|batch_normalization|activation|max_pooling2d|average_pooling2d|concatenate)(?:_(\d+))?")


class Tensors(NamedTuple):
    layout: str
    arrays: dict


def drawn(rng, name, shape):
    """An array for a weight of this name; kernels keep the size of activations."""
    if "var" in name:
        return rng.uniform(0.5, 2.0, shape).astype(np.float32)
    scale = np.sqrt(2 / np.prod(shape[1:] if "weight" in name else shape[:-1])) if len(shape) > 1 else 0.1
    return (scale * rng.normal(size=shape)).astype(np.float32)


def images(name):
    return np.random.default_rng(1).uniform(size=(2, *SHAPES[name])).astype(np.float32)


def activations_of(net, variables, x, names):
    return jax.jit(lambda variables, x: net.apply(variables, x, names))(variables, x)


def assert_near(ours, theirs):
    """Within 1e-4 of the largest value, and no constants."""
    assert ours.shape == theirs.shape
    assert np.ptp(theirs) > 0.0
    np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=1e-4 * np.abs(theirs).max())


def stored(model, path):
    """A model's variables as a file of Keras 3 has them, and by the names of layers as its legacy files do."""
    h5py, arrays = pytest.importorskip("h5py"), {}
    model.save_weights(path)

    def add(place, item):
        if isinstance(item, h5py.Dataset):
            arrays["/".join(place.split("/")[i] for i in (-3, -1))] = item[()]

    with h5py.File(path) as file:
        file.visititems(add)
    pairs = [(layer.name, v) for layer in model.layers for v in layer.variables]
    legacy = {f"{name}/{v.path.rsplit('/', 1)[1]}": np.asarray(v) for name, v in pairs}
    return Tensors("keras3", arrays), Tensors("keras", legacy)


def named(layer):
    """Our name of a Keras layer: in its legacy files counting began at 1."""
    match = COUNTED.fullmatch(layer)
    return f"{match[1]}_{int(match[2] or 0) + 1}" if match else layer


@pytest.mark.parametrize("name", CLASSES)
def test_equal_to_keras(keras, name, tmp_path):
    keras.utils.clear_session()
    top = {"include_top": name == "inception_v3", "classifier_activation": None}
    model = getattr(keras.applications, CLASSES[name])(weights=None, input_shape=SHAPES[name], **top)
    rng, module = np.random.default_rng(0), getattr(keras.applications, name)
    for variable in model.variables:
        variable.assign(drawn(rng, variable.path, variable.shape))
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    net, names = network(name), [named(layer.name) for layer in layers]
    both = [assemble(net, tensors, names) for tensors in stored(model, tmp_path / "of.weights.h5")]
    jax.tree.map(np.testing.assert_array_equal, *both)
    x = images(name)
    theirs = keras.Model(model.inputs, [layer.output for layer in layers])([module.preprocess_input(255 * x)])
    ours = activations_of(net, both[0], x, names)
    for key, value in zip(names, theirs, strict=True):
        assert_near(ours[key], np.asarray(value))
    assert set(names) == {each for each in net.activations if name == "inception_v3" or each.startswith("block")}


def of_torch(model, layout, x, **options):
    """Tensors of a PyTorch model with random weights, and its outputs [B, ..., C] for images of that layout."""
    import torch

    rng, state = np.random.default_rng(2), model.state_dict()
    for key, value in state.items():
        if not key.endswith("num_batches_tracked"):
            value.copy_(torch.from_numpy(drawn(rng, key, value.shape)))
    model.eval()
    with torch.no_grad():
        outputs = model(torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2))), **options)
    outputs = [np.moveaxis(value.numpy(), 1, -1) for value in outputs]
    return Tensors(layout, {key: value.numpy() for key, value in state.items()}), outputs


def standardised(x):
    """As torchvision's transforms do."""
    return ((x - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype(np.float32)


def compared(net, tensors, x, names, theirs):
    ours = activations_of(net, assemble(net, tensors, names), x, names)
    for name, value in zip(names, theirs, strict=True):
        assert_near(ours[name], value)


def test_squeezenet_equals_torchs_of_either_origin():
    """Keras's file has the same layers by other names, and windows that stay within the image."""
    nets, x = pytest.importorskip("torch_nets"), images("squeezenet")
    names = ["relu_conv1", "pool1", "fire2", "fire3", "pool3", "fire4", "fire5", "pool5"]
    names += ["fire6", "fire7", "fire8", "fire9", "predictions"]
    tensors, theirs = of_torch(nets.SqueezeNet(ragged=True), "torch", standardised(x))
    compared(network("squeezenet", "torch"), tensors, x, names, theirs)
    caffes = (255 * x[..., ::-1] - [103.939, 116.779, 123.68]).astype(np.float32)
    tensors, theirs = of_torch(nets.SqueezeNet(ragged=False), "torch", caffes)
    net, arrays = network("squeezenet"), {}
    for layer in net.layers:
        file = layer.name.replace("_", "/")
        arrays[f"{file}/kernel"] = tensors.arrays[f"{layer.torch}.weight"].transpose(2, 3, 1, 0)
        arrays[f"{file}/bias"] = tensors.arrays[f"{layer.torch}.bias"]
    compared(net, Tensors("keras", arrays), x, names, theirs)


def test_vgg_equals_torchs():
    nets, x = pytest.importorskip("torch_nets"), images("vgg19")
    net = network("vgg19", "torch")
    tensors, theirs = of_torch(nets.VGG((2, 2, 4, 4, 4)), "torch", standardised(x))
    compared(net, tensors, x, [name for name in net.activations if name.startswith("block")], theirs)


def test_inception_equals_torchs():
    nets, x = pytest.importorskip("torch_nets"), images("inception_v3")
    tensors, theirs = of_torch(nets.InceptionV3(), "torch", (2 * x - 1).astype(np.float32))
    names = [*(f"mixed{number}" for number in range(11)), "predictions"]
    compared(network("inception_v3", "torch"), tensors, x, names, theirs)
