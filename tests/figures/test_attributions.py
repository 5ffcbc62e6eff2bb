"""Maps in colours, and grids of channels, against values by hand; maps of zeros."""

import numpy as np
import pytest

from jaxgen.figures import attributions
from jaxgen.figures.attributions import Attributions, enlarged, for_and_against, magnitudes, tiles, warm
from jaxgen.techniques.imagery.attribution import Attribution

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)


def test_cells_are_enlarged_about_their_middles():
    np.testing.assert_allclose(enlarged(np.array([[0.0, 1.0]]), 2, 8)[0], [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1])
    assert enlarged(np.zeros((2, 3)), 6, 9).shape == (6, 9)


def test_where_a_map_is_zero_the_image_is_grey_and_where_it_is_high_it_has_colour():
    flat = warm(IMAGE, np.zeros((2, 2)))
    assert np.isfinite(flat).all()
    np.testing.assert_array_equal(flat, np.repeat(flat[..., :1], 3, 2))
    half = warm(IMAGE, np.array([[0.0, 1.0]]))
    np.testing.assert_allclose(half[:, :2], flat[:, :2], atol=1e-6)
    assert (np.ptp(half[:, -2:], axis=2) > 0.2).all()


def test_what_lowers_the_score_is_red_and_what_raises_it_blue():
    signs = for_and_against(IMAGE, np.array([[2.0, 2.0, 0.0, -1.0, -1.0]] * 3))
    assert (signs[:, 0, 0] > signs[:, 0, 2]).all()
    assert (signs[:, -1, 2] > signs[:, -1, 0]).all()
    nothing = for_and_against(IMAGE, np.zeros((3, 4)))
    np.testing.assert_array_equal(nothing, np.repeat(nothing[..., :1], 3, 2))


def test_magnitudes_are_of_sums_over_colours():
    parts = np.zeros((10, 10, 3))
    parts[0, 0], parts[1, 1], parts[2, 2] = (1, 1, -4), (2, -2, 0), (0, 1, 0)
    shown = magnitudes(parts)
    assert (shown[1, 1], shown[5, 5]) == (0, 0)
    assert 0 < shown[2, 2] < shown[0, 0] == 1
    assert not magnitudes(np.zeros((4, 4, 3))).any()


def test_each_channel_has_a_tile_of_its_own_range():
    activation = np.zeros((2, 59, 70), np.float32)
    activation[0, :, 0], activation[1, :, 1], activation[..., 2] = 100.0, -1e-3, 7.0
    grid = tiles(activation)
    height, width = 4, 118  # each pixel twice
    assert grid.shape == (8 * (height + 2) - 2, 8 * (width + 2) - 2, 1)  # 64 of them
    first, second, constant = (grid[:height, n * (width + 2) :][:, :width, 0] for n in range(3))
    np.testing.assert_array_equal(first[:2], 1.0)
    np.testing.assert_array_equal(first[2:], 0.0)
    np.testing.assert_array_equal(second, first)
    assert not constant.any()
    assert tiles(np.ones((20, 300, 3))).shape == (8, 3 * 118 + 4, 1)


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_captions_say_where_nothing_speaks_for_it(strength):
    maps = Attribution(*(strength * np.ones(shape) for shape in ((2, 2), (6, 8, 3), (2,), (3, 4))))
    one = Attributions(
        IMAGE, "an image", "the logit of class 7", "layer2", maps, "black", 2, {"layer1": np.ones((3, 4, 2))}
    )
    figures = {figure.name: figure for figure in attributions.show(one)}
    assert list(figures) == ["image", "grad_cam", "integrated_gradients", "occlusion", "activations_layer1"]
    assert all(figure.render().startswith(b"\x89PNG") for figure in figures.values())
    sentence = "nothing in layer2 speaks for it, and the map is all zeros"
    assert (sentence in figures["grad_cam"].caption) is (strength == 0)
    assert ("all are zero" in figures["integrated_gradients"].caption) is (strength == 0)
    assert ("stays as it is" in figures["occlusion"].caption) is (strength == 0)
    total, difference, gap = one.completeness
    assert (total, difference) == (strength * 6 * 8 * 3, 0)
    assert np.isnan(gap)
    assert "grad_cam" not in [figure.name for figure in attributions.show(one._replace(layer=""))]
