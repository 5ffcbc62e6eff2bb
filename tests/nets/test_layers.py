"""Layers against Flax's own, with the same parameters."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.nets import layers

PAIRS = [(layers.Conv, nn.Conv), (layers.ConvTranspose, nn.ConvTranspose)]


def draw(layer, shape, dtype=jnp.float32):
    x_key, init_key, bias_key = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(x_key, shape, dtype)
    variables = layer.init(init_key, x)
    if layer.use_bias:  # zeros would hide how it is added
        variables["params"]["bias"] = jax.random.normal(bias_key, (layer.features,))
    return x, variables


def value_and_gradient(layer, variables, x):
    loss = lambda variables: (
        jnp.sin(layer.apply(variables, x).astype(jnp.float32)).sum(),
        layer.apply(variables, x),
    )
    (_, y), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(variables)
    return y, gradient


def assert_near(a, b, tolerance):
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), a) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), b
    )
    for left, right in zip(jax.tree.leaves(a), jax.tree.leaves(b)):
        left, right = np.asarray(left, np.float64), np.asarray(right, np.float64)
        assert np.abs(left - right).max() <= tolerance * np.abs(right).max()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize(
    "leading", [pytest.param((), marks=pytest.mark.ci), (2,), pytest.param((2, 3), marks=pytest.mark.ci)]
)
@pytest.mark.parametrize(
    "options", [pytest.param({}, marks=pytest.mark.ci), {"use_bias": False, "strides": (2, 2), "padding": "VALID"}]
)
def test_equal_to_flax(ours, theirs, leading, options):
    ours, theirs = (layer(5, kernel_size=(3, 2), **options) for layer in (ours, theirs))
    x, variables = draw(ours, (*leading, 6, 7, 3))
    assert jax.tree.map(jnp.shape, theirs.init(jax.random.key(0), x)) == jax.tree.map(jnp.shape, variables)
    assert_near(value_and_gradient(ours, variables, x), value_and_gradient(theirs, variables, x), 1e-5)


@pytest.mark.ci
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("dtype", [None, jnp.bfloat16])
def test_types_are_promoted_as_flax_does(ours, theirs, dtype):
    ours, theirs = (layer(5, kernel_size=(3, 3), dtype=dtype) for layer in (ours, theirs))
    x, variables = draw(ours, (2, 6, 7, 3), jnp.bfloat16)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))
    results, expected = value_and_gradient(ours, variables, x), value_and_gradient(theirs, variables, x)
    assert_near(results, expected, 1e-5 if dtype is None else 0.03)


@pytest.mark.ci
def test_same_initial_parameters_as_flax():
    x = jnp.zeros((1, 6, 7, 3))
    for ours, theirs in PAIRS:
        left, right = (layer(5, kernel_size=(3, 3)).init(jax.random.key(3), x) for layer in (ours, theirs))
        assert_near(left["params"]["kernel"], right["params"]["kernel"], 0.0)
