"""Views against slices, scipy and the distributions of their draws, which are read off a ramp."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, stats

from jaxgen.ops import transformations as t

KEY = jax.random.key(0)
IMAGE = np.random.default_rng(0).random((9, 12, 2), np.float32)
RAMP = np.stack(np.mgrid[:9, :9], -1).astype(np.float32)  # each pixel says where it was


@pytest.mark.ci
def test_borders_are_those_of_numpy():
    around = ((3, 3), (3, 3), (0, 0))
    np.testing.assert_array_equal(t.pad(3)(KEY, IMAGE), np.pad(IMAGE, around, constant_values=0.5))
    np.testing.assert_array_equal(t.reflect(3)(KEY, IMAGE), np.pad(IMAGE, around, mode="reflect"))
    np.testing.assert_array_equal(t.compose(t.reflect(3), t.crop(3))(KEY, IMAGE), IMAGE)
    assert t.compose()(KEY, IMAGE) is IMAGE


def test_jitter_is_each_slice_equally_often_and_roll_each_shift():
    some = jax.jit(lambda key: [t.views(key, RAMP, 600, each) for each in (t.jitter(2), t.roll(1))])
    views, rolled = map(np.asarray, some(KEY))
    corners = views[:, 0, 0].astype(int)
    for view, (row, column) in zip(views, corners):
        np.testing.assert_array_equal(view, RAMP[row : row + 7, column : column + 7])
    assert stats.chisquare(np.bincount(3 * corners[:, 0] + corners[:, 1], minlength=9)).pvalue > 1e-3
    shifts = (-rolled[:, 0, 0]).astype(int)
    for view, shift in zip(rolled, shifts):
        np.testing.assert_array_equal(view, np.roll(RAMP, shift, (0, 1)))
    assert stats.chisquare(np.bincount((3 * shifts[:, 0] + shifts[:, 1]) % 9, minlength=9)).pvalue > 1e-3


@pytest.fixture(scope="module")
def drawn():
    """Views of the ramp and an image beside it by random zooms and angles, with the zooms and angles."""
    image = np.concatenate([RAMP, IMAGE[:, :9]], -1)
    views = np.asarray(jax.jit(lambda key: t.views(key, image, 400, t.affine((0.8, 1.2), 20.0, value=0.25)))(KEY))
    down, right = (views[:, 5, 4] - views[:, 4, 4])[:, :2].T  # the step back in the image of a step in the view
    return views[..., 2:], image[..., 2:], 1 / np.hypot(down, right), np.rad2deg(np.arctan2(-right, down))


def test_affine_is_that_of_scipy(drawn):
    views, image, zooms, angles = drawn
    for view, zoom, angle in [*zip(views, zooms, angles)][:20]:
        cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        matrix = np.array([[cosine, sine], [-sine, cosine]]) / zoom
        offset = np.array([4.0, 4.0]) - matrix @ [4.0, 4.0]
        for c in range(2):
            kinds = {"order": 1, "mode": "grid-constant", "cval": 0.25}
            np.testing.assert_allclose(
                view[..., c], ndimage.affine_transform(image[..., c], matrix, offset, **kinds), atol=2e-5
            )


@pytest.mark.ci
def test_zooms_and_angles_are_uniform_and_independent(drawn):
    _, _, zooms, angles = drawn
    assert stats.kstest(zooms, stats.uniform(0.8, 0.4).cdf).pvalue > 1e-3
    assert stats.kstest(angles, stats.uniform(-20, 40).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(zooms, angles)[0, 1]) < 5 / np.sqrt(400)


@pytest.mark.ci
def test_standard_is_one_program_for_all_keys_and_its_gradient_is_its_transpose():
    traces = []

    @jax.jit
    def both(key, image, cotangent):
        traces.append(0)
        view, back = jax.vjp(lambda image: t.standard()(key, image), image)
        return view, back(cotangent)[0]

    cotangent = np.random.default_rng(1).standard_normal((21, 24, 2)).astype(np.float32)
    views = []
    for key in jax.random.split(KEY, 3):
        grey, gradient = both(key, np.full_like(IMAGE, 0.5), cotangent)
        views.append(both(key, IMAGE, cotangent)[0])
        np.testing.assert_allclose(grey, 0.5, atol=1e-6)
        change = np.vdot(views[-1] - grey, cotangent)  # a view is linear in the image but for the grey around it
        np.testing.assert_allclose(np.vdot(IMAGE - 0.5, gradient), change, rtol=1e-4)
    assert len(traces) == 1
    assert len(np.unique(views, axis=0)) == 3


@pytest.mark.ci
def test_reflection_leaves_no_dark_corners():
    image = np.full((9, 9, 1), 0.9, np.float32)
    turn = t.affine((0.8, 0.8), 45.0)
    grey, reflected = (jax.jit(each)(KEY, image) for each in (turn, t.compose(t.reflect(8), turn, t.crop(8))))
    assert float(grey.min()) < 0.6
    np.testing.assert_allclose(reflected, 0.9, atol=1e-6)


def test_each_of_a_composition_has_its_own_key_and_its_place():
    twice = jax.jit(lambda key: t.views(key, RAMP, 64, t.compose(t.jitter(1), t.jitter(1))))
    corners = np.asarray(twice(KEY))[:, 0, 0]
    assert {0, 1, 2} == {int(row) for row in corners[:, 0]}  # with one key, 0 and 2 alone
    double, add = lambda key, x: 2 * x, lambda key, x: x + 1
    assert float(t.compose(double, add)(KEY, jnp.ones(()))) == 3


@pytest.mark.parametrize(
    "wrong",
    [lambda: t.scale(0.0, 1.0), lambda: t.scale(2.0, 1.0), lambda: t.rotate(-1.0), lambda: t.jitter(9)(KEY, IMAGE)],
)
def test_ranges_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        wrong()
