"""The transformer against numpy loops, its cache against reading all at once, and what may not leak."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from jaxgen.core.types import Refused
from jaxgen.nets.decoder import DecoderBlock
from jaxgen.nets.transformer import Transformer

V, C, D, H, L = 11, 8, 12, 3, 2
NET, GPT2 = Transformer(V, C, L, H, D), Transformer(V, C, L, H, D, as_gpt2=True)
BOTH = [NET, pytest.param(GPT2, marks=pytest.mark.ci)]
TOKENS = np.random.default_rng(0).integers(0, V, (2, C))


@functools.cache
def begun(net=NET):
    params = jax.jit(lambda key: net.init(key, TOKENS, method="logits"))(jax.random.key(1))["params"]
    draw = np.random.default_rng(2)  # what is almost zero, or one, hides mistakes
    return jax.tree.map(lambda a: 5 * a if a.ndim == 2 else a + np.float32(draw.normal(0, 0.3, a.shape)), params)


@functools.cache
def compiled(method, net=NET):
    return jax.jit(lambda params, *given: net.apply({"params": params}, *given, method=method))


def logits(tokens=TOKENS, net=NET):
    return compiled("logits", net)(begun(net), tokens)


def fed(tokens, memory, net=NET):
    """Logits after each of the tokens."""
    found = []
    for token in tokens:
        last, memory = compiled("feed", net)(begun(net), token, memory)
        found.append(last)
    return np.array(found)


def normed(x, scale, bias=0.0):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * scale + bias


def gelu(x, by_tanh):
    phi = np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)) if by_tanh else erf(x / np.sqrt(2))
    return x * (1 + phi) / 2


def looped(net, tokens):
    """Logits [T, V] of one sequence in float64, one token, head and past token at a time."""
    p, by_tanh = jax.tree.map(np.float64, begun(net)), net.as_gpt2
    bias = lambda where, name: where.get(f"{name}_bias", 0.0)
    xs = [p["tokens"][token] + p["positions"][n] for n, token in enumerate(tokens)]
    for n in range(L):
        block, past, after = p[f"block{n}"], [], []
        for x in xs:
            first = normed(x, block["norm1"], bias(block, "norm1"))
            query, key, value = np.split(first @ block["qkv"] + bias(block, "qkv"), 3)
            past.append((key, value))
            mixed = []
            for head in range(H):
                part = slice(head * D // H, (head + 1) * D // H)
                weights = np.exp([query[part] @ key[part] / np.sqrt(D / H) for key, _ in past])
                mixed.append(sum(w * value[part] for w, (_, value) in zip(weights / weights.sum(), past)))
            x = x + np.concatenate(mixed) @ block["mix"] + bias(block, "mix")
            hidden = normed(x, block["norm2"], bias(block, "norm2")) @ block["up"] + bias(block, "up")
            after.append(x + gelu(hidden, by_tanh) @ block["down"].T + bias(block, "down"))
        xs = after
    return np.array([normed(x, p["norm"], bias(p, "norm")) @ p["tokens"].T for x in xs])


@pytest.mark.parametrize("net", BOTH)
def test_logits_are_those_of_a_loop_over_tokens_heads_and_the_past(net):
    for sequence, found in zip(TOKENS, logits(net=net)):
        np.testing.assert_allclose(found, looped(net, sequence), atol=1e-5)
    features, _, sums = compiled("__call__", net)(begun(net), TOKENS)
    assert list(sums) == ["block0", "block1"]
    of_norm = (np.float64(begun(net)["norm"]), np.float64(begun(net).get("norm_bias", 0.0)))
    last = np.apply_along_axis(normed, -1, np.float64(sums["block1"]), *of_norm)
    np.testing.assert_allclose(last, features, atol=1e-5)


@pytest.mark.parametrize("count", [3, *(pytest.param(count, marks=pytest.mark.ci) for count in (0, 1, C))])
def test_fed_one_by_one_after_any_prompt_it_says_what_it_says_at_once(count):
    window = np.where(np.arange(C) < count, TOKENS[0], 7)  # what is behind the prompt must not matter
    last, memory = compiled("prime")(begun(), window, count)
    expected = logits()[0]
    np.testing.assert_allclose(last, expected[count - 1] if count else np.zeros(V), atol=1e-5)
    if count == 0:
        memory = NET.cache()
    if count < C:
        np.testing.assert_allclose(fed(TOKENS[0, count:], memory), expected[count:], atol=1e-5)


@pytest.mark.ci
@pytest.mark.parametrize("net", [NET, GPT2])
def test_prime_takes_a_window_shorter_than_the_context(net):
    last, memory = compiled("prime", net)(begun(net), TOKENS[0, :5], 4)
    assert jax.tree.map(jnp.shape, memory) == jax.tree.map(jnp.shape, net.cache())
    np.testing.assert_allclose(last, logits(net=net)[0, 3], atol=1e-5)
    np.testing.assert_allclose(fed(TOKENS[0, 4:], memory, net), logits(net=net)[0, 4:], atol=1e-5)


@pytest.mark.ci
def test_dropout_is_drawn_in_training_only_and_needs_no_key_where_there_is_none():
    net, without = Transformer(V, C, 1, H, D, dropout=0.5), Transformer(V, C, 1, H, D)
    train = lambda net, params, **keys: net.apply({"params": params}, TOKENS, train=True, **keys)[0]
    run = jax.jit(lambda params, key: train(net, params, rngs={"dropout": key}))
    one, same, other = (run(begun(net), jax.random.key(seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other, atol=0.1)
    never = jax.jit(lambda params: train(without, params))(begun(net))
    assert not np.allclose(one, never, atol=0.1)
    np.testing.assert_allclose(compiled("__call__", net)(begun(net), TOKENS)[0], never, atol=1e-5)


@pytest.mark.ci
@pytest.mark.parametrize(
    ("net", "parameters"),
    [
        (Transformer(65), 804_096),  # nanoGPT for a CPU
        (Transformer(65, 256, 6, 6, 384), 10_745_088),  # and for a GPU
        (Transformer(65, 64, 4, 4, 128, tie=False), 804_096 + 65 * 128),
        (Transformer(50_257, 1024, 12, 12, 768, as_gpt2=True), 124_439_808),  # GPT-2, the smallest
    ],
)
def test_parameters_are_as_many_as_the_formula_says(net, parameters):
    shapes = jax.eval_shape(lambda: net.init(jax.random.key(0), TOKENS, method="logits"))
    counted = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    d = net.width
    formula = (net.vocabulary + net.context + 1) * d + net.layers * (12 * d**2 + 2 * d)
    formula += net.as_gpt2 * d * (11 * net.layers + 1) + (not net.tie) * net.vocabulary * d
    assert counted == parameters == formula


@pytest.mark.ci
def test_residual_kernels_start_smaller_the_more_there_are():
    block = DecoderBlock(64, 2, branches=16)
    params = jax.jit(lambda key: block.init(key, jnp.zeros((4, 64)), 4))(jax.random.key(0))["params"]
    spread = {name: float(leaf.std()) for name, leaf in params.items() if leaf.ndim == 2}
    expected = {"qkv": 0.02, "up": 0.02, "mix": 0.005, "down": 0.005}
    assert spread == pytest.approx(expected, rel=0.05)


@pytest.mark.ci
def test_an_untied_head_is_its_own():
    net = Transformer(V, C, 1, H, D, tie=False)
    params = begun(net)
    features = compiled("__call__", net)(params, TOKENS)[0]
    np.testing.assert_allclose(logits(net=net), np.asarray(features) @ np.asarray(params["output"]).T, atol=1e-5)


def test_what_cannot_be_is_refused():
    with pytest.raises(Refused, match="multiple of its heads: 12 is not of 5"):
        Transformer(V, C, 1, 5, D).init(jax.random.key(0), TOKENS, method="logits")
    with pytest.raises(Refused, match="context of 4 tokens cannot read 8"):
        jax.eval_shape(lambda: Transformer(V, 4, 1, H, D).init(jax.random.key(0), TOKENS, method="logits"))
