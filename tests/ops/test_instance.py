"""Instance normalisation and AdaIN against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops.instance import EPSILON, Moments, adain, instance_norm, moments


def drawn(seed, shape=(2, 5, 4, 3)):
    """Channels of different means and deviations, some of them far from 0."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) * rng.uniform(0.5, 9, shape[-1]) + 50 * rng.normal(size=shape[-1])).astype(
        np.float32
    )


def of_numpy(x):
    x = x.astype(np.float64)
    return x.mean((-3, -2)), np.sqrt(x.var((-3, -2)) + EPSILON)


def test_normalised_with_scales_and_biases_of_each_image():
    x, rng = drawn(0), np.random.default_rng(1)
    scale, bias = rng.normal(size=(2, 2, 3)).astype(np.float32)
    mean, deviation = of_numpy(x)
    for s, b in ((scale, bias), (scale[0], bias[0])):
        expected = (x - mean[:, None, None]) / deviation[:, None, None] * np.broadcast_to(s, (2, 3))[:, None, None]
        expected = expected + np.broadcast_to(b, (2, 3))[:, None, None]
        np.testing.assert_allclose(instance_norm(x, jnp.asarray(s), jnp.asarray(b)), expected, atol=2e-4)


def test_adain_has_the_moments_of_the_style_and_at_strength_0_its_own():
    content, style = drawn(2), drawn(3, (2, 7, 3, 3))
    target = moments(style)
    for ours, numpys in zip(target, of_numpy(style)):
        np.testing.assert_allclose(ours, numpys, rtol=1e-5)
    for ours, numpys in zip(moments(adain(content, target)), target):
        np.testing.assert_allclose(ours, numpys, rtol=1e-4)
    np.testing.assert_allclose(adain(content, target, 0.0), content, atol=1e-4)
    np.testing.assert_allclose(adain(content, moments(content)), content, atol=1e-4)


def test_strength_is_the_share_of_the_moved_features():
    """Equation 14 of the paper: (1 - a) f(c) + a AdaIN(f(c), f(s)), each image with its own a."""
    content, target, shares = drawn(4), moments(drawn(5)), np.array([0.25, 0.7], np.float32)
    moved = np.asarray(adain(content, target))
    expected = [(1 - a) * c + a * m for a, c, m in zip(shares, content, moved)]
    np.testing.assert_allclose(adain(content, target, jnp.asarray(shares)), expected, atol=2e-4)


def test_a_flat_channel_becomes_the_bias_and_has_a_finite_slope():
    flat = jnp.full((1, 4, 4, 2), 3.0)
    target = Moments(jnp.array([[1.0, 2.0]]), jnp.array([[5.0, 6.0]]))
    np.testing.assert_allclose(adain(flat, target), np.broadcast_to([1.0, 2.0], flat.shape), atol=1e-5)
    slope = jax.grad(lambda x: jnp.sin(adain(x, target)).sum())(flat)
    assert np.isfinite(slope).all()


@pytest.mark.ci
def test_half_precision_has_float32_moments():
    x = jnp.asarray(drawn(6), jnp.bfloat16)
    assert instance_norm(x, jnp.ones(3), jnp.zeros(3)).dtype == jnp.bfloat16
    assert moments(x).mean.dtype == jnp.float32
