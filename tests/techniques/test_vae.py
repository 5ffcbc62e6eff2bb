"""The VAE against what is known exactly."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear import linear_gaussian

from experiments.vae import PRESETS
from jaxgen.core import loop
from jaxgen.core.evaluation import evaluate
from jaxgen.core.types import Holdout, Source
from jaxgen.ops.distributions import kl_standard_normal, normal_log_likelihood, reparameterise
from jaxgen.techniques.autoencoders import vae

KEY = jax.random.key(0)
SMALL = vae.Config(shape=(4, 4, 1), latent=2, hidden=8)


def bound(mean, log_var, draws, seed=1):
    """-negative_elbo of the linear model for a diagonal posterior, averaged over draws: [50]."""
    w, b, sigma, x, *_ = linear_gaussian()
    mean, log_var = jnp.asarray(mean, jnp.float32), jnp.broadcast_to(jnp.asarray(log_var, jnp.float32), mean.shape)

    def one(key):
        z = reparameterise(jax.random.normal(key, mean.shape), mean, log_var)
        out = z @ jnp.asarray(w.T, jnp.float32) + jnp.asarray(b, jnp.float32)[None]
        terms = normal_log_likelihood(out, jnp.float32(np.log(sigma)), jnp.asarray(x, jnp.float32))
        return -vae.negative_elbo(vae.Terms(terms[None], jnp.zeros(()), kl_standard_normal(mean, log_var)))

    return np.asarray(jax.jit(lambda keys: jax.vmap(one)(keys).mean(0))(jax.random.split(jax.random.key(seed), draws)))


def test_elbo_of_a_linear_gaussian_model():
    """At the best diagonal posterior the bound misses log p(x) by the KL between the two posteriors, exactly."""
    *_, exact, mean, covariance = linear_gaussian()
    variance = 1 / np.diag(np.linalg.inv(covariance))  # of the diagonal Gaussian nearest in KL(q || p)
    gap = 0.5 * (np.linalg.slogdet(covariance)[1] - np.log(variance).sum())
    assert gap > 0.01
    np.testing.assert_allclose(bound(mean, np.log(variance), 20_000), exact - gap, atol=0.06)


@pytest.mark.ci
def test_gradient_of_the_kl_weight():
    """beta multiplies the KL and nothing else."""
    terms = vae.Terms(jnp.array([[-3.0]]), jnp.array([[-2.0]]), jnp.array([1.5]))
    for objective, expected in [("elbo", 1.5), ("iwae", 2.0)]:
        slope = jax.grad(lambda beta, bound=vae.OBJECTIVES[objective][0]: bound(terms, beta).sum())(1.0)
        assert float(slope) == pytest.approx(expected)


@pytest.mark.ci
@pytest.mark.parametrize(("network", "likelihood"), [("mlp", "gaussian"), ("conv", "greyscale")])
def test_shapes_and_ranges(network, likelihood):
    config = dataclasses.replace(SMALL, network=network, likelihood=likelihood, shape=(5, 7, 3))
    technique = vae.make(config)
    rng, image = np.random.default_rng(0), np.full(105, 200, np.uint8)
    state = jax.eval_shape(technique.init, KEY)
    state = state._replace(params=jax.tree.map(lambda a: rng.normal(size=a.shape).astype(a.dtype), state.params))
    inputs = {"encode": image, "decode": np.float32([-1.0, 2.0]), "sample": (), "reconstruct": image}
    assert inputs.keys() == technique.infer.keys()
    infer = jax.jit(lambda p, x: {k: technique.infer[k](state._replace(params=p), KEY, x[k]) for k in x})
    outs = infer(state.params, inputs)
    assert outs.pop("encode").shape == (2,)
    for out in outs.values():
        assert out.shape == (105,)
        assert float(out.min()) >= 0
        assert float(out.max()) <= 1


@pytest.mark.ci
def test_stochastic_pixels_are_drawn_anew_each_step():
    """With a decoder whose output does not depend on z, only drawn pixels make two steps differ."""
    grey = {"image": jnp.full((8, 16), 128, jnp.uint8)}
    state = jax.jit(vae.make(SMALL).init)(KEY)
    constant = jax.tree.map(lambda p: jnp.full_like(p, p.ndim == 1), state.params)
    for likelihood, varies in [("stochastic", True), ("static", False), ("greyscale", False)]:
        step = jax.jit(vae.make(dataclasses.replace(SMALL, likelihood=likelihood)).step)
        runs = [step(state._replace(step=n, params=constant), grey)[1] for n in range(4)]
        seen = {float(metrics[f"reconstruction_{likelihood}"]) for metrics in runs}
        assert (len(seen) > 1) is varies


@pytest.mark.ci
def test_gaussian_learns_its_standard_deviation():
    """Noise of standard deviation 0.1 around one image."""
    config = dataclasses.replace(SMALL, likelihood="gaussian", learning_rate=0.02)
    technique = vae.make(config)
    noise = 0.1 * jax.random.normal(KEY, (4096, 16))
    data = jnp.clip(jnp.linspace(0.4, 0.6, 16)[None] + noise, 0.0, 1.0)
    take = lambda arrays, key, n: {"image": arrays[jax.random.randint(jax.random.fold_in(key, n), (256,), 0, 4096)]}
    state = jax.jit(technique.init)(KEY)
    state, *_ = loop.chunk(technique.step, Source(data, take), state, 600, KEY)
    assert float(jnp.exp(state.params["log_sigma"])) == pytest.approx(0.1, rel=0.1)


@pytest.mark.ci
def test_evaluation_adds_up():
    """negative_elbo = reconstruction + KL, and masked examples do not count."""
    technique = vae.make(SMALL)
    state, batch = jax.jit(technique.init)(KEY), technique.example(KEY)
    half = lambda arrays, n: (arrays, jnp.arange(8) < 4)
    poisoned = {"image": batch["image"].at[4:].set(255)}
    one, other = (evaluate(technique.evaluate, state, Holdout(images, half, 1), KEY) for images in (batch, poisoned))
    assert one == other
    whole, *parts = (metric.value for metric in one.values())
    assert whole == pytest.approx(sum(parts), rel=1e-6)
    assert list(one) == ["negative_elbo_greyscale", "reconstruction_greyscale", "kl_greyscale"]
    assert {name: metric.definition for name, metric in one.items()} == technique.evaluate.definitions


@pytest.mark.ci
def test_bf16_computes_in_bfloat16_and_keeps_float32_parameters():
    plain, low = (vae.make(dataclasses.replace(SMALL, precision=p)) for p in ("float32", "bf16"))
    state = jax.jit(low.init)(KEY)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(state.params))
    image = jnp.arange(16, dtype=jnp.uint8) * 16
    exact, rounded = (t.infer["reconstruct"](state, KEY, image) for t in (plain, low))
    assert 0 < float(jnp.abs(exact - rounded).max()) < 0.05


@pytest.mark.ci
def test_activations_have_names():
    """Those of the layers, as their parameters; the last is the coder's output."""
    net, (x, noise) = vae.VAE(SMALL), (jnp.ones((3, 16)), jnp.ones((1, 3, 2)))
    variables = jax.jit(net.init)(KEY, x, noise)
    code, activations = jax.jit(lambda v: net.apply(v, x, method=lambda net, x: net.encoder(x)))(variables)
    assert {name: a.shape for name, a in activations.items()} == {
        **{"layers_0": (3, 8), "layers_1": (3, 8), "layers_2": (3, 4)},
    }
    np.testing.assert_array_equal(code, activations["layers_2"])
    np.testing.assert_array_equal(activations["layers_1"], np.maximum(activations["layers_0"], 0))
    assert variables["params"]["encoder"].keys() == {"layers_0", "layers_2"}


@pytest.mark.ci
def test_the_books_network():
    """Layers of Chollet & Allaire, section 8.4: kernels in the order of the text."""
    config = vae.Config(**{k: v for k, v in PRESETS["chollet"].items() if k in ("network", "latent")})
    params = jax.eval_shape(vae.make(config).init, KEY).params
    shapes = lambda part: [
        leaf.shape for path, leaf in jax.tree_util.tree_leaves_with_path(params[part]) if leaf.ndim > 1
    ]
    assert sorted(shapes("encoder")) == sorted(
        [(3, 3, 1, 32), (3, 3, 32, 64), (3, 3, 64, 64), (3, 3, 64, 64), (14 * 14 * 64, 32), (32, 4)]
    )
    assert sorted(shapes("decoder")) == sorted([(2, 14 * 14 * 64), (3, 3, 64, 32), (3, 3, 32, 1)])
