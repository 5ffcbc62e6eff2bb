"""Which layers a target needs, of networks without weights."""

import pytest
from refusals import refused

from jaxgen.nets.pretrained.described import network_of
from jaxgen.nets.pretrained.networks import network
from jaxgen.run.fixed_networks import Fixed
from jaxgen.run.targets import Probe, below, layers_of, lower, size_of

OWN = ("cnn", "8x10x3", "3,4", "5", "relu", "", "3")


def reach(net, deepest):
    """The activations that a file up to this layer suffices for."""
    return net.activations[: net.activations.index(deepest) + 1]


@pytest.mark.parametrize(
    ("name", "target", "deepest", "layers"),
    [
        ("inception_v3", "", "conv2d_80", ("mixed8",)),
        ("inception_v3", "", "predictions", ("predictions",)),
        ("vgg19", "", "block3_pool", ("block3_conv4",)),
        ("vgg19", "207", "", ("predictions",)),
        ("squeezenet", "fire8/12,fire2:0.5,fire8/1", "", ("fire8", "fire2")),
        ("squeezenet", "cat", "", ("cat",)),  # which is refused where it is asked for
    ],
)
def test_layers_of_a_target(name, target, deepest, layers):
    net = network(name)
    assert layers_of(net, target, reach(net, deepest) if deepest else ()) == layers


def test_classes_of_a_network_of_ours():
    net = network_of(OWN)
    for target in ("", "cat", "7", "golden retriever, wet"):
        assert layers_of(net, target, ()) == ("output",)
    assert layers_of(net, "layer1/2", ()) == ("layer1",)


@pytest.mark.parametrize(
    ("name", "layers", "under", "shown"),
    [
        ("squeezenet", ("predictions",), "relu_conv10", ("fire2", "fire4", "fire7", "fire9")),
        ("vgg16", ("predictions",), "block5_pool", ("block1_conv1", "block3_conv1", "block4_conv2", "block5_conv3")),
        ("inception_v3", ("mixed1", "mixed2"), "mixed2", ("mixed0", "mixed1", "mixed2")),
        ("inception_v3", ("conv2d_3",), "conv2d_3", ("conv2d_3",)),
    ],
)
def test_layers_below_a_score(name, layers, under, shown):
    net = network(name)
    assert (below(net, layers, ""), lower(net, layers)) == (under, shown)
    refused("--layer=predictions of .* has no positions", below, net, layers, "predictions")
    if layers != ("predictions",):
        refused(f"--layer={net.spatial[-1]} comes after", below, net, layers, net.spatial[-1])


def test_a_network_without_convolutions_has_no_layer_with_positions():
    net = network_of((*OWN[:2], "", *OWN[3:]))
    assert (below(net, ("output",), ""), lower(net, ("output",))) == ("", ())


@pytest.mark.parametrize(
    ("description", "layer", "size"),
    [
        (OWN, "output", (8, 10)),
        (OWN, "layer2", None),
        (("vgg16", "keras"), "predictions", (224, 224)),
        (("vgg16", "keras"), "block5_pool", None),
        (("squeezenet", "keras"), "predictions", None),
    ],
)
def test_sizes_that_dense_layers_read(description, layer, size):
    own = tuple(map(int, description[1].split("x"))) if description[0] == "cnn" else ()
    fixed = Fixed(network_of(description), description, {}, (), own, "")
    assert size_of(Probe(fixed, (layer,), "", ())) == size
