"""Autoencoders against what is known exactly: PCA, tied gradients, penalties, metrics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from contract import keeps_gradients
from scipy.linalg import subspace_angles

from jaxgen.core import loop
from jaxgen.core.config import changed
from jaxgen.core.evaluation import evaluate
from jaxgen.core.types import Holdout, Refused, Source
from jaxgen.optim.settings import Settings, chosen
from jaxgen.techniques.autoencoders import contractive, denoising, dense_autoencoder, sparse

KEY = jax.random.key(0)
SMALL = {"shape": (3, 4, 1), "latent": 3}
LINEAR = {**SMALL, "activation": "linear", "code": "linear", "loss": "squared"}


def made(module, optimizer=None, **fields):
    return module.make(changed(module.Config(), {**SMALL, **fields}), *([optimizer] if optimizer else []))


def images(count=64, seed=0):
    """Float images [N, 12] in [0, 1] around one mean, whose principal components have well separated variances."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    x = rng.uniform(-1, 1, (count, 12)) * np.array([0.5, 0.35, 0.25, *np.full(9, 0.03)])
    return np.clip(0.5 + x @ basis.T, 0.0, 1.0).astype(np.float32)


def random(technique, seed=1):
    """A State with random parameters."""
    state, rng = jax.jit(technique.init)(KEY), np.random.default_rng(seed)
    return state._replace(params=jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape), p.dtype), state.params))


def measured(technique, state, x, mask=None):
    mask = jnp.ones(len(x), bool) if mask is None else mask
    holdout = Holdout({"image": jnp.asarray(x)}, lambda arrays, n: (arrays, mask), 1)
    return {name: metric.value for name, metric in evaluate(technique.evaluate, state, holdout, KEY).items()}


@pytest.mark.parametrize("tied", [False, pytest.param(True, marks=pytest.mark.ci)])
def test_a_linear_one_spans_the_space_of_the_principal_components(tied):
    """Trained to convergence: largest angle between decoded codes and PCA's space, and PCA's error."""
    x, steps = images(), 12_000
    optimizer = chosen("adam", Settings(schedule="cosine"), total=steps)
    technique = made(dense_autoencoder, optimizer, **LINEAR, tied=tied, learning_rate=0.05)
    source = Source({"image": jnp.asarray(x)}, lambda arrays, key, n: arrays)
    state, *_ = loop.chunk(technique.step, source, jax.jit(technique.init)(KEY), steps, KEY)
    centred = x.astype(np.float64) - x.mean(0, dtype=np.float64)
    _, values, components = np.linalg.svd(centred, full_matrices=False)
    params = state.params
    kernel = params["encoder_0"]["kernel"] if tied else params["decoder_0"]["kernel"].T
    assert subspace_angles(np.asarray(kernel, np.float64), components[:3].T).max() < 1e-3
    assert measured(technique, state, x)["squared_error"] == pytest.approx((values[3:] ** 2).sum() / len(x), rel=1e-4)


def test_tied_gradients_are_the_sum_of_the_untied_ones():
    fields = {"hidden": "5", "activation": "tanh"}
    tied, untied = (
        made(dense_autoencoder, keeps_gradients, **fields, tied=True),
        made(dense_autoencoder, keeps_gradients, **fields),
    )
    batch, state = (
        {"image": jnp.asarray(images())},
        random(made(dense_autoencoder, keeps_gradients, **fields, tied=True)),
    )
    constrained = {name: dict(layer) for name, layer in state.params.items()}
    for n in range(2):
        constrained[f"decoder_{n}"]["kernel"] = state.params[f"encoder_{1 - n}"]["kernel"].T
    ours = jax.jit(tied.step)(state, batch)[0].opt
    theirs = jax.jit(untied.step)(state._replace(params=constrained, opt=constrained), batch)[0].opt
    for n in range(2):
        both = theirs[f"encoder_{n}"]["kernel"] + theirs[f"decoder_{1 - n}"]["kernel"].T
        np.testing.assert_allclose(ours[f"encoder_{n}"]["kernel"], both, rtol=1e-4, atol=1e-5)
        for part in ("encoder", "decoder"):
            np.testing.assert_allclose(ours[f"{part}_{n}"]["bias"], theirs[f"{part}_{n}"]["bias"], rtol=1e-4, atol=1e-5)


@pytest.mark.ci
def test_codes_and_reconstructions_of_one_sigmoid_layer_by_hand():
    technique = made(dense_autoencoder, latent=5, activation="sigmoid")
    state, x = random(technique), images(4)
    p = jax.tree.map(lambda a: np.asarray(a, np.float64), state.params)
    sigmoid = lambda a: 1 / (1 + np.exp(-a))
    code = sigmoid(x @ p["encoder_0"]["kernel"] + p["encoder_0"]["bias"])
    mean = sigmoid(code @ p["decoder_0"]["kernel"] + p["decoder_0"]["bias"])
    infer = {name: jax.vmap(f, (None, None, 0)) for name, f in technique.infer.items()}
    np.testing.assert_allclose(infer["encode"](state, KEY, x), code, rtol=1e-5)
    np.testing.assert_allclose(infer["decode"](state, KEY, np.float32(code)), mean, rtol=1e-5)
    np.testing.assert_allclose(infer["reconstruct"](state, KEY, x), mean, rtol=1e-5)
    values = measured(technique, state, x)
    entropy = -(x * np.log(mean) + (1 - x) * np.log(1 - mean)).sum(1)
    assert values["cross_entropy"] == pytest.approx(entropy.mean(), rel=1e-4)
    assert values["squared_error"] == pytest.approx(np.square(mean - x).sum(1).mean(), rel=1e-4)


def test_the_sparsity_of_a_set_is_that_of_its_mean_activation():
    """Not a mean over batches of it; images that only fill up do not count. In training: of the batch."""
    technique, x = made(sparse, latent=5, target=0.2, sparsity_weight=2.0), images(8)
    state = random(technique)
    mean = np.asarray(jax.vmap(technique.infer["encode"], (None, None, 0))(state, KEY, x[:6]), np.float64).mean(0)
    kl = (0.2 * np.log(0.2 / mean) + 0.8 * np.log(0.8 / (1 - mean))).sum()
    assert measured(technique, state, x, jnp.arange(8) < 6)["kl_activations"] == pytest.approx(kl, rel=1e-4)
    _, metrics = jax.jit(technique.step)(state, {"image": jnp.asarray(x[:6])})
    assert metrics["kl_activations"] == pytest.approx(kl, rel=1e-4)
    assert metrics["loss"] == pytest.approx(float(metrics["cross_entropy"]) + 2 * kl, rel=1e-5)


@pytest.mark.ci
def test_k_of_a_code_are_kept_wherever_it_is_computed():
    technique = made(sparse, sparsity="largest", k=2, latent=6, code="linear")
    state, x = random(technique), images(5)
    codes = np.asarray(jax.vmap(technique.infer["encode"], (None, None, 0))(state, KEY, x))
    p = state.params["encoder_0"]
    whole = x @ np.asarray(p["kernel"]) + np.asarray(p["bias"])
    order = np.argsort(-whole, axis=1)
    assert ((codes != 0).sum(1) == 2).all()
    kept = np.take_along_axis(whole, order[:, :2], 1)
    np.testing.assert_allclose(np.take_along_axis(codes, order[:, :2], 1), kept, rtol=1e-4, atol=1e-5)
    with pytest.raises(Refused, match="--k=7 activations cannot be kept of a code of --latent=6"):
        made(sparse, sparsity="largest", k=7, latent=6)
    with pytest.raises(Refused, match="--activation=sigmoid and --code=activated"):
        made(sparse, code="linear")


@pytest.mark.ci
def test_a_denoising_one_is_compared_with_clean_images():
    """Half of the pixels masked: what is encoded differs, what is compared does not."""
    technique, x = made(denoising, corrupted=0.5, loss="squared"), images(200)
    state = random(technique)
    values = measured(technique, state, x)
    assert next(iter(values)) == "squared_error_restored"
    # Of the squares of all pixels, about half are lost.
    assert values["squared_error_corrupted"] == pytest.approx(0.5 * np.square(x).sum(1).mean(), rel=0.05)
    reconstruct = jax.vmap(technique.infer["reconstruct"], (None, 0, 0))
    keys = jax.random.split(KEY, len(x))
    clean = np.square(reconstruct(state, keys, x) - x).sum(1).mean()
    assert values["squared_error"] == pytest.approx(clean, rel=1e-4)
    seen = jax.vmap(technique.infer["corrupt"], (None, 0, 0))(state, keys, x)
    restored = np.square(reconstruct(state, keys, seen) - x).sum(1).mean()
    assert values["squared_error_restored"] == pytest.approx(restored, rel=0.1)
    with_none = measured(made(denoising, corrupted=0.0, loss="squared"), state, x)
    assert with_none["squared_error_restored"] == pytest.approx(clean, rel=1e-4)
    steps = [jax.jit(technique.step)(state._replace(step=jnp.int32(n)), {"image": jnp.asarray(x)})[1] for n in (0, 1)]
    assert steps[0]["squared_error_corrupted"] != steps[1]["squared_error_corrupted"]


@pytest.mark.parametrize(
    "fields",
    [{}, pytest.param({"hidden": "4", "activation": "tanh"}, marks=pytest.mark.ci)],
    ids=["closed", "rows"],
)
def test_the_contraction_is_the_jacobian_of_the_code(fields):
    technique, x = made(contractive, contraction=0.5, **fields), images(6)
    state = random(technique)
    encode = lambda x: technique.infer["encode"](state, KEY, x)
    exact = np.square(jax.jit(jax.vmap(jax.jacrev(encode)))(x)).sum((1, 2)).mean()
    assert measured(technique, state, x)["jacobian"] == pytest.approx(exact, rel=1e-5)
    _, metrics = jax.jit(technique.step)(state, {"image": jnp.asarray(x)})
    assert metrics["loss"] == pytest.approx(float(metrics["cross_entropy"]) + 0.5 * exact, rel=1e-5)
    estimate = made(contractive, jacobian="hutchinson", **fields)
    assert measured(estimate, state, np.tile(x, (500, 1)))["jacobian"] == pytest.approx(exact, rel=0.05)
