"""Convolutional autoencoders: each way down against what it leaves of an image, and the errors that are measured."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.config import changed
from jaxgen.core.evaluation import evaluate
from jaxgen.core.types import Holdout, Refused
from jaxgen.ops.pooling import max_pool
from jaxgen.ops.unpooling import max_pool_with_switches, unpool, unpool_evenly, unpool_first
from jaxgen.techniques.autoencoders import convolutional_autoencoder

KEY, SHAPE = jax.random.key(0), (6, 5, 1)
# One convolution of 1x1 pixel: with the identity for every kernel only the halving and the doubling are left.
BARE = {"shape": SHAPE, "channels": "1", "side": 1, "activation": "linear", "code": "linear", "loss": "squared"}


def made(**fields):
    return convolutional_autoencoder.make(changed(convolutional_autoencoder.Config(), {**BARE, **fields}))


def images(count=7):
    return np.random.default_rng(0).uniform(size=(count, 30)).astype(np.float32)


def identity(technique):
    state = jax.jit(technique.init)(KEY)
    eye = lambda p: jnp.ones_like(p) if p.ndim == 4 else jnp.eye(*p.shape) if p.ndim == 2 else jnp.zeros_like(p)
    return state._replace(params=jax.tree.map(eye, state.params))


def measured(technique, state, x):
    holdout = Holdout({"image": jnp.asarray(x)}, lambda arrays, n: (arrays, jnp.ones(len(x), bool)), 1)
    return {name: metric.value for name, metric in evaluate(technique.evaluate, state, holdout, KEY).items()}


def inferred(technique, state, x):
    """What it infers of each image by name; what is decoded, of its code."""

    @jax.jit
    def every(state, x):
        mapped = {name: jax.vmap(function, (None, None, 0)) for name, function in technique.infer.items()}
        code = mapped["encode"](state, KEY, x)
        return {name: f(state, KEY, code if name == "decode" else x) for name, f in mapped.items()}

    return every(state, x)


WAYS = {  # flags -> images [N, H, W, 1] to the reconstruction by identities, with the switches, and without
    ("strided", 9, "first"): lambda x: (every_second(x), None),
    ("pooled", 6, "first"): lambda x: (unpool_first(max_pool(x), SHAPE[:2]), None),
    ("pooled", 6, "evenly"): lambda x: (unpool_evenly(max_pool(x), SHAPE[:2]), None),
    ("switches", 6, "evenly"): lambda x: (
        unpool(*max_pool_with_switches(x), SHAPE[:2]),
        unpool_evenly(max_pool(x), SHAPE[:2]),
    ),
}


def every_second(x):
    """Pixels of even rows and columns, the others 0."""
    kept = np.zeros_like(x)
    kept[:, ::2, ::2] = x[:, ::2, ::2]
    return kept


CASES = [pytest.param(way, marks=[] if "switches" in way else pytest.mark.ci) for way in WAYS]


@pytest.mark.parametrize("way", CASES, ids=lambda way: f"{way[0]}-{way[2]}")
def test_what_identities_leave_of_an_image(way):
    down, latent, unpooling = way
    technique, x = made(down=down, latent=latent, unpooling=unpooling), images()
    state = identity(technique)
    flat = lambda images: None if images is None else np.asarray(images).reshape(len(x), -1)
    left, alone = map(flat, WAYS[way](x.reshape(-1, *SHAPE)))
    values = inferred(technique, state, x)
    np.testing.assert_allclose(values["reconstruct"], left, rtol=1e-6)
    error = lambda restored: pytest.approx(np.square(restored - x).sum(1).mean(), rel=1e-5)
    expected = {"squared_error": error(left)}
    if alone is None:
        np.testing.assert_allclose(values["decode"], left, rtol=1e-6)
    else:
        expected["squared_error_without_switches"] = error(alone)
        np.testing.assert_allclose(values["decode"], alone, rtol=1e-6)
        np.testing.assert_array_equal(values["reconstruct_without_switches"], values["decode"])
    assert measured(technique, state, x) == expected


def test_images_are_halved_as_often_as_they_can_be():
    made(channels="2,2", shape=(4, 7, 3))
    with pytest.raises(
        Refused, match="--channels=2x3 halves images 3 times: they need at least 8 x 8 pixels, not 7 x 9"
    ):
        made(channels="2x3", shape=(7, 9, 1))
