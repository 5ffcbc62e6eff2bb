"""A hidden layer against numpy: what each knob does to the function that it computes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.nets.hidden import Block

KEY, KEYS = jax.random.key(0), {"dropout": jax.random.key(1), "rrelu": jax.random.key(2)}
RNG = np.random.default_rng(0)
FLAT, GRID = (np.float32(RNG.normal(1.0, 2.0, shape)) for shape in ((64, 5), (32, 5, 6, 3)))
BOTH = pytest.mark.parametrize("x", [FLAT, GRID], ids=["dense", "conv"])
SELU, ALPHA = 1.0507009873554805, 1.6732632423543772


def begun(block, x=FLAT):
    return jax.jit(block.init)(KEY, x)


def trained(block, variables, x=FLAT, keys=KEYS):
    """(output, activations), and the moved collections, as in training."""
    run = lambda v, x, keys: block.apply(v, x, True, rngs=keys, mutable=["batch_stats"])
    return jax.jit(run)(variables, x, keys)


def linear(variables, x):
    """What stands before the normalisation: [..., F], float64."""
    kernel = np.float64(variables["params"]["linear"]["kernel"])
    if kernel.ndim == 2:
        return x @ kernel
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = x.shape[1:3]
    return sum(padded[:, i : i + height, j : j + width] @ kernel[i, j] for i in range(3) for j in range(3))


def straight(activations):
    """The inputs of leaky_relu."""
    return np.where(activations < 0, 100 * activations, activations)


@BOTH
def test_a_block_in_order(x):
    """Linear with a bias, activation, pooling."""
    block = Block(4, x.ndim > 2, "tanh")
    variables = begun(block, x)
    assert list(variables) == ["params"]
    shape = (5, 4) if x.ndim == 2 else (3, 3, 3, 4)
    assert jax.tree.map(jnp.shape, variables["params"]["linear"]) == {"bias": (4,), "kernel": shape}
    bias = np.float32([0.5, -1.0, 0.0, 2.0])
    variables["params"]["linear"]["bias"] = jnp.asarray(bias)
    expected = np.tanh(linear(variables, x) + bias)
    out, activations = jax.jit(block.apply)(variables, x)
    np.testing.assert_allclose(activations, expected, atol=1e-5)
    if x.ndim > 2:
        expected = expected[:, :4].reshape(32, 2, 2, 3, 2, 4).max((2, 4))
    np.testing.assert_allclose(out, expected, atol=1e-5)


NORMED = dict(activation="leaky_relu", batch_norm=True)


@BOTH
def test_batches_are_normalised_in_training(x):
    """Mean 0 and variance 1 over the batch, and over pixels; then scale and shift. No bias stands beside it."""
    block = Block(4, x.ndim > 2, **NORMED)
    variables = begun(block, x)
    assert set(variables["params"]["linear"]) == {"kernel"}
    assert jax.tree.map(jnp.shape, variables["params"]["norm"]) == {"bias": (4,), "scale": (4,)}
    scale, shift = np.float32([1, 2, 3, 4]), np.float32([4, 3, -2, -1])
    variables["params"]["norm"] = {"scale": jnp.asarray(scale), "bias": jnp.asarray(shift)}
    (_, activations), moved = trained(block, variables, x)
    before, normed = linear(variables, x).reshape(-1, 4), (straight(activations).reshape(-1, 4) - shift) / scale
    mean, variance = before.mean(0), before.var(0)  # the biased one
    assert np.abs(mean).max() > 0.5
    np.testing.assert_allclose(normed.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(normed.var(0), 1, atol=1e-3)
    np.testing.assert_allclose(normed, (before - mean) / np.sqrt(variance + 1e-5), atol=1e-3)
    running = moved["batch_stats"]["norm"]  # began as a standard normal's
    np.testing.assert_allclose(running["mean"], 0.9 * 0 + 0.1 * mean, atol=1e-5)
    np.testing.assert_allclose(running["var"], 0.9 * 1 + 0.1 * variance, rtol=1e-5)


@BOTH
def test_evaluation_uses_running_statistics_and_no_neighbour(x):
    block = Block(4, x.ndim > 2, **NORMED)
    variables = begun(block, x)
    mean, variance = np.float32([0.3, -1.0, 2.0, 0.0]), np.float32([0.5, 1.0, 2.0, 4.0])
    variables["batch_stats"]["norm"] = {"mean": jnp.asarray(mean), "var": jnp.asarray(variance)}
    evaluated = jax.jit(block.apply)
    out, activations = evaluated(variables, x)
    expected = (linear(variables, x) - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(straight(activations), expected, atol=1e-3)
    others = np.concatenate([x[:1], 100 * RNG.normal(size=x[1:].shape).astype(np.float32)])
    np.testing.assert_array_equal(evaluated(variables, others)[0][0], out[0])


@pytest.mark.ci
@pytest.mark.parametrize(("x", "share"), [(FLAT, 0.2), (GRID, 0.7)], ids=["dense", "conv"])
def test_dropout(x, share):
    """Each unit, after pooling, is 0 with that probability or divided by the other: expectations are evaluation's."""
    block = Block(40, x.ndim > 2, "sigmoid", dropout=share)
    variables = begun(block, x)
    still, whole = jax.jit(block.apply)(variables, x)
    pooled = whole if x.ndim == 2 else whole[:, :4].reshape(32, 2, 2, 3, 2, 40).max((2, 4))
    np.testing.assert_array_equal(still, pooled)
    keys = jax.random.split(jax.random.key(3), 300)
    run = lambda key: block.apply(variables, x, True, rngs={"dropout": key})
    draws, activations = map(np.asarray, jax.jit(jax.vmap(run))(keys))
    np.testing.assert_allclose(activations[7], whole, rtol=1e-5)
    kept = draws != 0
    np.testing.assert_allclose(draws, np.where(kept, still / (1 - share), 0), rtol=1e-5)
    odds = np.sqrt(share * (1 - share))
    assert kept.mean() == pytest.approx(1 - share, abs=5 * odds / np.sqrt(kept.size))
    deviation = np.asarray(still) * np.sqrt(share / (1 - share) / len(keys))
    assert np.abs((draws.mean(0) - still) / deviation).max() < 6  # of thousands of units
    assert np.abs(np.corrcoef(kept.reshape(300, -1)[:, :20].T) - np.eye(20)).max() < 0.4, "units fall together"
