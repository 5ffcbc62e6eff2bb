"""What can be asked of a network: names, sizes, the layers that are computed, and no more."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.types import Refused
from jaxgen.nets.pretrained.network import asked
from jaxgen.nets.pretrained.networks import NETWORKS, network

# Published numbers of parameters: Keras's summaries and torchvision's. Norms count their statistics here, and
# torchvision's InceptionV3 has a scale for each of 17,216 channels more.
COUNTS = {"vgg16": 138_357_544, "vgg19": 143_667_240, "inception_v3": 23_851_784, "squeezenet": 1_235_496}


def shapes(net, names, size):
    """The shapes of variables and activations, for an image of `size`; nothing is computed."""
    variables = jax.eval_shape(lambda key: net.init(key, names), jax.random.key(0))
    x = jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)
    outputs = jax.eval_shape(lambda variables, x: net.apply(variables, x, names), variables, x)
    return variables, {name: outputs[name].shape for name in names}


def count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("name", COUNTS)
def test_as_many_parameters_as_published(name):
    variables = jax.eval_shape(lambda key: network(name).init(key, ["predictions"]), jax.random.key(0))
    assert count(variables) == COUNTS[name]


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("vgg16", (224, 224), {"block3_conv3": (2, 56, 56, 256), "block5_pool": (2, 7, 7, 512), "fc2": (2, 4096)}),
        ("vgg19", (80, 65), {"block1_conv1": (2, 80, 65, 64), "block5_conv4": (2, 5, 4, 512)}),
        ("squeezenet", (227, 100), {"conv1": (2, 113, 49, 64), "fire4": (2, 27, 11, 256), "predictions": (2, 1000)}),
        pytest.param(
            *("inception_v3", (299, 299)),
            {"mixed2": (2, 35, 35, 288), "mixed10": (2, 8, 8, 2048), "predictions": (2, 1000)},
            marks=pytest.mark.ci,
        ),
    ],
)
def test_shapes_of_activations(name, size, expected):
    assert shapes(network(name), list(expected), size)[1] == expected


@pytest.mark.ci
@pytest.mark.parametrize("layout", ["keras", "torch"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_smallest_image_is_the_smallest(name, layout):
    net = network(name, layout)
    names = [each for each in net.activations if "vgg" not in name or each.startswith("block")]
    assert min(min(shape) for shape in shapes(net, names, (net.least, net.least))[1].values()) == 1
    with pytest.raises(Refused, match=rf"images of {net.least + 9} x {net.least - 1} pixels are too small for "):
        shapes(net, names, (net.least + 9, net.least - 1))


def test_layers_that_an_activation_needs():
    vgg, net = network("vgg16"), network("inception_v3")
    assert vgg.needs(["block2_conv1", "block1_pool"]) == ("block1_conv1", "block1_conv2", "block2_conv1")
    assert vgg.needs([]) == ()
    # The stem and the first two of three convolutions in a branch of mixed0, not those beside it.
    numbers = [1, 2, 3, 4, 5, 9, 10]
    expected = {f"{kind}_{n}" for kind in ("conv2d", "batch_normalization") for n in numbers}
    assert set(net.needs(["batch_normalization_10"])) == expected
    assert len(net.needs(["mixed10"])) == 188


def test_no_more_is_computed_than_is_asked_for():
    def convolutions(names):
        trace = jax.make_jaxpr(lambda variables, x: net.apply(variables, x, names))(
            variables, jnp.zeros((1, 75, 75, 3))
        )
        return str(trace).count("convolve[")

    net = network("inception_v3")
    variables = jax.eval_shape(lambda key: net.init(key, ["mixed0"]), jax.random.key(0))
    variables = jax.tree.map(lambda leaf: np.broadcast_to(np.float32(0), leaf.shape), variables)
    assert [convolutions(names) for names in (["conv2d_1"], ["activation_9"], ["mixed0"])] == [1, 6, 12]


def test_pixels_are_prepared_inside():
    name, pixels = "block1_conv1", np.random.default_rng(0).integers(0, 256, (1, 4, 5, 3), np.uint8)
    kernel = np.random.default_rng(1).normal(size=(3, 3, 3, 64)).astype(np.float32)
    variables = {"params": {name: {"kernel": kernel, "bias": np.zeros(64, np.float32)}}}
    prepared = {
        "keras": pixels[..., ::-1] - [103.939, 116.779, 123.68],
        "torch": (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
    }
    nets = {layout: network("vgg19", layout) for layout in prepared}

    @jax.jit
    def outputs(*images):
        return {layout: [net.apply(variables, x, [name])[name] for x in images] for layout, net in nets.items()}

    for layout, both in outputs(pixels, np.float32(pixels / 255)).items():
        expected = rectified_convolution(prepared[layout], kernel)
        for found in both:
            np.testing.assert_allclose(found, expected, atol=2e-6 * expected.max())


def rectified_convolution(x, kernel):
    """A 3x3 convolution with zeros around, and a rectifier, as sums in numpy."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))).astype(np.float64)
    height, width = x.shape[1:3]
    terms = [padded[:, i : i + height, j : j + width] @ kernel[i, j] for i in range(3) for j in range(3)]
    return np.maximum(sum(terms), 0)


def test_random_variables_do_not_depend_on_what_else_is_asked_for():
    net = network("vgg19")
    draw = lambda names: net.init(jax.random.key(0), names)["params"]
    variables, deeper = jax.jit(lambda: (draw(["block1_conv1"]), draw(["block2_conv1"])))()
    assert list(deeper) == ["block1_conv1", "block1_conv2", "block2_conv1"]
    jax.tree.map(np.testing.assert_array_equal, deeper["block1_conv1"], variables["block1_conv1"])
    kernel = deeper["block2_conv1"]["kernel"]
    assert float(kernel.std()) == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    assert not deeper["block2_conv1"]["bias"].any()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: network("vgg"), "no pretrained network 'vgg'; there are vgg16, vgg19, inception_v3, squeezenet$"),
        (lambda: asked(network("vgg19"), ["relu3_1"]), "vgg19 has no activation 'relu3_1'; the nearest: block3_conv1"),
        (lambda: network("squeezenet").needs(["fire3", "fire1"]), "no activation 'fire1'; the nearest: fire"),
        (
            lambda: network("vgg16").apply({}, jnp.zeros((8, 8, 3)), ["block1_conv1"]),
            r"\[B, H, W, 3\], found .*8, 8, 3",
        ),
        (lambda: shapes(network("vgg16"), ["fc1"], (224, 260)), "7 x 7 pixels.* 224 x 224, and found 7 x 8 of"),
    ],
)
def test_refused(call, sentence):
    with pytest.raises(Refused, match=sentence):
        call()
