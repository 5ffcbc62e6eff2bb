"""Classifiers of ours as networks whose activations are asked for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.types import Refused
from jaxgen.nets.convolutional import CNN
from jaxgen.nets.pretrained.described import network_of

DESCRIPTION = ("cnn", "9x8x1", "3,4", "5", "tanh", "", "3")
OPTIONS = {"activation": "tanh", "batch_norm": False, "initializer": "he_uniform"}


@pytest.fixture(scope="module")
def variables():
    return network_of(DESCRIPTION).init(jax.random.key(0), ())


def test_activations_are_those_of_the_classifier(variables):
    network, images = network_of(DESCRIPTION), jax.random.uniform(jax.random.key(1), (2, 9, 8, 1))
    assert network.activations == ("layer1", "layer2", "layer3", "output")
    computed = network.apply(variables, images, network.activations)
    net = CNN((9, 8, 1), (3, 4), (5,), 3, OPTIONS)
    logits, activations = net.apply(variables, images.reshape(2, -1))
    np.testing.assert_array_equal(computed["output"], logits)
    assert all(np.array_equal(computed[name], activations[name]) for name in network.activations)
    colour = jnp.concatenate([images] * 3, -1)
    np.testing.assert_allclose(network.apply(variables, colour, ("output",))["output"], logits, atol=1e-5)


def test_convolutions_see_images_of_any_size(variables):
    network = network_of(DESCRIPTION)
    images = jax.random.uniform(jax.random.key(1), (1, 12, 20, 1))
    assert network.apply(variables, images, ("layer2",))["layer2"].shape == (1, 6, 10, 4)
    with pytest.raises(Refused, match="reads images of 9 x 8 pixels, and of 12 x 20 only convolutions"):
        network.apply(variables, images, ("layer1", "output"))
    with pytest.raises(Refused, match="no activation 'layer4'"):
        network.apply(variables, images, ("layer4",))


def test_what_is_added_to_an_activation_goes_on(variables):
    network, images = network_of(DESCRIPTION), jax.random.uniform(jax.random.key(1), (1, 9, 8, 1))
    plain, moved = (
        network.apply(variables, images, ("layer1", "output"), added=added) for added in (None, {"layer1": 0.5})
    )
    np.testing.assert_allclose(moved["layer1"], plain["layer1"] + 0.5, atol=1e-6)
    assert np.abs(moved["output"] - plain["output"]).max() > 1e-3
