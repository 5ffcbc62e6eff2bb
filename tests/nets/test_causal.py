"""The causal convolutional net against numpy loops, its rings against reading all at once, and how far it looks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from jaxgen.nets.causal import CausalConv

V, D, T = 9, 6, 24
NET = CausalConv(V, D, layers=3, kernel=2, cycle=2)
WIDE = CausalConv(V, D, layers=3, kernel=3, cycle=2)  # reaches 1 + 2 (1 + 2 + 1)
BOTH = pytest.mark.parametrize("net", [pytest.param(NET, marks=pytest.mark.ci), WIDE], ids=["two taps", "three taps"])
TOKENS = np.random.default_rng(0).integers(0, V, (2, T))


@functools.cache
def begun(net=NET):
    """Parameters that are not small, so that nothing hides behind zeros and ones."""
    shapes = jax.eval_shape(lambda: net.init(jax.random.key(1), TOKENS, method="logits"))["params"]
    leaves, tree = jax.tree.flatten(shapes)
    draw = np.random.default_rng(1)
    return tree.unflatten([jnp.float32(draw.normal(0.0, 0.5, leaf.shape)) for leaf in leaves])


@functools.cache
def compiled(method, net):
    return jax.jit(lambda params, *given: net.apply({"params": params}, *given, method=method))


def logits(net, tokens=TOKENS):
    return compiled("logits", net)(begun(net), tokens)


def normed(x, scale):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * scale


def looped(net, tokens):
    """Logits [T, V] of one sequence in float64, token by token and tap by tap."""
    p = jax.tree.map(np.float64, begun(net))
    xs = [p["tokens"][token] for token in tokens]
    for n in range(net.layers):
        kernel = p[f"layer{n}_kernel"].reshape(net.kernel, D, 2 * D)
        hs, after = [normed(x, p[f"layer{n}_norm"]) for x in xs], []
        for t, x in enumerate(xs):
            places = [t - (net.kernel - 1 - k) * 2 ** (n % net.cycle) for k in range(net.kernel)]
            z = p[f"layer{n}_bias"] + sum(hs[place] @ kernel[k] for k, place in enumerate(places) if place >= 0)
            after.append(x + np.tanh(z[:D]) * expit(z[D:]) @ p[f"layer{n}_mix"])
        xs = after
    return np.array([normed(x, p["norm"]) @ p["output"]["kernel"] + p["output"]["bias"] for x in xs])


@BOTH
def test_logits_are_those_of_a_loop_over_tokens_and_taps(net):
    for sequence, found in zip(TOKENS, logits(net)):
        np.testing.assert_allclose(found, looped(net, sequence), atol=1e-5)
    features, _, sums = compiled("__call__", net)(begun(net), TOKENS)
    assert list(sums) == ["layer0", "layer1", "layer2"]
    last = np.apply_along_axis(normed, -1, np.float64(sums["layer2"]), np.float64(begun(net)["norm"]))
    np.testing.assert_allclose(last, features, atol=1e-5)


@BOTH
def test_fed_one_by_one_it_says_what_it_says_at_once(net):
    params = begun(net)
    step = lambda memory, token: net.apply({"params": params}, token, memory, method="feed")[::-1]
    memory, found = jax.jit(lambda tokens: jax.lax.scan(step, net.cache(), tokens))(TOKENS[0])
    np.testing.assert_allclose(found, logits(net)[0], atol=1e-5)
    assert jax.tree.map(jnp.shape, memory) == jax.tree.map(jnp.shape, net.cache())


@pytest.mark.ci
@BOTH
def test_a_prediction_depends_on_the_last_tokens_within_reach_and_on_no_other(net):
    """The gradient of one token's logits with respect to all rows of the table, each token having its own."""
    assert net.reach == {2: 5, 3: 9}[net.kernel]
    at, apart = 15, net.clone(vocabulary=T)
    logit = lambda params: apart.apply({"params": params}, np.arange(T)[None], method="logits")[0, at].sum()
    felt = np.abs(jax.jit(jax.grad(logit))(begun(apart))["tokens"]).max(-1) > 0
    assert felt.tolist() == [at - net.reach < n <= at for n in range(T)]


@pytest.mark.ci
def test_dropout_is_drawn_in_training_only_and_needs_no_key_where_there_is_none():
    net, without = CausalConv(V, D, 1, dropout=0.5), CausalConv(V, D, 1)
    train = lambda net, params, **keys: net.apply({"params": params}, TOKENS, train=True, **keys)[0]
    run = jax.jit(lambda params, key: train(net, params, rngs={"dropout": key}))
    one, same, other = (run(begun(net), jax.random.key(seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other, atol=0.1)
    never = jax.jit(lambda params: train(without, params))(begun(net))
    assert not np.allclose(one, never, atol=0.1)
    np.testing.assert_allclose(compiled("__call__", net)(begun(net), TOKENS)[0], never, atol=1e-5)


@pytest.mark.ci
def test_parameters_are_as_many_as_the_formula_says():
    net = CausalConv(65)
    shapes = jax.eval_shape(lambda: net.init(jax.random.key(0), TOKENS, method="logits"))
    counted = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    d, v = net.width, net.vocabulary
    layer = d + net.kernel * d * 2 * d + 2 * d + d * d
    assert counted == 2 * v * d + v + d + net.layers * layer
