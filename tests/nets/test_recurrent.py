"""The recurrent language model: memory, feeding, dropout, and where its tokens go."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.nets.recurrent import Recurrent

V, B, T = 5, 2, 6
TOKENS = jax.random.randint(jax.random.key(1), (B, T), 0, V)
NETS = {
    "lstm": Recurrent(V, 4, layers=2),
    "gru": Recurrent(V, 4, layers=2, kind="gru"),
    "normed_lstm": Recurrent(V, 4, layer_norm=True, embedding=3),
    "normed_gru": Recurrent(V, 4, kind="gru", layer_norm=True),
}


EACH = pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.ci] * (n != "normed_lstm")) for n in NETS])


def begun(net):
    return jax.jit(lambda key: net.init(key, TOKENS, method="logits"))(jax.random.key(0))


def apply(net, *given, **options):
    return jax.jit(lambda params, *given: net.apply(params, *given, **options))(*given)


@pytest.mark.parametrize("name", ["lstm", *(pytest.param(name, marks=pytest.mark.ci) for name in list(NETS)[1:])])
def test_in_parts_in_one_and_token_by_token(name):
    """A memory that is carried makes windows one long one; `feed` is that of a single sequence."""
    net = NETS[name]
    params = begun(net)
    whole = apply(net, params, TOKENS, method="logits")
    first, memory, _ = apply(net, params, TOKENS[:, :4], net.start(B))
    second, end, outputs = apply(net, params, TOKENS[:, 4:], memory)
    parts = apply(net, params, jnp.concatenate([first, second], 1), method="head")
    np.testing.assert_allclose(parts, whole, atol=1e-6)
    assert list(outputs) == [f"layer{n}" for n in range(net.layers)]
    np.testing.assert_array_equal(outputs[f"layer{net.layers - 1}"], second)
    assert all(each.shape == second.shape for each in outputs.values())

    def fed(params):
        def one(memory, token):
            logits, memory = net.apply(params, token, memory, method="feed")
            return memory, logits

        return jax.lax.scan(one, net.cache(), TOKENS[1])

    memory, logits = jax.jit(fed)(params)
    np.testing.assert_allclose(logits, whole[1], atol=1e-5)
    for a, b in zip(jax.tree.leaves(memory), jax.tree.leaves(end), strict=True):
        np.testing.assert_allclose(a, b[1], atol=1e-5)


@pytest.mark.ci
def test_what_is_fresh_begins_anew():
    net = NETS["lstm"]
    params = begun(net)
    memory = jax.tree.map(lambda a: a + 0.5, net.start(B))
    features, *_ = apply(net, params, TOKENS, memory, jnp.array([True, False]))
    anew, *_ = apply(net, params, TOKENS)
    carried, *_ = apply(net, params, TOKENS, memory)
    np.testing.assert_array_equal(features[0], anew[0])
    np.testing.assert_array_equal(features[1], carried[1])
    assert not np.allclose(anew[1], carried[1])


@pytest.mark.ci
@pytest.mark.parametrize("option", ["dropout", "recurrent_dropout"])
def test_dropout_is_for_training(option):
    net = Recurrent(V, 64, **{option: 0.5})
    params = begun(net)
    run = lambda key, train: net.apply(params, TOKENS, (), None, train, rngs={"dropout": jax.random.key(key)})[0]
    np.testing.assert_array_equal(run(0, False), run(1, False))
    assert not np.allclose(run(0, True), run(1, True))
    assert 0.2 < float(jnp.mean(run(0, True) == 0.0)) < 0.8 or option == "recurrent_dropout"


def test_forget_gates_begin_open():
    bias = begun(NETS["lstm"])["params"]["layer0_bias"]
    np.testing.assert_array_equal(bias, [0] * 4 + [1] * 4 + [0] * 8)
