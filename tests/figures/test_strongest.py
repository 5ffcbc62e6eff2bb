"""Which real images excite a channel most, and where: against a network whose channels are known."""

import numpy as np
import pytest

from jaxgen.data.examples import Dataset, Examples
from jaxgen.figures.strongest import cut, excitations, strongest
from jaxgen.nets.pretrained.described import network_of

ONE = ("cnn", "8x8x1", "2", "", "relu", "", "3")  # one convolution of two channels, and no dense layer but the output


@pytest.fixture(scope="module")
def dataset():
    """Four black images; a bright point in the second, a brighter one in the fourth."""
    image = np.zeros((4, 8, 8), np.uint8)
    image[1, 2, 5], image[3, 6, 1] = 100, 200
    split = Examples(image.reshape(4, 64), np.zeros(4, np.int32))
    return Dataset("points", (8, 8, 1), ("a",), split, split, split, "")


@pytest.fixture(scope="module")
def variables():
    """The first channel is the image itself, the second less of it."""
    kernel = np.zeros((3, 3, 1, 2), np.float32)
    kernel[1, 1, 0] = 1.0, -1.0
    dense = {"kernel": np.ones((32, 3), np.float32), "bias": np.zeros(3, np.float32)}
    return {"params": {"layer1": {"linear": {"kernel": kernel, "bias": np.zeros(2, np.float32)}}, "output": dense}}


def test_the_strongest_come_first_and_are_cut_out_where_they_excite(dataset, variables):
    values, positions = excitations(network_of(ONE), variables, "layer1", (0, 1), dataset)
    np.testing.assert_allclose(values, [[0, 0], [100 / 255, 0], [0, 0], [200 / 255, 0]], rtol=1e-6)
    np.testing.assert_allclose(positions[3, 0], [6.5 / 8, 1.5 / 8])
    parts = strongest(values, positions, dataset, 3, 2)
    assert parts.shape == (2, 2, 3, 3, 1)
    np.testing.assert_array_equal(parts[0, :, ..., 0].max((1, 2)), [200, 100])
    np.testing.assert_array_equal(parts[0, 1, ..., 0], np.diag([0, 100, 0]))
    assert not parts[1].any()  # nothing excites it


def test_logits_have_no_positions(dataset, variables):
    values, positions = excitations(network_of(ONE), variables, "output", (2,), dataset)
    np.testing.assert_allclose(values[:, 0], [0, 100 / 255, 0, 200 / 255], rtol=1e-6)
    np.testing.assert_array_equal(positions, np.full((4, 1, 2), 0.5))


def test_parts_stay_inside_the_image():
    image = np.arange(30).reshape(5, 6, 1)
    np.testing.assert_array_equal(cut(image, np.array([0.0, 1.0]), 3), image[:3, 3:])
    np.testing.assert_array_equal(cut(image, np.array([0.5, 0.5]), 9), image)
