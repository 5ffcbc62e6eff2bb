"""Initial kernels against their densities, and what 50 layers make of them."""

import flax.linen as nn
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


@pytest.mark.parametrize("shape", SHAPES, ids=["dense", "conv"])
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


def test_truncated_is_narrower_than_it_says():
    kernel = initializer("truncated", "relu")(KEY, (400, 400), jnp.float32)
    assert float(kernel.std()) == pytest.approx(0.88 * 2 / np.sqrt(400), rel=0.01)


@pytest.mark.parametrize(("name", "activation"), [("kaiming", "relu"), ("he_normal", "swish")])
def test_unknown_names_are_refused_with_the_known(name, activation):
    with pytest.raises(Refused, match=r"unknown .*'(kaiming|swish)'; known: .*(xavier_normal|tanh)"):
        initializer(name, activation)


def test_kernels_of_a_layer():
    x, kernel_init = jnp.zeros((1, 7)), initializer("he_uniform", "relu")
    kernel = nn.Dense(300, kernel_init=kernel_init).init(KEY, x)["params"]["kernel"]
    assert 0.95 < float(jnp.abs(kernel).max() / np.sqrt(6 / 7)) <= 1.0


def deep(name, activation, seeds, width=256, layers=50, batch=16, scale=1.0, shift=0.0):
    """Layers x -> f(W x): outputs and gradients by what enters f, both [seeds, layers, batch, width], as float64.

    The first x is normal with mean `shift` and standard deviation `scale`, the gradient at the last output standard
    normal.
    """
    f, draw = ACTIVATIONS[activation], initializer(name, activation)

    def one(key):
        x_key, gradient_key, kernel_key = jax.random.split(key, 3)

        def layer(x, this):
            kernel_key, probe = this
            y = f(x @ draw(kernel_key, (width, width), jnp.float32) + probe)
            return y, y

        def network(probes):
            x = shift + scale * jax.random.normal(x_key, (batch, width))
            return jax.lax.scan(layer, x, (jax.random.split(kernel_key, layers), probes))

        y, back, outputs = jax.vjp(network, jnp.zeros((layers, batch, width)), has_aux=True)
        return outputs, back(jax.random.normal(gradient_key, y.shape))[0]

    results = jax.jit(lambda key: jax.lax.map(one, jax.random.split(key, seeds)))(KEY)
    return [np.asarray(result, np.float64) for result in results]


def mean_squares(values):
    """By layer, averaged over seeds, examples and units: [layers]."""
    return np.mean(values**2, axis=(0, 2, 3))


def slope(values):
    """Doublings per layer."""
    return np.polyfit(np.arange(len(values)), np.log2(values), 1)[0]


@pytest.mark.ci
@pytest.mark.parametrize("name", ["he_normal", pytest.param("he_uniform", marks=pytest.mark.ci)])
def test_he_keeps_rectified_signals_over_50_layers(name):
    outputs, gradients = (mean_squares(each) for each in deep(name, "relu", seeds=4))
    for values in (outputs, gradients):
        assert np.all((values > values[0] / 3) & (values < 3 * values[0]))
    assert outputs[-1] == pytest.approx(1.0, rel=2)


@pytest.mark.ci
def test_xavier_halves_rectified_signals_per_layer():
    outputs, gradients = (mean_squares(each) for each in deep("xavier_normal", "relu", seeds=2))
    assert slope(outputs) == pytest.approx(-1.0, abs=0.1)
    assert slope(gradients[::-1]) == pytest.approx(-1.0, abs=0.1)


@pytest.mark.ci
def test_xavier_keeps_what_is_small_enough_for_tanh():
    outputs, gradients = (mean_squares(each) for each in deep("xavier_uniform", "tanh", seeds=2, scale=1e-3))
    assert np.all((outputs > 1e-6 / 3) & (outputs < 3e-6))
    assert np.all((gradients > gradients[-1] / 3) & (gradients < 3 * gradients[-1]))


def test_gradients_vanish_through_sigmoids():
    _, gradients = deep("xavier_normal", "sigmoid", seeds=1)
    sizes = np.sqrt(mean_squares(gradients))
    assert sizes[-1] > 1e15 * sizes[0] > 0.0
    assert slope(sizes[::-1]) == pytest.approx(-2.0, abs=0.15)  # sigmoid' is 1/4 at most


@pytest.mark.ci
def test_selu_normalises_itself_on_lecuns_kernels():
    outputs, _ = deep("lecun_normal", "selu", seeds=2, scale=2.0, shift=0.5)
    means, variances = outputs.mean((0, 2, 3)), outputs.var((0, 2, 3))
    assert variances[0] > 1.5
    np.testing.assert_allclose(means[25:], 0.0, atol=0.1)
    np.testing.assert_allclose(variances[25:], 1.0, atol=0.2)
