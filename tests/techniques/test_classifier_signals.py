"""What becomes of signals in the layers, forward and backward: by hand, and through fifty layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.config import changed
from jaxgen.techniques.vision import classifier, mlp

KEY, SMALL = jax.random.key(0), {"shape": (6, 6, 1), "labels": ("a", "b", "c")}
RNG = np.random.default_rng(0)
BATCH = {"image": RNG.integers(0, 256, (24, 36), np.uint8), "label": RNG.integers(0, 3, 24).astype(np.int32)}


def measured(**fields):
    """(parameters, statistics) before the first update."""
    config = changed(mlp.Config(), SMALL | fields)
    state = mlp.make(config).init(KEY)  # op by op: fifty equal layers are compiled once
    statistics = jax.jit(classifier.layer_statistics(mlp.network(config)))(state, KEY, BATCH)
    return jax.tree.map(np.asarray, (state.params, statistics))


@pytest.mark.ci
def test_two_layers_by_hand():
    """Of tanh(x W1 + b1) W2 + b2: gradients by the chain rule, in float64."""
    params, statistics = measured(hidden="7", activation="tanh")
    first, output = params["layer1"]["linear"], params["output"]
    x = np.float64(BATCH["image"]) / 255
    h = np.tanh(x @ first["kernel"] + first["bias"])
    logits = h @ output["kernel"] + output["bias"]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    error = (p - np.eye(3)[BATCH["label"]]) / 24  # of the mean cross-entropy in the logits
    kernels = x.T @ (error @ output["kernel"].T * (1 - h**2)), h.T @ error
    np.testing.assert_allclose(statistics["gradient"], [np.sqrt(np.mean(g**2)) for g in kernels], rtol=1e-4)
    np.testing.assert_allclose(statistics["mean"], [h.mean(), logits.mean()], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(statistics["spread"], [h.std(), logits.std()], rtol=1e-4)


@pytest.mark.ci
def test_a_gradient_of_nothing_is_0():
    """Of layers whose activations are all 0, whatever the method of computing its size."""
    config = changed(mlp.Config(), {**SMALL, "hidden": "5"})
    state = jax.jit(mlp.make(config).init)(KEY)
    dead = state.params | {"layer1": {"linear": {"kernel": jnp.zeros((36, 5)), "bias": jnp.full(5, -1.0)}}}
    statistics = jax.jit(classifier.layer_statistics(mlp.network(config)))(state._replace(params=dead), KEY, BATCH)
    assert np.asarray(statistics["gradient"]).tolist() == [0.0, 0.0]
    assert (statistics["mean"][0], statistics["spread"][0]) == (0.0, 0.0)


FIFTY = {
    "sigmoid, Xavier": dict(activation="sigmoid", initializer="xavier_uniform"),
    "ReLU, He": dict(activation="relu", initializer="he_uniform"),
    "sigmoid, batch norm": dict(activation="sigmoid", initializer="xavier_uniform", batch_norm=True),
}


@pytest.mark.ci
@pytest.mark.parametrize("name", FIFTY)
def test_fifty_layers(name):
    """Sigmoids lose the gradient on its way down, a factor of 4 in each layer and 1e-32 in all.

    ReLUs that start as He et al. have it, and sigmoids after batch normalisation, keep it: at widths of 16 to 100 the
    first layer has 0.2 to 6 times the output's (three seeds each), and the bounds are wider.
    """
    _, statistics = measured(hidden="24x50", **FIFTY[name])
    gradient, spread = statistics["gradient"], statistics["spread"]
    assert gradient.shape == spread.shape == (51,)
    share = np.float64(gradient[0]) / gradient[-1]
    if name == "sigmoid, Xavier":
        assert 0 < share < 1e-25, "lost, but not squared away to nothing"
        assert (gradient[:-1] < gradient[1:]).all(), "it falls in every layer"
        steps = gradient[1:] / gradient[:-1]
        assert 3 < np.exp(np.log(steps[5:45]).mean()) < 6
    else:
        assert 1e-2 < share < 1e2
        assert gradient.max() / gradient.min() < 1e3
    if name == "sigmoid, batch norm":
        np.testing.assert_allclose(spread[:-1], 0.21, atol=0.02)  # of the sigmoid of a standard normal: 0.208
