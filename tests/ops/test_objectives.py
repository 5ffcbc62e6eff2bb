"""Each objective against numpy, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops import objectives as o

RNG = np.random.default_rng(0)
MAPS, LOGITS = RNG.standard_normal((2, 4, 5, 3)).astype(np.float32), RNG.standard_normal((2, 6)).astype(np.float32)
VECTOR, TARGET, STYLE = (RNG.standard_normal(s).astype(np.float32) for s in ((3,), (4, 5, 3), (3, 3)))
ACTIVATIONS = {"mixed": jnp.asarray(MAPS), "logits": jnp.asarray(LOGITS)}


def grams(x):
    flat = x.reshape(len(x), -1, x.shape[-1])
    return flat.transpose(0, 2, 1) @ flat


def dissimilarity(x):
    a, b = grams(x)
    return 1 - (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)


CASES = {
    "neuron": (o.neuron("mixed", 1), MAPS[:, 2, 2, 1].mean()),
    "neuron at a position": (o.neuron("mixed", 2, (3, 0)), MAPS[:, 3, 0, 2].mean()),
    "channel": (o.channel("mixed", 1), MAPS[..., 1].mean()),
    "unit": (o.channel("logits", 4), LOGITS[:, 4].mean()),
    "direction": (o.direction("mixed", VECTOR), (MAPS * VECTOR).sum(-1).mean()),
    "layer": (o.layer("mixed"), (MAPS**2).mean()),
    "logit": (o.logit("logits", 5), LOGITS[:, 5].mean()),
    "content": (o.content("mixed", TARGET), ((MAPS - TARGET) ** 2).sum() / 2),
    "style": (o.style("mixed", STYLE, 20.0), ((grams(MAPS) / 20 - STYLE) ** 2).sum() / 2),
    "diversity": (o.diversity("mixed"), dissimilarity(MAPS)),
}


def test_objectives_are_those_of_numpy():
    weights = np.linspace(-1, 2, len(CASES))
    total = o.total([(float(w), each) for w, (each, _) in zip(weights, CASES.values())])
    single = lambda activations: {name: each(activations) for name, (each, _) in CASES.items()}
    found, weighted = jax.jit(lambda activations: (single(activations), total(activations)))(ACTIVATIONS)
    for name, (_, expected) in CASES.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(weighted, sum(w * e for w, (_, e) in zip(weights, CASES.values())), rtol=1e-5)


@pytest.mark.ci
def test_one_program_serves_all_channels():
    both = lambda n: o.channel("mixed", n)(ACTIVATIONS) + o.neuron("mixed", n)(ACTIVATIONS)
    found = jax.jit(jax.vmap(both))(jnp.arange(3))
    np.testing.assert_allclose(found, MAPS.mean((0, 1, 2)) + MAPS[:, 2, 2].mean(0), rtol=1e-5)


@pytest.mark.ci
def test_diversity_is_of_different_images():
    diversity = jax.jit(jax.value_and_grad(lambda x: o.diversity("x")({"x": x})))
    same = np.concatenate([MAPS[:1]] * 3)
    np.testing.assert_allclose(diversity(same)[0], 0.0, atol=1e-6)
    apart = np.eye(3, dtype=np.float32)[:, None, None] + np.zeros_like(same)  # each image another channel
    np.testing.assert_allclose(diversity(apart)[0], 1.0, atol=1e-6)
    value, slope = diversity(np.zeros_like(same))
    assert float(value) == 1.0
    assert np.isfinite(slope).all()


REFUSED = {
    "no activations of 'mixed4': there are mixed, logits": o.layer("mixed4"),
    "channels go from 0 to 2, not to 3": o.channel("mixed", 3),
    "channels go from 0 to 2, not to -1": o.neuron("mixed", -1),
    "rows go from 0 to 3, not to 4": o.neuron("mixed", 0, (4, 0)),
    "classes go from 0 to 5, not to 6": o.logit("logits", 6),
    "logits has 2 axes, not 4": o.diversity("logits"),
    r"a vector of mixed is \(3,\), not \(2,\)": o.direction("mixed", np.ones(2)),
    r"one image of mixed is \(4, 5, 3\), the target \(5, 4, 3\)": o.content("mixed", np.ones((5, 4, 3))),
    r"Gram matrices of mixed are \(3, 3\), not \(2, 2\)": o.style("mixed", np.ones((2, 2))),
}


@pytest.mark.ci
@pytest.mark.parametrize("text", REFUSED)
def test_what_does_not_fit_is_refused(text):
    with pytest.raises(ValueError, match=text):
        REFUSED[text](ACTIVATIONS)


@pytest.mark.ci
def test_one_image_has_no_diversity():
    with pytest.raises(ValueError, match="two images or more"):
        o.diversity("mixed")({"mixed": ACTIVATIONS["mixed"][:1]})
