"""Convolutions of few channels against those that they stand for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops.conv.api import conv
from jaxgen.ops.narrow_conv import narrow_conv


@pytest.mark.parametrize(
    ("inputs", "outputs", "size", "width"),
    [(5, 3, (9, 9), 20), (3, 24, (3, 5), 11), pytest.param(3, 4, (2, 3), 3, marks=pytest.mark.ci)],
)
def test_a_narrow_convolution_and_its_gradients(inputs, outputs, size, width):
    draw = lambda seed, *shape: jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))
    x, kernel = draw(0, 2, 10, width, inputs), draw(1, *size, inputs, outputs)
    weight = draw(2, 2, 11 - size[0], width + 1 - size[1], outputs)
    both = lambda f: jax.jit(jax.value_and_grad(lambda x, k: (weight * f(x, k)).sum(), (0, 1)))(x, kernel)
    (ours, slopes), (theirs, others) = both(narrow_conv), both(lambda x, k: conv(x, k, padding="VALID"))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)
    for slope, other in zip(slopes, others):
        np.testing.assert_allclose(slope, other, rtol=1e-3, atol=1e-3)


def test_an_image_smaller_than_the_kernel():
    with pytest.raises(ValueError, match="under a kernel of"):
        narrow_conv(jnp.ones((1, 4, 3, 2)), jnp.ones((2, 4, 2, 3)))
