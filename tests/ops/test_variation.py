import jax
import numpy as np
import pytest

from jaxgen.ops import variation

IMAGE = np.random.default_rng(0).random((2, 5, 6, 3), np.float32)
FORMS = {
    variation.total_variation: lambda down, right: (down**2 + right**2) ** 1.25,
    variation.squared_variation: lambda down, right: down**2 + right**2,
    variation.absolute_variation: lambda down, right: abs(down) + abs(right),
}


@pytest.mark.parametrize("function", FORMS, ids=lambda function: function.__name__)
def test_variation_is_a_sum_over_neighbours(function):
    total, both = 0.0, function is variation.total_variation  # which is of pixels that have both neighbours
    for n, i, j, c in np.ndindex(IMAGE.shape):
        x = IMAGE.astype(np.float64)[n, :, :, c]
        down = x[i, j] - x[i + 1, j] if i < 4 else None
        right = x[i, j] - x[i, j + 1] if j < 5 else None
        if None not in (down, right) or not both:
            total += FORMS[function](down or 0.0, right or 0.0)
    slope = jax.jit(jax.value_and_grad(function))
    np.testing.assert_allclose(slope(IMAGE)[0], total, rtol=1e-5)
    np.testing.assert_array_equal(slope(np.ones_like(IMAGE))[1], 0)  # finite where pixels are equal


def test_exponents_without_a_derivative_are_refused():
    with pytest.raises(ValueError, match=r"an exponent of at least 1, found 0\.5"):
        variation.total_variation(IMAGE, 0.5)
