"""k-means against scikit-learn's and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.cluster import KMeans

from jaxgen.ops.clusters import k_means, lloyd, means, spread_out

KEY = jax.random.key(0)


def points(seed=0, count=300):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, 3)) + 100 + 4 * rng.integers(0, 3, (count, 1))).astype(np.float32)


def test_lloyd_ends_where_scikit_learn_does_from_the_same_centres():
    x = points()
    start = x[[0, 5, 9, 20]]
    ours, theirs = jax.jit(lloyd)(x - x.mean(0), start - x.mean(0)), KMeans(4, init=start, n_init=1, tol=0).fit(x)
    assert (np.asarray(ours.label) == theirs.labels_).all()
    assert float(ours.inertia) == pytest.approx(theirs.inertia_, rel=1e-4)
    np.testing.assert_allclose(ours.centres + x.mean(0)[None], theirs.cluster_centers_, rtol=1e-5)


def test_the_best_of_several_starts():
    x = points(1)
    ours = jax.jit(lambda key, x: k_means(key, x, 5, 30))(KEY, x)
    theirs = KMeans(5, n_init=30, random_state=0).fit(x)
    assert theirs.inertia_ * 0.999 < float(ours.inertia) < theirs.inertia_ * 1.01
    assert np.square(x - np.asarray(ours.centres)[ours.label]).sum() == pytest.approx(float(ours.inertia), rel=1e-3)


def test_starts_are_spread_out():
    """Of three far groups one centre each, and of a group of equal points never two."""
    x = np.repeat(np.float32([[0, 0], [50, 0], [0, 50]]), [2, 90, 8], axis=0)
    starts = jax.jit(jax.vmap(lambda key: spread_out(key, jnp.asarray(x), 3)))(jax.random.split(KEY, 20))
    assert {len({tuple(centre) for centre in np.asarray(start)}) for start in starts} == {3}
    first = np.asarray(starts[:, 0, 0] == 50).mean()
    assert 0.6 < first <= 1  # nine of ten points are there


def test_an_empty_cluster_gets_the_farthest_point():
    x, label = jnp.array([[0.0], [1.0], [9.0], [5.0]], jnp.float32), jnp.array([0, 0, 2, 2], jnp.int32)
    distance = jnp.array([1.0, 0.0, 4.0, 2.0], jnp.float32)
    np.testing.assert_allclose(means(x, label, distance, 4)[:, 0], [0.5, 9.0, 7.0, 5.0])
    few = np.float32([[0, 0], [0, 0], [1, 1]])
    ours = jax.jit(lambda key, x: k_means(key, x, 3))(KEY, few)
    assert ours.inertia == 0
    assert np.isfinite(ours.centres).all()
    with pytest.raises(ValueError, match="1 to 3 clusters, not 4"):
        k_means(KEY, few, 4)
