"""Concept vectors and probes on data whose direction is known, and against scikit-learn."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from jaxgen.ops.concepts import concept_vector, ridge_probe, scores


def planted(count=400, size=12, seed=0):
    """Examples [N, D] around 0, those with the attribute moved by a direction [D]."""
    rng = np.random.default_rng(seed)
    direction, has = rng.normal(size=size), rng.random(count) < 0.3
    x = 0.05 * rng.normal(size=(count, size)) + has[:, None] * direction
    return x.astype(np.float32), has, direction


def test_the_concept_vector_is_the_planted_direction():
    x, has, direction = planted()
    vector = concept_vector(jnp.asarray(x), jnp.asarray(has))
    np.testing.assert_allclose(vector, x[has].mean(0) - x[~has].mean(0), atol=1e-6)
    np.testing.assert_allclose(vector, direction, atol=0.03)


def test_the_probe_is_ridge_regression_with_classes_that_weigh_the_same():
    for count, size in ((60, 12), (20, 50)):
        x, has, _ = planted(count, size, 1)
        x += np.random.default_rng(2).normal(size=x.shape).astype(np.float32)
        weight = np.where(has, 0.5 / has.sum(), 0.5 / (~has).sum())
        theirs = Ridge(alpha=3.0 / size).fit(x, np.where(has, 1.0, -1.0), sample_weight=weight)
        ours = ridge_probe(jnp.asarray(x), jnp.asarray(has), 3.0)
        np.testing.assert_allclose(ours.weights, theirs.coef_, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(scores(ours, jnp.asarray(x)), theirs.predict(x), atol=1e-4)


def test_a_move_along_the_vector_flips_what_a_probe_says():
    x, has, _ = planted()
    probe, vector = ridge_probe(jnp.asarray(x), jnp.asarray(has), 0.1), concept_vector(jnp.asarray(x), jnp.asarray(has))
    assert ((np.asarray(scores(probe, jnp.asarray(x))) > 0) == has).all()
    assert (np.asarray(scores(probe, jnp.asarray(x[~has]) + vector[None])) > 0).all()
    assert (np.asarray(scores(probe, jnp.asarray(x[has]) - vector[None])) < 0).all()


def test_one_class_alone_is_refused():
    x = jnp.zeros((4, 3), jnp.float32)
    for has in (jnp.zeros(4, bool), jnp.ones(4, bool)):
        with pytest.raises(ValueError, match="an attribute needs examples that have it, and examples that have not"):
            concept_vector(x, has)
        with pytest.raises(ValueError, match="a probe needs examples with and without"):
            ridge_probe(x, has, 1.0)
    with pytest.raises(ValueError, match="a penalty above 0, found 0"):
        ridge_probe(x, jnp.arange(4) < 2, 0.0)
