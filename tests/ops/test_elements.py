"""Losses and errors of tokens, pixels and movements against the formulas, element by element."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from jaxgen.ops import elements

RNG = np.random.default_rng(0)


def test_tokens_cost_what_their_probability_says():
    outputs, target = RNG.normal(size=(3, 4, 5)).astype(np.float32), RNG.integers(0, 5, (3, 4)).astype(np.int32)
    probability = np.take_along_axis(special.softmax(outputs.astype(np.float64), -1), target[..., None], -1)[..., 0]
    np.testing.assert_allclose(elements.nats("tokens", outputs, target), -np.log(probability), rtol=1e-5)


def test_pixels_cost_the_cross_entropy_of_a_row():
    outputs, target = RNG.normal(size=(3, 6)).astype(np.float32), RNG.uniform(size=(3, 6)).astype(np.float32)
    p = special.expit(outputs.astype(np.float64))
    expected = -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum(-1)
    np.testing.assert_allclose(elements.nats("pixels", outputs, target), expected, rtol=1e-5)


def test_movements_cost_a_normal_density_and_the_lift():
    outputs = RNG.normal(size=(5, 3)).astype(np.float32)
    target = np.concatenate([RNG.normal(size=(5, 2)), RNG.integers(0, 2, (5, 1))], 1).astype(np.float32)
    density = stats.norm.logpdf(target[:, :2], outputs[:, :2]).sum(1) + np.log(2 * np.pi)
    lift = stats.bernoulli.logpmf(target[:, 2], special.expit(outputs[:, 2].astype(np.float64)))
    np.testing.assert_allclose(elements.nats("movements", outputs, target), -density - lift, rtol=1e-4)


@pytest.mark.parametrize("kind", ["tokens", "movements"])
def test_the_likeliest_element_costs_least(kind):
    outputs = jnp.asarray(RNG.normal(size=(7, 3)), jnp.float32)
    best = elements.likeliest(kind, outputs)
    assert float(elements.missed(kind, best, best).sum()) == 0
    worse = (best + 1) % 3 if kind == "tokens" else 1.0 - best
    assert bool(jnp.all(elements.nats(kind, outputs, best) <= elements.nats(kind, outputs, worse)))
    assert float(elements.missed(kind, worse, best).sum()) > 0


def test_shades_are_the_probabilities_that_cost_least():
    outputs = jnp.asarray(RNG.normal(size=(7, 3)), jnp.float32)
    shades = elements.likeliest("pixels", outputs)
    slope = jax.grad(lambda o: elements.nats("pixels", o, shades).sum())(outputs)
    np.testing.assert_allclose(slope, 0.0, atol=1e-6)
    np.testing.assert_allclose(elements.missed("pixels", shades, shades + 0.1), 0.03, rtol=1e-5)


def test_a_sequence_is_flipped_within_its_length():
    x = jnp.arange(5)
    assert elements.flipped(x, jnp.int32(3)).tolist() == [2, 1, 0, 3, 4]
    assert jnp.array_equal(elements.flipped(elements.flipped(x, jnp.int32(4)), jnp.int32(4)), x)


def test_bytes_become_shades():
    assert elements.values("pixels", np.array([0, 255], np.uint8)).tolist() == [0.0, 1.0]
    assert elements.values("tokens", np.array([7], np.uint8)).dtype == jnp.int32
    assert jax.dtypes.issubdtype(elements.values("movements", np.zeros(2, np.float32)).dtype, jnp.floating)
