import jax
import numpy as np
import pytest
from scipy import ndimage

from jaxgen.ops.blur import gaussian_blur

IMAGE = np.random.default_rng(0).random((2, 7, 9, 3), np.float32)


@pytest.mark.parametrize("sigma", [0.7, pytest.param(3.0, marks=pytest.mark.ci)])  # of a kernel wider than the image
def test_blur_is_that_of_scipy(sigma):
    expected = ndimage.gaussian_filter(IMAGE.astype(np.float64), (0, sigma, sigma, 0))
    np.testing.assert_allclose(jax.jit(lambda image: gaussian_blur(image, sigma))(IMAGE), expected, atol=1e-6)


@pytest.mark.ci
def test_one_program_serves_all_deviations():
    blur = jax.jit(lambda sigma: gaussian_blur(IMAGE[0], sigma, 4))
    for sigma in (0.5, 1.0):
        expected = ndimage.gaussian_filter(IMAGE[0].astype(np.float64), (sigma, sigma, 0), truncate=4 / sigma)
        np.testing.assert_allclose(blur(sigma), expected, atol=1e-6)
    assert blur._cache_size() == 1
