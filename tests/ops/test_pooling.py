"""Pooling against Flax's, and the gradients that Flax's has not: of ties, and of what XLA computes twice."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops.pooling import max_pool, mean_pool, overlapping_max_pool, overlapping_mean_pool, strided_mean_pool

pooled = jax.jit(max_pool)


def flax_pool(x):
    return nn.max_pool(x, (2, 2), (2, 2))


def distinct(shape, seed=0):
    """All values differ, so that each square has one maximum."""
    values = np.random.default_rng(seed).permutation(np.prod(shape)) + 1
    return jnp.asarray(values.reshape(shape), jnp.float32)


def squares(x):
    """[..., H, W, C] to [..., H // 2, W // 2, C, 4], by slices."""
    height, width = (size - size % 2 for size in x.shape[-3:-1])
    return np.stack([np.asarray(x)[..., i:height:2, j:width:2, :] for i in (0, 1) for j in (0, 1)], -1)


@pytest.mark.parametrize("shape", [(2, 4, 6, 3), (2, 5, 7, 1), (4, 3, 2), (1, 2, 2, 1), (2, 3, 2, 5, 2)])
def test_value_and_gradient_equal_flax(shape):
    x, half = distinct(shape), (*shape[:-3], shape[-3] // 2, shape[-2] // 2, shape[-1])
    weight = jnp.asarray(np.random.default_rng(1).normal(size=half), jnp.float32)

    def both(pool):
        y, pull = jax.vjp(pool, x)
        return y, pull(weight)[0]

    (ours, our_slope), (theirs, their_slope) = jax.jit(lambda: (both(max_pool), both(flax_pool)))()
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(ours, squares(x).max(-1))
    np.testing.assert_array_equal(our_slope, their_slope)


@pytest.mark.ci
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_types_stay(dtype):
    x = distinct((1, 4, 4, 2)).astype(dtype)
    value, slope = jax.jit(lambda x: (max_pool(x), jax.grad(lambda x: max_pool(x).sum())(x)))(x)
    assert (value.dtype, slope.dtype) == (dtype, dtype)
    np.testing.assert_array_equal(value, squares(x).max(-1))


def test_of_equal_maxima_the_first_has_the_gradient():
    """Every pattern of four pixels that are 0 or 1: a rectifier's zeros are ties."""
    patterns = np.array([[n >> bit & 1 for bit in range(4)] for n in range(16)], np.float32)
    slope = jax.jit(jax.grad(lambda x: max_pool(x).sum()))(jnp.asarray(patterns.reshape(16, 2, 2, 1)))
    np.testing.assert_array_equal(np.asarray(slope).reshape(16, 4), np.eye(4)[patterns.argmax(1)])


@pytest.mark.parametrize("where", range(4))
def test_not_a_number_goes_through(where):
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    x[0, where // 2, where % 2, 0] = np.nan
    assert np.isnan(pooled(x)).reshape(-1).tolist() == [True, False, False, False]


INNER = {"tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid, "gelu": lambda x: jax.nn.gelu(x, approximate=False)}


@pytest.mark.ci
@pytest.mark.parametrize("name", INNER)
def test_one_pixel_has_the_gradient_in_fused_programs(name):
    """Although XLA may compute the input twice, rounded otherwise backward than forward, or write over it too early.

    Where it is found by comparing with the maximum, gelu has 0 / 0 (jax 0.10.2 on CPU). Where the four are taken from
    a reshaped input, tanh and sigmoid have gradients in two pixels and three: the result is written into the input's
    buffer while its other name is still read (jax 0.12.0 on CPU).
    """
    inner = INNER[name]
    keys = jax.random.split(jax.random.key(0), 4)
    a, b, c = (jax.random.normal(key, (8, 8, 8, 4)) for key in keys[:3])
    weight = 1 + jax.random.uniform(keys[3], (8, 4, 4, 4))
    found = jax.jit(jax.grad(lambda a, b, c: jnp.sum(weight * max_pool(inner(a * b + c))), 2))(a, b, c)
    y, slope = jax.vmap(jax.value_and_grad(inner))((a * b + c).reshape(-1))  # op by op
    first = squares(y.reshape(a.shape)).argmax(-1)[..., None]
    expected = np.take_along_axis(squares(slope.reshape(a.shape)), first, -1)[..., 0] * np.asarray(weight)
    np.testing.assert_array_equal((squares(found) != 0).sum(-1), 1)
    assert np.abs(found).sum() == pytest.approx(np.abs(expected).sum(), rel=1e-4)
    np.testing.assert_allclose(squares(found).sum(-1), expected, atol=1e-4)


def flax_windows(x, ragged=False):
    sides = [(0, 1 - size % 2 if ragged else 0) for size in x.shape[-3:-1]]
    flat = x.reshape(-1, *x.shape[-3:])  # of padding Flax takes one leading axis only
    y = nn.max_pool(flat, (3, 3), (2, 2), sides)
    return y.reshape(*x.shape[:-3], *y.shape[1:])


@pytest.mark.parametrize(
    ("shape", "ragged"),
    [
        ((2, 9, 7, 3), False),
        pytest.param((1, 6, 4, 2), False, marks=pytest.mark.ci),
        ((1, 6, 5, 2), True),
        pytest.param((2, 3, 2, 8, 1), True, marks=pytest.mark.ci),
    ],
)
def test_overlapping_maxima_and_gradients_equal_flax(shape, ragged):
    x = distinct(shape)
    weight = jnp.asarray(np.random.default_rng(1).normal(size=flax_windows(x, ragged).shape), jnp.float32)

    def both(pool):
        y, pull = jax.vjp(lambda x: pool(x, ragged), x)
        return y, pull(weight)[0], jax.jvp(lambda x: pool(x, ragged), (x,), (jnp.sin(x),))[1]

    ours, theirs = jax.jit(lambda: (both(overlapping_max_pool), both(flax_windows)))()
    for found, expected in zip(ours, theirs):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_of_equal_maxima_in_a_window_the_first_has_the_gradient():
    """Every pattern of nine pixels that are 0 or 1."""
    patterns = np.array([[n >> bit & 1 for bit in range(9)] for n in range(512)], np.float32)
    slope = jax.jit(jax.grad(lambda x: overlapping_max_pool(x).sum()))(jnp.asarray(patterns.reshape(512, 3, 3, 1)))
    np.testing.assert_array_equal(np.asarray(slope).reshape(512, 9), np.eye(9)[patterns.argmax(1)])


@pytest.mark.ci
@pytest.mark.parametrize("name", INNER)
def test_overlapping_maxima_of_fused_inputs_have_all_of_the_gradient(name):
    """As above: each window's weight goes to one pixel, whatever XLA computes twice."""
    a, b, c = (jax.random.normal(key, (8, 9, 9, 4)) for key in jax.random.split(jax.random.key(0), 3))
    inner, weight = INNER[name], 1 + jax.random.uniform(jax.random.key(1), (8, 4, 4, 4))
    found = jax.jit(jax.grad(lambda a, b, c: jnp.sum(weight * overlapping_max_pool(inner(a * b + c))), 2))(a, b, c)
    y, slope = jax.vmap(jax.value_and_grad(inner))((a * b + c).reshape(-1))  # op by op
    dy = jax.vjp(flax_windows, y.reshape(a.shape))[1](weight)[0]
    np.testing.assert_allclose(found, dy * slope.reshape(a.shape), atol=1e-4)


@pytest.mark.parametrize("zeros", [False, True])
def test_means_and_their_gradient_equal_flax(zeros):
    x, weight = jax.random.normal(jax.random.key(0), (2, 2, 5, 4, 3))
    theirs = lambda x: nn.avg_pool(x, (3, 3), padding="SAME", count_include_pad=zeros)

    def both(pool):
        y, pull = jax.vjp(pool, x)
        return y, pull(weight)[0]

    ours, expected = jax.jit(lambda: (both(lambda x: overlapping_mean_pool(x, zeros)), both(theirs)))()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), ours, expected)


@pytest.mark.ci
def test_means_in_place_of_maxima():
    x = distinct((2, 7, 6, 3))
    np.testing.assert_allclose(jax.jit(mean_pool)(x), squares(x).mean(-1), rtol=1e-6)
    for ragged in (False, True):
        ours = jax.jit(strided_mean_pool, static_argnums=1)(x, ragged)
        rows, columns = (range(0, size - 1 if ragged else size - 2, 2) for size in x.shape[1:3])
        theirs = [[np.asarray(x)[:, i : i + 3, j : j + 3].mean((1, 2)) for j in columns] for i in rows]
        np.testing.assert_allclose(ours, np.array(theirs).transpose(2, 0, 1, 3), rtol=1e-5)
        assert ours.shape == jax.eval_shape(lambda x, r=ragged: overlapping_max_pool(x, r), x).shape
