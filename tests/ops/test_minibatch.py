"""The mini-batch standard deviation against NumPy, and where all images are equal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops.minibatch import group_size, minibatch_deviation


@pytest.mark.parametrize(
    ("count", "size"), [(8, 4), *(pytest.param(*c, marks=pytest.mark.ci) for c in ((6, 3), (7, 1), (2, 2)))]
)
def test_groups_are_the_largest_that_divide_the_batch(count, size):
    x = np.random.default_rng(0).normal(size=(count, 3, 2, 5)).astype(np.float32)
    expected = np.repeat([np.sqrt(part.var(0) + 1e-8).mean() for part in np.split(x, count // size)], size)
    y, flat = jax.jit(lambda x: (minibatch_deviation(x), minibatch_deviation(x.reshape(count, -1))))(x)
    assert group_size(count) == size
    np.testing.assert_array_equal(y[..., :5], x)
    np.testing.assert_allclose(y[..., 5], np.broadcast_to(expected[:, None, None], (count, 3, 2)), rtol=1e-5)
    assert flat.shape == (count, 31)
    np.testing.assert_allclose(flat[:, 30], expected, rtol=1e-5)


def test_equal_images_have_a_finite_gradient():
    value, gradient = jax.jit(jax.value_and_grad(lambda x: minibatch_deviation(x)[:, -1].sum()))(jnp.ones((4, 3)))
    assert value == pytest.approx(4e-4)  # the root of 1e-8 for each of four images
    assert (gradient == 0).all()
    with pytest.raises(ValueError, match="groups of at least 1"):
        minibatch_deviation(jnp.ones((4, 3)), 0)
