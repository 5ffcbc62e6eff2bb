"""Published weights on photographs: numbers that random or misplaced weights would not give."""

import os
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgen.core.types import Refused
from jaxgen.nets.pretrained.assemble import assemble
from jaxgen.nets.pretrained.networks import network

DATA = os.environ.get("JAXGEN_DATA", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs_data,
    pytest.mark.skipif(not (Path(DATA) / "weights").is_dir(), reason="JAXGEN_DATA has no weights"),
]


class Tensors(NamedTuple):
    layout: str
    arrays: dict


def read(start):
    """The arrays of one of Keras's legacy files, whose name starts so."""
    h5py = pytest.importorskip("h5py")
    (path,), arrays, text = (
        (Path(DATA) / "weights").glob(f"{start}*.h5"),
        {},
        lambda n: getattr(n, "decode", lambda: n)(),
    )
    with h5py.File(path) as file:
        for layer in map(text, file.attrs["layer_names"]):
            for name in map(text, file[layer].attrs["weight_names"]):
                value = np.asarray(file[layer][name])
                weight = "kernel" if value.ndim > 1 else name.rpartition("/")[2].partition(":")[0]
                arrays[f"{layer}/{weight if 'norm' in layer or value.ndim > 1 else 'bias'}"] = value
    return Tensors("keras", arrays)


def photograph(name, size=None):
    """[1, H, W, 3] uint8."""
    image = Image.open(Path(DATA) / "images" / name).convert("RGB")
    return np.asarray(image.resize(size) if size else image)[None]


def activations(name, start, names, image):
    net = network(name)
    variables = assemble(net, read(start), names)
    return net, variables, jax.jit(lambda variables, x: net.apply(variables, x, names))(variables, image)


def test_vgg19():
    """Mean activations as measured elsewhere, at a size that was not noted; blue for red gives 19 for 21."""
    names = ["block1_conv1", "block2_conv1", "block3_conv1", "block3_conv4"]
    net, _, values = activations("vgg19", "vgg19", names, photograph("content/tubingen.jpg", (224, 168)))
    means = [float(values[name].mean()) for name in names]
    np.testing.assert_allclose(means, [21, 108, 105, 433], rtol=0.02)
    with pytest.raises(Refused, match=r"lacks block4_conv1.* it holds vgg19 up to block3_conv4"):
        assemble(net, read("vgg19"), ["block4_conv1"])


def test_inception_v3():
    """The mean of each convolution over three photographs resembles the stored one, which was taken over ImageNet."""
    names = [f"conv2d_{number}" for number in range(1, 77)]
    norms = [name.replace("conv2d", "batch_normalization") for name in names]
    files = ("content/tubingen.jpg", "content/golden_gate.jpg", "dream/flowers.jpg")
    images = np.concatenate([photograph(file, (299, 299)) for file in files])
    net, variables, values = activations("inception_v3", "inception_v3", names + norms, images)
    assert set(net.needs(["mixed8"])) >= set(names)
    stored = [variables["batch_stats"][norm]["mean"] for norm in norms]
    similar = [np.corrcoef(values[name].mean((0, 1, 2)), mean)[0, 1] for name, mean in zip(names, stored)]
    assert np.median(similar) > 0.9
    with pytest.raises(Refused, match=r"lacks conv2d_77, .* it holds inception_v3 up to batch_normalization_76"):
        assemble(net, read("inception_v3"), ["mixed9"])


def test_squeezenet():
    """Against PyTorch, which is given the file's arrays in the order in which they stand there, without their names."""
    nets, torch = pytest.importorskip("torch_nets"), pytest.importorskip("torch")
    image, names = photograph("content/tubingen.jpg", (160, 120)), ["relu_conv1", "fire5", "fire9"]
    net, _, values = activations("squeezenet", "squeezenet", names, image)
    tensors, model = read("squeezenet"), nets.SqueezeNet(ragged=False)
    arrays = iter(tensors.arrays.values())
    for (name, tensor), array in zip(model.features.state_dict().items(), arrays, strict=True):
        tensor.copy_(torch.from_numpy(array.transpose(3, 2, 0, 1) if name.endswith("weight") else array))
    pixels = image[..., ::-1].astype(np.float32) - np.float32([103.939, 116.779, 123.68])
    with torch.no_grad():
        outputs = model(torch.from_numpy(pixels.transpose(0, 3, 1, 2)))
    for name, place in zip(names, (0, 6, 11)):
        expected = outputs[place].numpy().transpose(0, 2, 3, 1)
        np.testing.assert_allclose(values[name], expected, atol=1e-4 * expected.max())
    with pytest.raises(Refused, match=r"lacks conv10, .* it holds squeezenet up to fire9_expand3x3"):
        assemble(net, tensors, ["predictions"])
