"""Networks that know a class, in closed form."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.nets.conditions import EMBEDDED, ConditionalCode, Projection
from jaxgen.nets.normed import Normed

KEY, LABEL = jax.random.key(0), jnp.array([2, 0, 2])
X = jax.random.normal(jax.random.key(1), (3, 4), jnp.float32)


def test_a_critics_logit_has_the_product_with_its_class_beside():
    """w.h + b + v_y.h; without classes there are no v."""
    variables = Projection(3).init(KEY, X, LABEL)
    params = jax.tree.map(np.asarray, variables["params"])
    logit, classes = params["Dense_0"], params["Dense_1"]["kernel"]
    assert classes.shape == (3, 4)
    expected = X @ logit["kernel"][:, 0] + logit["bias"] + (classes[np.asarray(LABEL)] * X).sum(-1)
    np.testing.assert_allclose(Projection(3).apply(variables, X, LABEL), expected, rtol=1e-5)
    assert {*Projection(0).init(KEY, X)["params"]} == {"Dense_0"}


def test_a_code_has_its_class_behind_it():
    variables = ConditionalCode(3).init(KEY, X, LABEL)
    kernel = np.asarray(variables["params"]["class"]["kernel"])
    assert kernel.shape == (3, EMBEDDED)
    expected = np.concatenate([X, kernel[np.asarray(LABEL)]], axis=1)
    np.testing.assert_allclose(ConditionalCode(3).apply(variables, X, LABEL), expected, rtol=1e-6)
    assert ConditionalCode(0).apply({}, X) is X


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="one of none, batch, spectral, not 'layer'"):
        Normed(nn.Dense(2), "layer").init(KEY, X)
