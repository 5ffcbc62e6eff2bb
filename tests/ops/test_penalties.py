"""Penalties by hand, and their gradients in a critic's parameters against autodiff of the plain formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxgen.ops.conv.api import conv
from jaxgen.ops.penalties import gradient_penalty, lazily, r1

KEY = jax.random.key(0)


def test_penalties_of_critics_whose_slopes_are_known():
    x = jnp.ones((3, 1, 2))
    linear = lambda w: lambda x: (x * w[None, None]).sum((1, 2))
    w, sizes = jnp.array([3.0, 4.0]), jnp.array([1.0, 2.0, 3.0])[:, None, None]
    assert gradient_penalty(KEY, linear(w), x, -x) == pytest.approx((5 - 1) ** 2)
    assert r1(linear(w), x, 0.1) == pytest.approx(0.05 * 25)
    # 1/2 |x|^2 has slope x: squared norms 2, 8 and 18 of the three images
    assert r1(lambda x: jnp.square(x).sum((1, 2)) / 2, sizes * x, 3.0) == pytest.approx(1.5 * 28 / 3)
    value, gradient = jax.value_and_grad(lambda w: gradient_penalty(KEY, linear(w), x, -x))(jnp.zeros(2))
    assert (value, *gradient) == (1.0, 0.0, 0.0)  # a slope of 0 has no direction; its norm's derivative is set to 0
    with pytest.raises(ValueError, match="every 1 or more"):
        lazily(lambda: jnp.ones(()), jnp.int32(0), 0)


def test_every_pair_of_images_has_its_own_point_between():
    """From fake images at 1 to real ones at 3, where 1/2 x^2 has slopes 1 + 2 u: E (2 u)^2 = 4/3."""
    shape = (4000, 1)
    penalty = gradient_penalty(KEY, lambda x: x[:, 0] ** 2 / 2, jnp.full(shape, 3.0), jnp.ones(shape))
    assert penalty == pytest.approx(4 / 3, abs=0.08)  # four standard errors


def critic(convolve, params, x):
    h = jax.nn.leaky_relu(convolve(x, params["first"]) + params["bias"][None, None, None], 0.2)
    return jnp.tanh(convolve(h, params["second"])).sum((1, 2, 3))


def by_lax(x, kernel):
    return lax.conv_general_dilated(x, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def test_gradients_through_ops_conv_are_those_of_autodiff_lazily_too():
    """Of both penalties at steps 0 to 3, one by one and side by side, computed every second step."""
    draws = [
        jax.random.normal(key, shape)
        for key, shape in zip(jax.random.split(KEY, 5), [(3, 3, 2, 4), (4,), (3, 3, 4, 3), (2, 5, 6, 2), (2, 5, 6, 2)])
    ]
    params, real, fake = dict(zip(("first", "bias", "second"), draws)), *draws[3:]

    def ours(params, step):
        score = lambda x: critic(lambda x, kernel: conv(x, kernel, 2), params, x)
        return lazily(lambda: r1(score, real, 0.5) + gradient_penalty(KEY, score, real, fake), step, 2)

    def plain(params):
        slope = jax.vmap(jax.grad(lambda x: critic(by_lax, params, x[None])[0]))
        u = jax.random.uniform(KEY, (2, 1, 1, 1))
        norms = jnp.sqrt(jnp.square(slope(u * real + (1 - u) * fake)).sum((1, 2, 3)))
        return 0.25 * jnp.square(slope(real)).sum((1, 2, 3)).mean() + ((norms - 1) ** 2).mean()

    steps, both = jnp.arange(4), jax.value_and_grad(ours)
    one_by_one = jax.jit(lambda p: lax.map(lambda step: both(p, step), steps))(params)
    side_by_side = jax.jit(jax.vmap(both, (None, 0)))(params, steps)
    expected = jax.jit(jax.value_and_grad(plain))(params)
    for found in (one_by_one, side_by_side):
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected)):
            np.testing.assert_allclose(a, np.stack([2 * b, 0 * b, 2 * b, 0 * b]), rtol=1e-4, atol=1e-5)
