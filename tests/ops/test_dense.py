"""The hand-written backward passes against autodiff of what they compute, and the values against Flax and jax.nn."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops.dense import gelu, layer_norm, linear, linear_turned

RNG = np.random.default_rng(0)
X, SCALE, KERNEL = (np.float32(RNG.normal(0.5, 2.0, shape)) for shape in ((7, 6), (6,), (6, 5)))


def plain_norm(x, scale):
    return nn.LayerNorm(epsilon=1e-5, use_bias=False, use_fast_variance=False).apply({"params": {"scale": scale}}, x)


CASES = {
    "linear": (linear, jnp.matmul, (X, KERNEL)),
    "linear_turned": (linear_turned, lambda x, kernel: x @ kernel.T, (X, KERNEL.T)),
    "layer_norm": (layer_norm, plain_norm, (X, SCALE)),
    "gelu": (gelu, lambda x: jax.nn.gelu(x, approximate=False), (X,)),
}


def value_and_gradients(function, arguments):
    loss = lambda *arguments: (jnp.sin(y := function(*arguments)).sum(), y)
    return jax.value_and_grad(loss, range(len(arguments)), has_aux=True)(*arguments)


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_autodiff(name):
    ours, plain, arguments = CASES[name]
    found, expected = jax.jit(lambda a: [value_and_gradients(f, a) for f in (ours, plain)])(arguments)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), found, expected)


@pytest.mark.parametrize("name", CASES)
def test_gradients_vmap_over_everything(name):
    ours, _, arguments = CASES[name]
    two = [np.stack([a, 0.5 * a]) for a in arguments]
    together = jax.jit(jax.vmap(lambda *a: value_and_gradients(ours, a)))(*two)
    alone = jax.jit(lambda *a: value_and_gradients(ours, a))(*[a[1] for a in two])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-5, atol=1e-5), together, alone)


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


@pytest.mark.parametrize("name", ["linear", "linear_turned"])
def test_the_kernels_gradient_has_no_folded_transpose_on_cpu(name):
    """The product that is slow contracts the first axes of both; what is fast has a transposed copy of its own."""
    ours, _, (x, kernel) = CASES[name]
    gradient = jax.grad(lambda kernel, x: jnp.sin(ours(x, kernel)).sum())
    text = jax.jit(gradient).trace(kernel, x).lower(lowering_platforms=("cpu",)).as_text()
    assert "optimization_barrier" in text
    assert "contracting_dims = [0] x [0]" not in text
