"""Median filters against SciPy's; the signal-to-noise ratio by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaxgen.ops.median import median_filter
from jaxgen.ops.reconstruction import psnr


@pytest.mark.parametrize(("border", "mode"), [("edge", "nearest"), ("mirrored", "reflect")])
def test_it_is_scipys(border, mode):
    x = np.random.default_rng(0).random((2, 7, 6, 3), np.float32)
    for side in (1, 3, 5):
        ours = jax.jit(median_filter, static_argnums=(1, 2))(x, side, border)
        np.testing.assert_array_equal(ours, ndimage.median_filter(x, (1, side, side, 1), mode=mode))
    with pytest.raises(ValueError, match="odd and fits them, not 4"):
        median_filter(x, 4)


def test_the_ratio_of_a_known_error():
    x = jnp.zeros((2, 100), jnp.float32)
    np.testing.assert_allclose(psnr(x.at[1].set(0.1), x), [np.inf, 20.0], rtol=1e-6)
