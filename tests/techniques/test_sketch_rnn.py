"""Sketch-RNN: padding changes nothing, drawing feeds what training decodes, and the floor of the KL has no gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.core.config import changed
from jaxgen.core.evaluation import evaluate
from jaxgen.core.types import Holdout
from jaxgen.nets import pen_cells
from jaxgen.ops.dense import EPSILON
from jaxgen.optim.textbook import adam, sgd
from jaxgen.techniques.strokes import sketch_rnn

KEY = jax.random.key(0)
SMALL = {"longest": 7, "encoder": 5, "decoder": 6, "latent": 3, "mixtures": 2, "dropout": 0.0, "stretch": 0.0}


def made(**fields):
    """Config, Technique, and a State whose outputs are not near 0."""
    config = changed(sketch_rnn.Config(), {**SMALL, **fields})
    technique = sketch_rnn.make(config, sgd)
    state = jax.jit(technique.init)(KEY)
    return config, technique, state._replace(params=jax.tree.map(lambda a: 1.5 * a, state.params))


def batch(longest=7):
    """Two drawings, of 4 and 6 points, whose padding is not zero."""
    strokes = np.random.default_rng(0).normal(size=(2, 7, 3)).astype(np.float32)
    strokes[..., 2] = strokes[..., 2] > 0.5
    more = np.full((2, longest - 7, 3), 5.0, np.float32)
    return {"strokes": np.concatenate([strokes, more], 1), "length": np.array([4, 6], np.int32)}


def test_a_longer_padding_changes_nothing():
    results = []
    for longest in (7, 11):
        _, technique, state = made(longest=longest)
        one = jax.tree.map(lambda a: a[0], batch(longest))
        code = jax.jit(technique.infer["encode"])(state, KEY, one)
        moved, metrics = jax.jit(technique.step)(state, batch(longest))
        results.append((code, metrics["loss"], metrics["kl"], *jax.tree.leaves(moved.params)))
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_the_encoder_reads_both_ways():
    """Its backward half at a drawing is its forward half, with the same weights, at the drawing from end to start."""
    config, _, state = made()
    net, params = sketch_rnn.network(config), dict(state.params)
    posterior = {"kernel": jnp.eye(10, 6), "bias": jnp.zeros(6)}
    params |= {"backward": params["forward"], "posterior": posterior}
    points = np.random.default_rng(1).normal(size=(1, 5, 5)).astype(np.float32)
    encode = jax.jit(lambda *inputs: net.apply({"params": params}, *inputs, method="encode"))
    forwards = jnp.concatenate(encode(points, np.array([4])), -1)[0, :5]
    other = {**params, "posterior": {**posterior, "kernel": jnp.roll(posterior["kernel"], 5, 0)}}
    turned = np.concatenate([points[:, 3::-1], points[:, 4:]], 1)
    backwards = jnp.concatenate(
        jax.jit(lambda *i: net.apply({"params": other}, *i, method="encode"))(turned, np.array([4])), -1
    )
    np.testing.assert_allclose(forwards, backwards[0, :5], rtol=1e-5)
    assert np.abs(forwards).max() > 0.01


@pytest.mark.parametrize(("latent", "cell"), [(3, "lstm"), (0, "lstm"), (3, "layer_norm"), (3, "hyper"), (0, "hyper")])
def test_drawing_is_fed_what_training_decodes(latent, cell):
    config, _, state = made(latent=latent, cell=cell)
    net = sketch_rnn.network(config)
    before = np.random.default_rng(2).normal(size=(1, 6, 5)).astype(np.float32)
    code = np.random.default_rng(3).normal(size=(1, latent)).astype(np.float32)

    def both(params):
        apply = lambda method, *args: net.apply({"params": params}, *args, method=method)
        memory, fed = apply("start", code[0]), []
        for n in range(6):
            *out, memory = apply("feed", before[0, n], code[0], memory)
            fed.append(out)
        whole = apply("decode", before, code)
        return jax.tree.map(lambda *a: jnp.stack(a), *fed), jax.tree.map(lambda a: a[0], list(whole))

    fed, whole = jax.jit(both)(state.params)
    for a, b in zip(jax.tree.leaves(fed), jax.tree.leaves(whole)):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_evaluation_is_a_mean_over_points():
    _, technique, state = made(latent=0)
    metrics = {}
    for name, rows in (("both", [0, 1]), ("first", [0]), ("second", [1])):
        some = jax.tree.map(lambda a, rows=rows: a[np.array(rows)], batch())
        holdout = Holdout(some, lambda arrays, n: (arrays, jnp.ones(len(arrays["length"]), bool)), 1)
        metrics[name] = {key: m.value for key, m in evaluate(technique.evaluate, state, holdout, KEY).items()}
    for key, weights in (("nll", (4, 6)), ("offset_nll", (4, 6)), ("paper_reconstruction", (1, 1))):
        expected = np.average([metrics["first"][key], metrics["second"][key]], weights=weights)
        assert metrics["both"][key] == pytest.approx(expected, rel=1e-5)
    step = jax.jit(technique.step)(state, batch())[1]  # without a code, dropout or stretching the loss is the metric
    assert float(step["nll"]) == pytest.approx(metrics["both"]["nll"], rel=1e-5)


def test_below_its_floor_the_kl_has_no_gradient():
    """Where the decoder ignores the code, only the KL has a gradient in the posterior."""
    moved = {}
    for floor in (0.0, 1e6):
        _, technique, state = made(kl_floor=floor, kl_weight=1.0)
        params = dict(state.params)
        params["begin"] = jax.tree.map(jnp.zeros_like, params["begin"])
        layer = params["layer"]
        params["layer"] = {**layer, "kernel": layer["kernel"].at[5:].set(0.0)}
        after, metrics = jax.jit(technique.step)(state._replace(params=params), batch())
        change = jnp.abs(after.params["posterior"]["bias"] - params["posterior"]["bias"]).max()
        moved[floor] = float(change), float(metrics["kl"])
    assert moved[0.0][0] > 1e-7
    assert moved[1e6][0] == 0.0
    assert moved[0.0][1] == moved[1e6][1] > 0


def test_the_weight_of_the_kl_rises():
    config = changed(sketch_rnn.Config(), {"kl_weight": 0.5})
    weights = [float(sketch_rnn.kl_weight(config, jnp.int32(t))) for t in (0, 10_000, 10**6)]
    np.testing.assert_allclose(weights, [0.01, 0.5 - 0.49 * 0.99995**10_000, 0.5], rtol=1e-4)


def test_what_is_given_stays_and_drawings_end():
    _, technique, state = made()
    one = jax.tree.map(lambda a: a[1], batch())
    half = {**one, "length": np.int32(3)}
    draws = jax.jit(jax.vmap(technique.infer["complete"], (None, 0, None)))
    out = draws(state, jax.random.split(KEY, 20), {"drawing": half, "temperature": np.float32(1.0)})
    np.testing.assert_allclose(out["strokes"][:, :3], np.tile(one["strokes"][:3], (20, 1, 1)), rtol=1e-6)
    lengths = np.asarray(out["length"])
    assert 3 <= lengths.min() < lengths.max() <= 7
    beyond = np.arange(7)[None] >= lengths[:, None]
    assert not np.asarray(out["strokes"])[beyond].any()
    assert np.std(np.asarray(out["strokes"])[:, 3, 0]) > 0.1
    cold = draws(state, jax.random.split(KEY, 20), {"drawing": half, "temperature": np.float32(0.0)})
    assert np.ptp(np.asarray(cold["strokes"]), axis=0).max() == 0.0


@pytest.mark.ci
def test_adversarial_offsets_never_make_numbers_that_are_not_finite():
    """Standing still, which any density could be infinite at; on a line, where correlations are 1; and far away."""
    config = changed(sketch_rnn.Config(), {**SMALL, "learning_rate": 0.1, "dropout": 0.1})
    technique = sketch_rnn.make(config, lambda rate: optax.chain(optax.clip(1.0), adam(rate)))
    rng = np.random.default_rng(0)
    line = rng.normal(size=(7, 1)) * np.array([[1.0, 1.0]])
    kinds = [np.zeros((7, 2)), line, 1e3 * rng.standard_cauchy((7, 2)), 1e-6 * line, np.array([[1e6, 0.0]] * 7)]
    strokes = np.stack([np.concatenate([kind, np.ones((7, 1)) * (n % 2)], 1) for n, kind in enumerate(kinds)])
    every = {"strokes": strokes.astype(np.float32), "length": np.array([7, 7, 7, 1, 5], np.int32)}
    state, step = jax.jit(technique.init)(KEY), jax.jit(technique.step)
    for _ in range(200):
        state, metrics = step(state, every)
        assert np.isfinite(float(metrics["loss"]))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))


@pytest.mark.ci
def test_a_hyper_lstm_begins_as_a_normalised_lstm_whose_scales_depend_on_the_step():
    """At first all scales are 0.1 and gates are those of W x + U h, normalised; then they differ from step to step."""
    x = np.random.default_rng(4).normal(size=(2, 6, 5)).astype(np.float32)
    layer = pen_cells.layer("hyper", 5, 3)
    through = lambda one: one.run(one.into(x), one.first(jnp.zeros((2, 3)), jnp.zeros((2, 3))))
    params = dict(jax.jit(lambda key: layer.init(key, method=through))(KEY)["params"])
    params["embed"] = jnp.zeros_like(params["embed"])
    outputs = jax.jit(lambda params: layer.apply({"params": params}, method=through))
    h, c, expected, own = np.zeros((2, 3)), np.zeros((2, 3)), [], jax.tree.map(np.asarray, params)
    sigmoid = lambda a: 1 / (1 + np.exp(-a))
    for n in range(6):
        z = 0.1 * (x[:, n] @ own["kernel"] + h @ own["recurrent"])
        z = (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + EPSILON) + own["bias"]
        i, f, o, g = np.split(z, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        expected.append(h)
    np.testing.assert_allclose(outputs(params), np.stack(expected, 1), rtol=1e-4, atol=1e-5)
    moved = {**params, "embed": jax.random.normal(KEY, params["embed"].shape)}
    assert np.abs(outputs(moved)[:, 1:] - outputs(params)[:, 1:]).max() > 0.01
