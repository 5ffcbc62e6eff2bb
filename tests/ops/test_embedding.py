"""The gradient of a table's rows: the same by either way, and on a GPU without a scatter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops.embedding import SMALL, gradient_by_product, rows

RNG = np.random.default_rng(0)
TOKENS, DY = RNG.integers(0, 9, (3, 40)), RNG.normal(size=(3, 40, 5)).astype(np.float32)


def gradient(tokens, dy, count=11):
    return jax.vjp(lambda table: rows(table, tokens), jnp.zeros((count, 5)))[1](dy)[0]


def test_the_product_is_the_scatter():
    """Also over tokens of their own for each of several, and for rows that are never taken."""
    one_by_one = jnp.stack([jax.jit(gradient)(tokens, dy) for tokens, dy in zip(TOKENS, DY)])
    product = jax.jit(lambda dy, tokens: gradient_by_product(dy, tokens, 11))
    for n in range(3):
        np.testing.assert_allclose(product(DY[n], TOKENS[n]), one_by_one[n], atol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.vmap(gradient))(TOKENS, DY), one_by_one, atol=1e-5)
    assert not one_by_one[:, 9:].any()


@pytest.mark.parametrize(("platform", "count", "scatters"), [("cuda", 256, 0), ("cpu", 256, 1), ("cuda", SMALL + 1, 1)])
def test_a_small_vocabulary_has_no_scatter_on_a_gpu(platform, count, scatters):
    traced = jax.jit(gradient, static_argnums=2).trace(TOKENS, DY, count)
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    assert text.count('"stablehlo.scatter"') == scatters
