"""Precision, types and the lowering of dense layers; their derivatives stand in test_derivatives.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops.dense import gelu, layer_norm, linear, linear_turned

RNG = np.random.default_rng(0)
X, SCALE, KERNEL = (np.float32(RNG.normal(0.5, 2.0, shape)) for shape in ((7, 6), (6,), (6, 5)))


def test_a_row_far_from_zero_is_normalised_as_precisely():
    x = np.float32(1000.0) + X
    expected = (np.float64(x) - np.float64(x).mean(-1, keepdims=True)) / np.float64(x).std(-1, keepdims=True)
    np.testing.assert_allclose(layer_norm(x, np.ones(6, np.float32)), expected, atol=2e-3)


def test_types_are_kept():
    half = [jnp.bfloat16(a) for a in (X, SCALE, KERNEL)]

    def both(*arguments):
        net = lambda x, scale, kernel: linear_turned(linear(gelu(layer_norm(x, scale)), kernel), kernel)
        y, back = jax.vjp(net, *arguments)
        return y, *back(y)

    assert [a.dtype for a in jax.eval_shape(both, *half)] == [jnp.bfloat16] * 4


@pytest.mark.parametrize(("product", "kernel"), [(linear, KERNEL), (linear_turned, KERNEL.T)])
def test_the_kernels_gradient_has_no_folded_transpose_on_cpu(product, kernel):
    """The product that is slow contracts the first axes of both; what is fast has a transposed copy of its own."""
    gradient = jax.grad(lambda kernel, x: jnp.sin(product(x, kernel)).sum())
    text = jax.jit(gradient).trace(kernel, X).lower(lowering_platforms=("cpu",)).as_text()
    assert "optimization_barrier" in text
    assert "contracting_dims = [0] x [0]" not in text
