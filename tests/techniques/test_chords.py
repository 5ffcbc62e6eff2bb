"""Music: probabilities of chords sum to one, silence beyond the end does not count, drawing follows what is learnt."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core.config import changed
from jaxgen.core.evaluation import evaluate
from jaxgen.core.types import Holdout
from jaxgen.nets.polyphony import Chords
from jaxgen.techniques.music import chords

KEY = jax.random.key(0)


@pytest.mark.parametrize("within", [0, 3])
def test_the_probabilities_of_all_chords_sum_to_one(within):
    """Of four keys, given two steps before; and note by note, keys do depend on each other."""
    net = Chords(keys=4, units=5, within=within)
    every = np.array(list(itertools.product((0, 1), repeat=4)), np.float32)
    past = np.random.default_rng(0).integers(0, 2, (16, 2, 4)).astype(np.float32)
    past[:] = past[:1]
    rolls = np.concatenate([past, every[:, None]], 1)
    drawn = lambda a: np.random.default_rng(a.size).normal(size=a.shape).astype(np.float32)
    params = jax.tree.map(drawn, jax.jit(net.init)(KEY, rolls)["params"])
    net = net.copy(most=4)
    nats = jax.jit(lambda params: chords.nats(net, params, rolls, jnp.full(16, 3)))(params)
    p = np.exp(-np.asarray(nats[:, 2], np.float64))
    assert p.sum() == pytest.approx(1.0, rel=1e-5)
    np.testing.assert_allclose(nats[:, :2], np.tile(nats[:1, :2], (16, 1)), rtol=1e-5)  # of what was before
    marginals = (every * p[:, None]).sum(0)
    independent = np.prod(np.where(every > 0, marginals, 1 - marginals), axis=1)
    assert (np.abs(p - independent).max() < 1e-6) == (within == 0)


@pytest.mark.ci
def test_keys_are_drawn_as_they_are_learnt():
    """The frequencies of chords that are drawn key by key are the probabilities that training maximises."""
    net = Chords(keys=3, units=4, within=3, most=3)
    every = np.array(list(itertools.product((0, 1), repeat=3)), np.float32)[:, None]
    drawn = lambda a: np.random.default_rng(a.size).normal(size=a.shape).astype(np.float32)
    params = jax.tree.map(drawn, jax.jit(net.init)(KEY, every)["params"])
    nats = jax.jit(lambda params: chords.nats(net, params, every, jnp.full(8, 1)))(params)

    def draw(key):
        apply = lambda method, *args: net.apply({"params": params}, *args, method=method)
        h, _ = apply("feed", jnp.zeros(3), apply("start"))
        return apply("draw", key, h, jnp.float32(1.0))

    drawn = np.asarray(jax.jit(jax.vmap(draw))(jax.random.split(KEY, 20_000)))
    counts = np.bincount((drawn @ [4, 2, 1]).astype(int), minlength=8) / 20_000
    np.testing.assert_allclose(counts, np.exp(-nats[:, 0]), atol=0.015)


def made(**fields):
    small = {"longest": 6, "units": 8, "within": 4}
    config = changed(chords.Config(), {**small, **fields})
    technique = chords.make(config)
    return config, technique, jax.jit(technique.init)(KEY)


def batch(longest=6):
    roll = np.random.default_rng(1).integers(0, 2, (2, longest, 88)).astype(np.uint8)
    return {"roll": roll, "length": np.array([3, 5], np.int32)}


def test_what_fills_up_does_not_count():
    _, technique, state = made(notes="note")
    before = batch()
    after = {**before, "roll": before["roll"].copy()}
    after["roll"][0, 3:], after["roll"][1, 5:] = 1, 0
    step = jax.jit(technique.step)
    (a, first), (b, second) = step(state, before), step(state, after)
    assert float(first["loss"]) == pytest.approx(float(second["loss"]), rel=1e-6)
    for x, y in zip(jax.tree.leaves(a.params), jax.tree.leaves(b.params)):
        np.testing.assert_allclose(x, y, atol=1e-5)


def test_evaluation_is_a_mean_over_steps():
    config, technique, state = made()
    net, given = chords.network(config), batch()
    each = chords.nats(net, state.params, jnp.asarray(given["roll"], jnp.float32), given["length"])
    holdout = Holdout(given, lambda arrays, n: (arrays, jnp.array([True, False])), 1)
    measured = evaluate(technique.evaluate, state, holdout, KEY)["nll"].value
    assert measured == pytest.approx(float(each[0].sum()) / 3, rel=1e-5)


def test_transposition():
    roll = jnp.zeros((2, 88), jnp.uint8).at[0, 3].set(1).at[1, 87].set(1)
    up, down = chords.transposed(roll, jnp.int32(2)), chords.transposed(roll, jnp.int32(-4))
    assert np.argwhere(up).tolist() == [[0, 5]]
    assert np.argwhere(down).tolist() == [[1, 83]]


@pytest.mark.ci
def test_composing_keeps_what_is_given_and_learns_a_pattern():
    """Two keys that sound in turn, and a third that sounds with the first or with the second half of the time."""
    longest = 12
    _, technique, state = made(longest=longest, notes="note", learning_rate=0.02, units=16, within=16)
    rng = np.random.default_rng(0)
    roll = np.zeros((16, longest, 88), np.uint8)
    roll[:, 0::2, 40], roll[:, 1::2, 45] = 1, 1
    roll[:, :, 52] = rng.integers(0, 2, (16, longest))
    roll[:, :, 55] = roll[:, :, 52]  # always together
    given = {"roll": roll, "length": np.full(16, longest, np.int32)}
    step = jax.jit(technique.step, donate_argnums=0)
    for _ in range(300):
        state, metrics = step(state, given)
    assert 0.6 < float(metrics["loss"]) < 1.1  # a coin a step: ln 2
    compose = jax.jit(jax.vmap(technique.infer["compose"], (None, 0, None)))
    start = {"roll": roll[0], "length": np.int32(3), "temperature": np.float32(1.0)}
    out = np.asarray(compose(state, jax.random.split(KEY, 40), start)["roll"])
    np.testing.assert_array_equal(out[:, :3], np.tile(roll[0, :3], (40, 1, 1)))
    assert out[:, 4::2, 40].mean() > 0.9
    assert out[:, 3::2, 40].mean() < 0.1
    assert 0.35 < out[:, 3:, 52].mean() < 0.65
    assert (out[:, 3:, 52] == out[:, 3:, 55]).mean() > 0.9  # half of the time by chance
    cold = np.asarray(compose(state, jax.random.split(KEY, 3), {**start, "temperature": np.float32(0.0)})["roll"])
    assert np.ptp(cold, axis=0).max() == 0
