"""Spectral normalisation against singular values by NumPy and the closed form of its gradient."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.nets.layers import Conv
from jaxgen.nets.spectral import Spectral

KEY = jax.random.key(0)


@pytest.mark.parametrize("layer", [nn.Dense(5, dtype=jnp.bfloat16), Conv(5, (3, 2), strides=2, padding="VALID")])
def test_the_largest_singular_value_becomes_1(layer):
    """And u stays float32 whatever the layer computes in; without `train` it stays as it is."""
    x = jax.random.normal(KEY, (2, 5, 6, 4), layer.dtype or jnp.float32)
    module = Spectral(layer)
    variables = module.init(KEY, x)
    kernel = np.asarray(variables["params"]["linear"]["kernel"], np.float64)
    largest = np.linalg.svd(kernel.reshape(-1, 5), compute_uv=False)[0]

    def move(spectral, _):
        return module.apply({**variables, "spectral": spectral}, x, True, mutable=["spectral"])[1]["spectral"], None

    moved = jax.jit(lambda u: jax.lax.scan(move, u, None, 200)[0])(variables["spectral"])
    assert moved["u"].dtype == jnp.float32
    params = {**variables["params"]["linear"], "kernel": jnp.asarray(kernel / largest, jnp.float32)}
    y = module.apply({**variables, "spectral": moved}, x)
    expected = layer.apply({"params": params}, x)
    assert y.dtype == expected.dtype
    np.testing.assert_allclose(
        *(np.asarray(a, np.float32) for a in (y, expected)), atol=0.02 if y.itemsize == 2 else 1e-4
    )
    kept = module.apply(variables, x, mutable=["spectral"])[1]
    np.testing.assert_array_equal(kept["spectral"]["u"], variables["spectral"]["u"])


def test_one_iteration_and_its_gradient():
    """At a u far from the singular vector: v = W u / |W u|, u' = W^T v / |W^T v|, sigma = v^T W u' and, where G is the
    gradient in the normalised kernel, (G - <G, W / sigma> v u'^T) / sigma.
    """
    rng, unit = np.random.default_rng(0), lambda vector: vector / np.linalg.norm(vector)
    x, kernel, weights = (rng.normal(size=shape).astype(np.float32) for shape in ((3, 4), (4, 5), (3, 5)))
    u = unit(rng.normal(size=5)).astype(np.float32)
    module = Spectral(nn.Dense(5, use_bias=False))

    def loss(kernel):
        variables = {"params": {"linear": {"kernel": kernel}}, "spectral": {"u": u}}
        y, moved = module.apply(variables, x, True, mutable=["spectral"])
        return jnp.vdot(weights, y), moved["spectral"]["u"]

    (value, moved), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(kernel)
    v = unit(kernel @ u)
    next_u = unit(kernel.T @ v)
    sigma = v @ kernel @ next_u
    assert sigma < 0.99 * np.linalg.svd(kernel, compute_uv=False)[0]
    slope = x.T @ weights
    expected = (slope - np.vdot(slope, kernel / sigma) * np.outer(v, next_u)) / sigma
    np.testing.assert_allclose(moved, next_u, rtol=1e-5, atol=1e-6)
    assert value == pytest.approx(np.vdot(weights, x @ kernel / sigma), rel=1e-5)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)
