"""The norm of an encoder's Jacobian against `jax.jacrev`."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.ops import contraction

DRAWS = 10_000
RNG = np.random.default_rng(0)
W, V = (jnp.asarray(RNG.normal(size=shape), jnp.float32) for shape in ((6, 4), (4, 3)))
X = jnp.asarray(RNG.random((5, 6)), jnp.float32)


def shallow(x):
    return jax.nn.sigmoid(x @ W - 0.3)


def deep(x):
    return jnp.tanh(shallow(x) @ V)


def jacobians(encode):
    return np.asarray(jax.jit(jax.vmap(jax.jacrev(encode)))(X))  # [B, Z, D]


def test_exact_norms():
    expected = np.square(jacobians(shallow)).sum((1, 2))
    np.testing.assert_allclose(contraction.of_sigmoid_layer(shallow(X), W), expected, rtol=1e-5)
    np.testing.assert_allclose(jax.jit(lambda x: contraction.by_rows(shallow, x))(X), expected, rtol=1e-5)
    expected = np.square(jacobians(deep)).sum((1, 2))
    np.testing.assert_allclose(jax.jit(lambda x: contraction.by_rows(deep, x))(X), expected, rtol=1e-5)


def test_the_estimate_is_unbiased_with_the_variance_that_is_stated():
    """Means within 4 standard errors, which themselves follow from the variance, over 10,000 draws for each image."""
    keys = jax.random.split(jax.random.key(1), DRAWS)
    draws = np.asarray(jax.jit(jax.vmap(lambda key: contraction.hutchinson(key, deep, X)))(keys), np.float64)
    gram = np.einsum("bzd,bze->bde", *2 * (jacobians(deep).astype(np.float64),))
    exact, diagonal = np.trace(gram, axis1=1, axis2=2), np.einsum("bdd->bd", gram)
    variance = 2 * (np.square(gram).sum((1, 2)) - np.square(diagonal).sum(1))
    assert (np.abs(draws.mean(0) - exact) < 4 * np.sqrt(variance / DRAWS)).all()
    np.testing.assert_allclose(draws.var(0), variance, rtol=0.1)


def test_gradients_of_the_estimate():
    """Of its expectation, in the kernel; the exact ones by rows and by the closed form are the same."""

    def averaged(of):
        return jax.jit(jax.grad(lambda w: of(w).mean()))(W)

    encode = lambda w: lambda x: jax.nn.sigmoid(x @ w - 0.3)
    exact = averaged(lambda w: contraction.by_rows(encode(w), X))
    closed = averaged(lambda w: contraction.of_sigmoid_layer(encode(w)(X), w))
    np.testing.assert_allclose(closed, exact, rtol=1e-4, atol=1e-7)
    many = jnp.tile(X, (2000, 1))
    estimate = averaged(lambda w: contraction.hutchinson(jax.random.key(2), encode(w), many))
    np.testing.assert_allclose(estimate, exact, atol=0.05 * float(jnp.abs(exact).max()))


def test_saturation_is_a_share_of_units():
    code = jnp.asarray([[0.0, 0.049, 0.06, 0.94], [0.96, 0.5, 0.5, 0.5]], jnp.float32)
    np.testing.assert_array_equal(contraction.saturation(code), [0.5, 0.25])
    np.testing.assert_array_equal(contraction.saturation(code, 0.07), [1.0, 0.25])
