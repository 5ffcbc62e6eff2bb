"""What colour transfer keeps: luminance, mean and covariance, or histograms, also of a grey image."""

import jax
import numpy as np

from jaxgen.ops.colours import luminance, matched, with_histograms_of, with_luminance_of

DRAWS = np.random.default_rng(0)
MIX = np.array([[0.2, 0.1, 0.0], [0.0, 0.15, 0.05], [0.02, 0.0, 0.1]])
ONE = (0.5 + DRAWS.normal(size=(20, 30, 3)) @ MIX).astype(np.float32)
OTHER = (0.4 + DRAWS.normal(size=(25, 15, 3)) @ MIX[::-1]).astype(np.float32)


def gaussian(image):
    flat = np.asarray(image, np.float64).reshape(-1, 3)
    return flat.mean(0), np.cov(flat.T, bias=True)


def test_luminance_is_the_others_and_chroma_its_own():
    other = ONE[::-1]
    result = jax.jit(with_luminance_of)(ONE, other)
    weights = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(result @ weights, other @ weights, atol=1e-5)
    to_iq = np.array([[0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    np.testing.assert_allclose(result @ to_iq.T, ONE @ to_iq.T, atol=1e-5)
    np.testing.assert_allclose(jax.jit(luminance)(ONE)[..., 0], ONE @ weights, atol=1e-5)


def test_mean_and_covariance_are_the_targets():
    mean, covariance = gaussian(jax.jit(matched)(ONE, OTHER))
    target_mean, target = gaussian(OTHER)
    np.testing.assert_allclose(mean, target_mean, atol=1e-5)
    np.testing.assert_allclose(covariance, target, rtol=0.05, atol=2e-4)  # what LEAST costs
    np.testing.assert_allclose(jax.jit(matched)(ONE, ONE), ONE, atol=0.01)


def test_histograms_are_the_targets_and_ranks_its_own():
    target = OTHER[:20, :15].repeat(2, 1)  # as many pixels: all of its values are taken
    moved = np.asarray(jax.jit(with_histograms_of)(ONE, target)).reshape(-1, 3)
    np.testing.assert_allclose(np.sort(moved, 0), np.sort(target.reshape(-1, 3), 0), atol=1e-6)
    assert (np.diff(np.take_along_axis(moved, ONE.reshape(-1, 3).argsort(0), 0), axis=0) > -1e-6).all()
    for share in (0.1, 0.5, 0.9):  # of another number of pixels, between its quantiles
        resized = np.asarray(jax.jit(with_histograms_of)(ONE, OTHER))
        np.testing.assert_allclose(*(np.quantile(x, share, (0, 1)) for x in (resized, OTHER)), atol=5e-3)


def test_grey_and_flat_images_have_no_other_colours():
    grey = np.repeat(ONE[..., :1], 3, -1)
    for image, target in ((grey, OTHER), (ONE, grey), (np.full_like(ONE, 0.3), OTHER), (ONE, np.full_like(ONE, 0.3))):
        result = np.asarray(jax.jit(matched)(image, target))
        assert np.isfinite(result).all()
        np.testing.assert_allclose(gaussian(result)[0], gaussian(target)[0], atol=1e-4)
    _, covariance = gaussian(jax.jit(matched)(grey, OTHER))
    assert np.linalg.matrix_rank(covariance, 1e-4) == 1  # one direction stays one, and is not blown up
    assert np.trace(covariance) <= 1.05 * np.trace(gaussian(OTHER)[1])
