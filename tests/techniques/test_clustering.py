"""Clusters of codes against NumPy and the paper's closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from contract import keeps_gradients

from jaxgen.core.config import changed
from jaxgen.core.types import Refused
from jaxgen.techniques.autoencoders import clustering, denoising
from jaxgen.techniques.autoencoders.clustering import divergence, soft_assignment, target_distribution

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
CODES, CENTRES = RNG.normal(size=(7, 3)), RNG.normal(size=(4, 3))
SMALL = {"shape": (3, 4, 1), "latent": 3, "hidden": "5", "clusters": 4}


def q_of(codes, centres, freedom):
    kernel = (1 + np.square(codes[:, None] - centres[None]).sum(-1) / freedom) ** (-(freedom + 1) / 2)
    return kernel / kernel.sum(1, keepdims=True)


def p_of(q, frequency):
    weight = q**2 / frequency
    return weight / weight.sum(1, keepdims=True)


@pytest.mark.parametrize("freedom", [1.0, pytest.param(3.0, marks=pytest.mark.ci)])
def test_assignments_and_targets_are_the_papers(freedom):
    q = q_of(CODES, CENTRES, freedom)
    ours = jnp.exp(soft_assignment(np.float32(CODES), np.float32(CENTRES), freedom))
    np.testing.assert_allclose(ours, q, rtol=1e-4)
    p = p_of(q, q.sum(0))
    np.testing.assert_allclose(target_distribution(ours, ours.sum(0)), p, rtol=1e-4)
    np.testing.assert_allclose(target_distribution(ours, ours.mean(0)), p, rtol=1e-4)  # up to a factor
    kl = (p * np.log(p / q)).sum(1)
    np.testing.assert_allclose(divergence(jnp.float32(p), jnp.log(jnp.float32(q))), kl, rtol=1e-3)
    assert divergence(jnp.float32([[1.0, 0.0]]), jnp.log(jnp.float32([[0.5, 0.5]]))) == pytest.approx(np.log(2))


@pytest.mark.parametrize("freedom", [1.0, pytest.param(3.0, marks=pytest.mark.ci)])
def test_the_gradient_is_that_of_equations_4_and_5(freedom):
    """With constant targets, of the sum over images."""
    q = q_of(CODES, CENTRES, freedom)
    p = p_of(q, q.sum(0))
    total = lambda codes, centres: divergence(jnp.float32(p), soft_assignment(codes, centres, freedom)).sum()
    of_codes, of_centres = jax.jit(jax.grad(total, (0, 1)))(jnp.float32(CODES), jnp.float32(CENTRES))
    apart = CODES[:, None] - CENTRES[None]
    pull = ((p - q) / (1 + np.square(apart).sum(-1) / freedom))[..., None] * apart * (freedom + 1) / freedom
    np.testing.assert_allclose(of_codes, pull.sum(1), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(of_centres, -pull.sum(0), rtol=1e-3, atol=1e-5)


def made(**fields):
    config = changed(clustering.Config(), {**SMALL, **fields})
    return config, clustering.make(config, keeps_gradients)


def test_targets_are_constants_and_frequencies_running_averages():
    """The step's gradient of the centres is equation 5's, over B, with targets of the averaged frequencies."""
    _, technique = made(reconstruction=0.0, averaging=0.9)
    state, batch = jax.jit(technique.init)(KEY), jax.jit(technique.example)(KEY)
    after, metrics = jax.jit(technique.step)(state, batch)
    codes = np.asarray(
        jax.jit(jax.vmap(technique.infer["encode"], (None, None, 0)))(state, KEY, batch["image"]), np.float64
    )
    centres = np.asarray(state.params["centres"], np.float64)
    q = q_of(codes, centres, 1.0)
    np.testing.assert_allclose(
        jax.vmap(technique.infer["assign"], (None, None, 0))(state, KEY, batch["image"]), q, rtol=1e-3
    )
    frequency = 0.9 * 0.25 + 0.1 * q.mean(0)
    np.testing.assert_allclose(after.carry["frequency"], frequency, rtol=1e-4)
    p, apart = p_of(q, frequency), codes[:, None] - centres[None]
    pull = ((p - q) / (1 + np.square(apart).sum(-1)))[..., None] * apart * 2
    np.testing.assert_allclose(after.opt["centres"], -pull.sum(0) / len(codes), rtol=1e-3, atol=1e-5)
    assert float(metrics["loss"]) == pytest.approx((p * np.log(p / q)).sum(1).mean(), rel=1e-3)
    assert not any(
        np.any(leaf) for name in ("decoder_0", "decoder_1") for leaf in after.opt["autoencoder"][name].values()
    )


@pytest.mark.ci
def test_it_starts_from_an_autoencoder_and_centres_of_its_codes():
    config, technique = made()
    before = denoising.make(clustering.pretraining(config))
    previous, image = jax.jit(before.init)(KEY), RNG.random((40, 12), np.float32)
    adopt = clustering.adopting(config, technique.init)
    state = jax.jit(adopt)(previous, KEY, {"image": image})
    jax.tree.map(np.testing.assert_array_equal, state.params["autoencoder"], previous.params)
    encode = lambda kind, state: np.asarray(jax.vmap(kind.infer["encode"], (None, None, 0))(state, KEY, image))
    codes = encode(before, previous)
    np.testing.assert_array_equal(encode(technique, state), codes)
    centres = np.asarray(state.params["centres"])
    nearest = np.square(codes[:, None] - centres[None]).sum(-1).argmin(1)
    means = np.stack([codes[nearest == n].mean(0) for n in range(4)])
    np.testing.assert_allclose(centres, means, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(state.carry["frequency"], q_of(codes, centres, 1.0).mean(0), rtol=1e-3)
    with pytest.raises(Refused, match="--clusters=4 are more than the 3 training images"):
        adopt(previous, KEY, {"image": image[:3]})
    with pytest.raises(Refused, match="--resident_mb must hold them"):
        adopt(previous, KEY, ())
