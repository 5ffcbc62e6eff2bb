"""Initial kernels against their densities."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxgen.core.types import Refused
from jaxgen.nets.initializers import FACTORS, INITIALIZERS, initializer
from jaxgen.ops.activations import ACTIVATIONS

KEY = jax.random.key(0)
SHAPES = {(250, 400): (250, 400), (3, 5, 40, 60): (600, 900)}  # kernel -> fans


def uniform(bound):
    return stats.uniform(-bound, 2 * bound)


def normal(sigma):
    return stats.norm(0, sigma)


DENSITIES = {
    ("xavier_uniform", "relu"): lambda i, o: uniform(np.sqrt(6 / (i + o))),
    ("xavier_normal", "tanh"): lambda i, o: normal(np.sqrt(2 / (i + o))),
    ("he_uniform", "relu"): lambda i, o: uniform(np.sqrt(6 / i)),
    ("he_normal", "sigmoid"): lambda i, o: normal(np.sqrt(2 / i)),
    ("lecun_normal", "selu"): lambda i, o: normal(np.sqrt(1 / i)),
    ("lecture_uniform", "sigmoid"): lambda i, o: uniform(np.sqrt(6 / (i + o))),
    ("lecture_uniform", "tanh"): lambda i, o: uniform(4 * np.sqrt(6 / (i + o))),
    ("lecture_uniform", "relu"): lambda i, o: uniform(np.sqrt(2) * np.sqrt(6 / (i + o))),
    ("lecture_normal", "sigmoid"): lambda i, o: normal(np.sqrt(2 / (i + o))),
    ("lecture_normal", "tanh"): lambda i, o: normal(4 * np.sqrt(2 / (i + o))),
    ("lecture_normal", "elu"): lambda i, o: normal(np.sqrt(2) * np.sqrt(2 / (i + o))),
    ("truncated", "relu"): lambda i, o: stats.truncnorm(-2, 2, 0, 2 / np.sqrt(i)),
}


def test_every_name_has_a_density_and_every_activation_a_factor():
    assert {name for name, _ in DENSITIES} == INITIALIZERS.keys()
    assert FACTORS.keys() == ACTIVATIONS.keys() | {"rrelu", "prelu"}


@pytest.mark.parametrize("shape", [(250, 400), pytest.param((3, 5, 40, 60), marks=pytest.mark.ci)])
@pytest.mark.parametrize(("name", "activation"), DENSITIES)
def test_densities(name, activation, shape):
    """Variance and bounds, and the whole distribution by Kolmogorov and Smirnov."""
    density = DENSITIES[name, activation](*SHAPES[shape])
    kernel = initializer(name, activation)(KEY, shape, jnp.float32)
    assert (kernel.shape, kernel.dtype) == (shape, jnp.float32)
    values = np.asarray(kernel, np.float64).ravel()
    assert values.mean() == pytest.approx(0.0, abs=5 * density.std() / np.sqrt(values.size))
    assert values.var() == pytest.approx(density.var(), rel=0.03)  # five standard errors of a normal's
    assert stats.kstest(values, density.cdf).pvalue > 1e-3
    low, high = density.support()
    if np.isfinite(high):
        assert low * (1 + 1e-6) <= values.min() < 0.99 * low
        assert 0.99 * high < values.max() <= high * (1 + 1e-6)
    else:
        assert np.abs(values).max() > 3 * density.std()  # nothing is cut


@pytest.mark.parametrize(("name", "activation"), [("kaiming", "relu"), ("he_normal", "swish")])
def test_unknown_names_are_refused_with_the_known(name, activation):
    with pytest.raises(Refused, match=r"unknown .*'(kaiming|swish)'; known: .*(xavier_normal|tanh)"):
        initializer(name, activation)
