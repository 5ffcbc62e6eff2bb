"""Real files of pretrained networks, listed completely: against Keras's own networks, formulas, and h5py."""

import itertools
import os
import re

import numpy as np
import pytest

from jaxgen.data.weights.locate import locate
from jaxgen.data.weights.read import read

h5py = pytest.importorskip("h5py")
REAL = os.environ.get("JAXGEN_DATA", "")
pytestmark = [
    *[pytest.mark.slow, pytest.mark.needs_data, pytest.mark.filterwarnings("ignore")],
    pytest.mark.skipif(not os.path.isdir(os.path.join(REAL, "weights")), reason="JAXGEN_DATA has no weights"),
]


def shapes(tensors):
    """Layer -> shapes of its weights, as the file has them."""
    layers = {}
    for name, array in tensors.arrays.items():
        layers.setdefault(name.rpartition("/")[0], []).append(array.shape)
    return layers


def by_number(layers):
    return sorted(layers, key=lambda layer: int((re.findall(r"\d+$", layer.name) or [0])[0]))


def test_real_vgg19(keras):
    path = locate("vgg19", data_dir=REAL)
    assert path.name.startswith("vgg19_block1-3")
    tensors = read(path)
    layers = keras.applications.VGG19(weights=None, include_top=False).layers[:12]
    expected = {layer.name: [w.shape for w in layer.weights] for layer in layers if layer.weights}
    assert shapes(tensors) == expected
    assert [*expected][::7] == ["block1_conv1", "block3_conv4"]
    widths = [3, 64, 64, 128, 128, 256, 256, 256, 256]
    count = sum(9 * a * b + b for a, b in itertools.pairwise(widths))
    assert sum(array.size for array in tensors.arrays.values()) == count == 2_325_568
    # Its filters of the first layer are known to be centred, and its biases small against BGR of 0..255.
    assert abs(tensors.arrays["block1_conv1/kernel"].mean()) < 0.01


def test_real_inception_v3(keras):
    tensors = read(locate("inception_v3", data_dir=REAL))
    layers = keras.applications.InceptionV3(weights=None, include_top=False).layers
    convs = by_number(layer for layer in layers if isinstance(layer, keras.layers.Conv2D))[:76]
    norms = by_number(layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization))[:76]
    expected = {}
    for n, (conv, norm) in enumerate(zip(convs, norms), 1):
        expected[f"conv2d_{n}"] = [weight.shape for weight in conv.weights]
        expected[f"batch_normalization_{n}"] = [weight.shape for weight in norm.weights]
    assert shapes(tensors) == expected
    assert list(shapes(tensors)) == list(expected)
    weights = ["conv2d_76/kernel", *(f"batch_normalization_76/{w}" for w in ("beta", "moving_mean", "moving_variance"))]
    assert list(tensors.arrays)[-4:] == weights
    counted = sum(layer.count_params() for layer in [*convs, *norms])
    assert sum(array.size for array in tensors.arrays.values()) == counted == 10_674_848
    assert all(array.min() > 0 for name, array in tensors.arrays.items() if name.endswith("variance"))


def test_real_squeezenet():
    tensors = read(locate("squeezenet", data_dir=REAL))
    expected, channels = {"conv1": [(3, 3, 3, 64), (64,)]}, 64
    for n, (squeeze, expand) in enumerate(
        zip([16, 16, 32, 32, 48, 48, 64, 64], [64, 64, 128, 128, 192, 192, 256, 256]), 2
    ):
        expected[f"fire{n}_squeeze1x1"] = [(1, 1, channels, squeeze), (squeeze,)]
        expected[f"fire{n}_expand1x1"] = [(1, 1, squeeze, expand), (expand,)]
        expected[f"fire{n}_expand3x3"] = [(3, 3, squeeze, expand), (expand,)]
        channels = 2 * expand
    assert shapes(tensors) == expected
    assert list(shapes(tensors)) == list(expected)
    assert {name.rpartition("/")[2] for name in tensors.arrays} == {"kernel", "bias"}
    # torchvision's whole network has 1,235,496 parameters; the classifier is 512 x 1000 with biases.
    assert sum(array.size for array in tensors.arrays.values()) == 1_235_496 - 513_000


@pytest.mark.parametrize("network", ["vgg19", "inception_v3", "squeezenet"])
def test_real_arrays_are_what_h5py_reads(network):
    path = locate(network, data_dir=REAL)
    arrays = iter(read(path).arrays.values())
    with h5py.File(path) as file:
        for layer in file.attrs["layer_names"]:
            for weight in file[layer].attrs["weight_names"]:
                np.testing.assert_array_equal(next(arrays), file[layer][weight][()])
    assert next(arrays, None) is None
