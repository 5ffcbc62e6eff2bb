"""Energies, conditionals and gradients against enumeration of a machine of 4 and 3 units."""

import itertools

import jax
import numpy as np
import pytest

from jaxgen.ops import boltzmann
from jaxgen.ops.annealed_importance import pseudo_log_likelihood
from jaxgen.ops.boltzmann import Machine, Units

D, H = 4, 3
BINARY = Units()
compiled = lambda function: jax.jit(function, static_argnums=0)
energy, free_energy, hidden_mean, visible_input, visible_mean, contrastive = (
    compiled(getattr(boltzmann, name))
    for name in ("energy", "free_energy", "hidden_mean", "visible_input", "visible_mean", "contrastive")
)


def machine(seed=0, visible=D, dtype=np.float32):
    draw = np.random.default_rng(seed).normal
    return Machine(*(np.asarray(draw(size=shape), dtype) for shape in ((visible, H), (visible,), (H,))))


def settings(units, dtype=np.float32):
    return np.array(list(itertools.product([0, 1], repeat=units)), dtype)


def log_sum(x, axis=None):
    return np.log(np.exp(np.asarray(x, np.float64)).sum(axis))


def softmax(x, axis=-1):
    x = np.exp(np.asarray(x, np.float64))
    return x / x.sum(axis, keepdims=True)


def joint(m, x, h):
    """log of the unnormalised p(x, h) [len(x), len(h)], written down anew."""
    return (x @ m.visible_bias)[:, None] + (h @ m.hidden_bias)[None] + x @ m.kernel @ h.T


def test_free_energy_and_conditionals_are_those_of_the_enumerated_joint():
    with jax.enable_x64(True):
        m = machine(dtype=np.float64)
        x, h = settings(D, np.float64), settings(H, np.float64)
        logs = joint(m, x, h)
        free = free_energy(BINARY, m, x)
        np.testing.assert_allclose(free, -log_sum(logs, axis=1), atol=1e-6)
        p = softmax(logs, axis=None)
        np.testing.assert_allclose(hidden_mean(BINARY, m, x), p @ h / p.sum(1)[:, None], atol=1e-6)
        means = visible_mean(BINARY, visible_input(BINARY, m, h))
        np.testing.assert_allclose(means, p.T @ x / p.sum(0)[:, None], atol=1e-6)
        np.testing.assert_allclose(energy(BINARY, m, x[5:9], h[2:6]), -np.diag(logs[5:9, 2:6]), atol=1e-6)


def test_gradient_is_the_lectures_difference_of_products():
    m, x, negative = machine(), settings(D)[3:8], settings(D)[7:12]
    gradient = jax.jit(jax.grad(lambda m: contrastive(BINARY, m, x, negative)))(m)
    h, other = (hidden_mean(BINARY, m, each) for each in (x, negative))
    expected = Machine(x.T @ h - negative.T @ other, (x - negative).sum(0), (h - other).sum(0))
    for ours, theirs in zip(gradient, expected):
        np.testing.assert_allclose(ours, -theirs / len(x), atol=1e-6)


def test_long_chains_have_the_gradient_of_the_likelihood():
    m, x, all_x = machine(), settings(D)[[1, 6, 6, 11]], settings(D)

    def negative_log_likelihood(m):
        free = free_energy(BINARY, m, all_x)
        return free_energy(BINARY, m, x).mean() + jax.nn.logsumexp(-free)

    begun = np.repeat(x, 5_000, axis=0)

    @jax.jit
    def gradients(m):
        negative = boltzmann.chains(BINARY, m, jax.random.key(0), begun, 60)
        sampled = jax.grad(lambda m: contrastive(BINARY, m, begun, negative))(m)
        return sampled, jax.grad(negative_log_likelihood)(m)

    for ours, theirs in zip(*gradients(m)):
        np.testing.assert_allclose(ours, theirs, atol=0.02)  # 20,000 chains: standard errors below 0.004


def test_gibbs_sampling_leaves_the_distribution_as_it_is():
    m, all_x = machine(1), settings(D)
    p = softmax(-free_energy(BINARY, m, all_x))
    x = all_x[np.random.default_rng(1).choice(2**D, 40_000, p=p)]
    after = jax.jit(lambda x: boltzmann.gibbs(BINARY, m, jax.random.key(2), x))(x)
    counts = np.bincount((np.asarray(after) @ 2 ** np.arange(D - 1, -1, -1)).astype(int), minlength=2**D)
    expected = 40_000 * p
    assert ((counts - expected) ** 2 / expected).sum() < 44.3  # chi-squared of 15 degrees of freedom, 1 in 10,000


def test_gaussian_visible_units_integrate_over_a_grid():
    units, m = Units("gaussian", sigma=0.5), machine(2, visible=1)
    x = np.linspace(-9.0, 9.0, 6001, dtype=np.float32)[:, None]
    h = settings(H)
    logs = -np.stack([energy(units, m, x, np.tile(each, (len(x), 1))) for each in h], 1)
    np.testing.assert_allclose(-free_energy(units, m, x), log_sum(logs, 1), rtol=1e-4, atol=1e-3)
    p = softmax(logs, axis=0)
    np.testing.assert_allclose(visible_input(units, m, h)[:, 0], (p * x).sum(0), atol=1e-3)
    np.testing.assert_allclose(np.sqrt((p * x**2).sum(0) - (p * x).sum(0) ** 2), 0.5, atol=1e-3)


def test_linear_hidden_units_integrate_over_a_grid():
    units, m = Units(hidden="linear"), machine(3)
    one = Machine(m.kernel[:, :1], m.visible_bias, m.hidden_bias[:1])
    x, h = settings(D), np.linspace(-15.0, 15.0, 6001, dtype=np.float32)
    spacing = float(h[1] - h[0])
    logs = -np.stack([energy(units, one, each[None].repeat(len(h), 0), h[:, None]) for each in x])
    total = log_sum(logs, 1) + np.log(spacing)
    np.testing.assert_allclose(-free_energy(units, one, x), total, atol=1e-3)
    np.testing.assert_allclose(hidden_mean(units, one, x)[:, 0], softmax(logs) @ h, atol=1e-3)


def test_classes_are_one_softmax_unit():
    units, m = Units(classes=2), machine(4)
    inputs = visible_input(units, m, settings(H))
    np.testing.assert_allclose(visible_mean(units, inputs)[:, 2:].sum(-1), 1.0, atol=1e-6)
    drawn = jax.jit(lambda key: boltzmann.sample_visible(units, key, inputs))(jax.random.key(0))
    np.testing.assert_array_equal(drawn[:, 2:].sum(-1), 1.0)
    pixels = settings(2)
    free = lambda c: free_energy(units, m, np.concatenate([pixels, np.eye(2, dtype=np.float32)[[c] * 4]], 1))
    expected = np.log(softmax(-np.stack([free(0), free(1)], 1)))
    np.testing.assert_allclose(
        jax.jit(lambda pixels: boltzmann.class_log_probabilities(units, m, pixels))(pixels), expected, atol=1e-5
    )


def test_counts_are_drawn_from_one_distribution():
    units, m = Units("counts", words=5), machine(6)
    inputs = np.tile(visible_input(units, m, settings(H)[3:4]), (20_000, 1))
    drawn = np.asarray(jax.jit(lambda key: boltzmann.sample_visible(units, key, inputs))(jax.random.key(0)))
    p = softmax(inputs[0])
    np.testing.assert_array_equal(drawn.sum(1), 5)
    np.testing.assert_allclose(visible_mean(units, inputs[:1])[0], 5 * p, rtol=1e-5)
    np.testing.assert_allclose(drawn.mean(0), 5 * p, atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), 5 * (np.diag(p) - np.outer(p, p)), atol=0.05)


@pytest.mark.slow
def test_free_energy_and_pseudo_likelihood_are_scikit_learns():
    sklearn = pytest.importorskip("sklearn.neural_network")
    m, x = machine(5), settings(D)
    other = sklearn.BernoulliRBM(n_components=H, random_state=7)
    other.components_, other.intercept_visible_, other.intercept_hidden_ = (
        np.asarray(each) for each in (m.kernel.T, m.visible_bias, m.hidden_bias)
    )
    other.n_features_in_ = D
    np.testing.assert_allclose(free_energy(BINARY, m, x), other._free_energy(np.asarray(x)), atol=1e-5)
    flipped = np.random.RandomState(7).randint(0, D, len(x))  # the unit of each example that it draws
    theirs = other.score_samples(x)
    ours = jax.jit(pseudo_log_likelihood, static_argnums=0)(BINARY, m, x, flipped[None].astype(np.int32))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
