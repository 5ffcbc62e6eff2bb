import jax
import numpy as np

from jaxgen.ops.gram import gram_matrix, similarities

gram_of = jax.jit(gram_matrix)
FEATURES = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)


def test_gram_matrices_are_sums_of_outer_products():
    expected = sum(np.einsum("bc,bd->bcd", x, x) for x in FEATURES.reshape(2, 12, 5).transpose(1, 0, 2)) / 60
    np.testing.assert_allclose(gram_of(FEATURES, 60.0), expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(gram_of(FEATURES[0], 60.0), expected[0], rtol=1e-5, atol=1e-7)


def test_half_precision_does_not_overflow():
    gram = gram_of(np.full((2, 2, 3), 300, np.float16))
    np.testing.assert_array_equal(gram, np.full((3, 3), 360_000, np.float32))


def test_similarities_are_cosines():
    grams = gram_of(np.concatenate([FEATURES, 3 * FEATURES[:1], np.zeros_like(FEATURES[:1])]))
    flat = np.asarray(grams[:3], np.float64).reshape(3, -1)
    norms = np.linalg.norm(flat, axis=1)
    cosines, slopes = map(
        np.asarray, jax.jit(lambda g: (similarities(g), jax.grad(lambda g: similarities(g).sum())(g)))(grams)
    )
    np.testing.assert_allclose(cosines[:3, :3], flat @ flat.T / np.outer(norms, norms), rtol=1e-5)
    assert not cosines[3].any()
    assert np.isfinite(slopes).all()
