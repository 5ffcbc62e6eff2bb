"""Convolutions of enlarged and of reflected images against what they stand for, written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops.borders import reflected, to_multiple
from jaxgen.ops.conv.api import conv
from jaxgen.ops.resize_conv import resize_conv


def drawn(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def written_out(x, kernel):
    larger = x.repeat(2, 1).repeat(2, 2)
    return conv(jnp.pad(larger, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect"), kernel, padding="VALID")


@pytest.mark.parametrize("size", [(3, 5), (1, 2)])
def test_a_resize_convolution_and_its_gradients(size):
    x, kernel, weight = drawn(0, 2, *size, 3), drawn(1, 3, 3, 3, 4), drawn(2, 2, 2 * size[0], 2 * size[1], 4)
    both = lambda f: jax.jit(jax.value_and_grad(lambda x, k: (weight * f(x, k)).sum(), (0, 1)))(x, kernel)
    (ours, slopes), (theirs, others) = both(resize_conv), both(written_out)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    for slope, other in zip(slopes, others):
        np.testing.assert_allclose(slope, other, rtol=1e-3, atol=1e-3)


def test_borders_are_reflected_as_numpy_does():
    x = drawn(3, 2, 5, 7, 3)
    expected = np.pad(x, ((0, 0), (4, 2), (0, 3), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(reflected(x, (4, 2), (0, 3)), expected)
    np.testing.assert_array_equal(to_multiple(x, 4), np.pad(x, ((0, 0), (0, 3), (0, 1), (0, 0)), mode="reflect"))
    assert to_multiple(x[:, :4, :4], 4).shape == (2, 4, 4, 3)


def test_what_cannot_be_reflected_or_enlarged():
    x = drawn(4, 1, 3, 6, 2)
    for work, sentence in (
        (lambda: reflected(x, (3, 0), (0, 0)), "3 pixels cannot be reflected"),
        (lambda: to_multiple(x, 4), "at least 4 pixels a side, found 3 x 6"),
        (lambda: resize_conv(x, drawn(5, 5, 5, 2, 2)), "a kernel of 3 x 3, found 5 x 5"),
    ):
        with pytest.raises(ValueError, match=sentence):
            work()
