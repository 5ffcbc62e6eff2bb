"""Principal components against scikit-learn's."""

import jax
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from jaxgen.ops.principal import principal_components, project, restore

KEY = jax.random.key(0)


def test_components_are_those_of_scikit_learn():
    """Embedded digits: squared error, variances, and each component but for its sign."""
    x = (load_digits().data / 16).astype(np.float32)
    ours = jax.jit(principal_components, static_argnums=2)(KEY, x, 8)
    theirs = PCA(8, svd_solver="full").fit(x.astype(np.float64))
    error = lambda restored: np.square(np.asarray(restored) - x).sum(1).mean()
    expected = error(theirs.inverse_transform(theirs.transform(x)))
    assert error(restore(ours, project(ours, x))) == pytest.approx(expected, rel=1e-3)
    np.testing.assert_allclose(ours.variances, theirs.explained_variance_, rtol=1e-3)
    np.testing.assert_allclose(np.abs(ours.components @ theirs.components_.T), np.eye(8), atol=2e-2)
    np.testing.assert_allclose(ours.components @ ours.components.T, np.eye(8), atol=1e-5)


def test_all_components_restore_everything():
    x = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32) + 5
    whole = principal_components(KEY, x, 4)
    np.testing.assert_allclose(restore(whole, project(whole, x[0])), x[0], atol=1e-4)
    with pytest.raises(ValueError, match="1 to 4 components, not 5"):
        principal_components(KEY, x, 5)
