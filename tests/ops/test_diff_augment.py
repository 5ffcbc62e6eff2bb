"""What DiffAugment does to images, against slices and the paper's ranges, and its derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxgen.ops import diff_augment as d

KEY = jax.random.key(0)
run = jax.jit(d.diff_augment, static_argnums=2)


def noise(*shape):
    """Images without a zero."""
    return np.random.default_rng(0).uniform(0.1, 1.0, shape).astype(np.float32)


def test_translation_and_cutout_are_slices():
    x, shifts = noise(15, 8, 16, 2), np.array([(down, right) for down in (-1, 0, 1) for right in range(-2, 3)])
    centres = np.stack([np.arange(15) % 9, np.arange(15) + 2], 1)
    moved, cut = np.asarray(d.translate(x, jnp.asarray(shifts))), np.asarray(d.cut_out(x, jnp.asarray(centres)))
    for n, ((down, right), (row, column)) in enumerate(zip(shifts, centres)):
        framed = np.pad(x[n], ((1, 1), (2, 2), (0, 0)))
        np.testing.assert_array_equal(moved[n], framed[1 - down : 9 - down, 2 - right : 18 - right])
        expected = x[n].copy()
        expected[max(row - 2, 0) : row + 2, max(column - 4, 0) : column + 4] = 0  # 4 of 8 rows, 8 of 16 columns
        np.testing.assert_array_equal(cut[n], expected)
    # By hand: the second row of eight, moved one pixel down and one to the left.
    image = np.zeros((1, 8, 8, 1), np.float32)
    image[0, 1, :, 0] = [1, 2, 3, 4, 5, 6, 7, 8]
    found = np.asarray(d.translate(jnp.asarray(image), jnp.array([[1, -1]])))[0, :, :, 0]
    np.testing.assert_array_equal(found[2], [2, 3, 4, 5, 6, 7, 8, 0])
    assert found.sum() == 35


def test_colour_by_hand_and_the_ranges_of_all_draws():
    # Pixels (0.1, 0.3) and (0.5, 0.7) brighter by 0.1: (0.2, 0.4), (0.6, 0.8); greys 0.3 and 0.7. Saturation 2:
    # (0.1, 0.5), (0.5, 0.9), mean 0.5. Contrast 0.5: (0.3, 0.5), (0.5, 0.7). A second image stays as it is.
    x = jnp.array([[0.1, 0.3, 0.5, 0.7], [0.9, 0.8, 0.7, 0.6]])
    found = d.color(x.reshape(2, 1, 2, 2), *(jnp.array(f) for f in ([0.1, 0.0], [2.0, 1.0], [0.5, 1.0])))
    np.testing.assert_allclose(found.reshape(2, 4), [[0.3, 0.5, 0.5, 0.7], x[1]], rtol=1e-6)
    grey = noise(1, 2, 2, 1)
    np.testing.assert_allclose(d.color(grey, jnp.zeros(1), jnp.array([1.7]), jnp.ones(1)), grey, rtol=1e-6)
    shape = (2000, 24, 32, 3)  # shifts of 3 and 4 pixels, cut-outs of 12 and 16
    color, (shift, centre) = d.draw_color(KEY, 2000), [draw(KEY, shape).T for draw in (d.draw_shift, d.draw_centre)]
    for draws, low, width in zip(color, (-0.5, 0.0, 0.5), (1.0, 2.0, 1.0)):
        assert stats.kstest(draws, stats.uniform(low, width).cdf).pvalue > 1e-3
    for draws, low, high in zip([*shift, *centre], (-3, -4, 0, 0), (3, 4, 24, 32)):
        values, counts = np.unique(draws, return_counts=True)
        np.testing.assert_array_equal(values, np.arange(low, high + 1))
        assert stats.chisquare(counts).pvalue > 1e-3
    assert np.abs(np.corrcoef([*color, *shift, *centre]) - np.eye(7)).max() < 0.12


def test_a_key_says_what_each_image_becomes_and_derivatives_are_exact():
    """The augmentation is affine in x: differences are derivatives, and the transpose agrees with them."""
    x = jnp.tile(noise(1, 8, 8, 3), (16, 1, 1, 1))
    augmented = run(KEY, x, d.POLICY)
    np.testing.assert_array_equal(run(KEY, x, d.POLICY), augmented)
    assert len(np.unique(augmented, axis=0)) == 16
    assert (run(jax.random.key(1), x, d.POLICY) != augmented).any((1, 2, 3)).all()
    alone = run(KEY, run(KEY, run(KEY, x, "color"), "translation"), "cutout")
    np.testing.assert_allclose(alone, augmented, atol=1e-6)  # also where a key's draws do not depend on the policy
    assert d.diff_augment(KEY, x, "") is x
    along, cotangent = jnp.asarray(noise(*x.shape) - 0.5), jnp.asarray(np.cos(np.arange(x.size)).reshape(x.shape))
    function = lambda x: d.diff_augment(KEY, x)
    slope = jax.jit(lambda: jax.jvp(function, (x,), (along,))[1])()
    np.testing.assert_allclose(slope, run(KEY, x + along, d.POLICY) - augmented, atol=1e-5)
    gradient = jax.jit(jax.grad(lambda x: jnp.vdot(cotangent, function(x))))(x)
    assert jnp.vdot(gradient, along) == pytest.approx(float(jnp.vdot(cotangent, slope)), abs=1e-3)
    with pytest.raises(ValueError, match="a policy of color,translation,cutout"):
        d.diff_augment(KEY, x, "color,rotation")
