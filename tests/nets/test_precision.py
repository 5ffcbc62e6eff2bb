"""In bfloat16 only products are: memories, scores, normalised sums and logits stay float32."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.nets.causal import CausalConv
from jaxgen.nets.decoder import causal_weights
from jaxgen.nets.recurrent import Recurrent
from jaxgen.nets.transformer import Transformer
from jaxgen.ops import cells

HALF, STEPS = jnp.bfloat16, 2000
NETS = {
    "lstm": Recurrent(8, 8, 2, dtype=HALF),
    "gru_normed": Recurrent(8, 8, 2, kind="gru", layer_norm=True, dtype=HALF),
    "conv": CausalConv(8, 8, 2, dtype=HALF),
    "transformer": Transformer(8, 4, 2, 2, 8, dtype=HALF),
}


def added_up(kind, dtype):
    """The memory after STEPS steps of one unit that adds to it, and the gradients of what the gates are given.

    0.01 is added to a cell, and a GRU's hidden state moves by a 1097th of the way to 1.
    """
    gates = {"lstm": [20.0, 20.0, 20.0, 0.01], "gru": [0.0, 7.0, 2.0]}[kind]
    x, w = jnp.broadcast_to(jnp.array(gates, dtype), (STEPS, 1, len(gates))), jnp.zeros((1, len(gates)), dtype)
    (start,) = Recurrent(2, 1, kind=kind, dtype=dtype).start(1)
    memory = lambda x: jax.tree.leaves(getattr(cells, kind)(x, w, start)[1])[-1][0, 0]
    value, slope = jax.value_and_grad(memory)(x)
    return value, slope[:, 0].astype(jnp.float32)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_memory_adds_up_small_numbers(kind):
    """A cell of bfloat16 stops at 4 of 20, a hidden state at 0 of 0.81."""
    (half, half_slope), (full, slope) = (
        jax.device_get(jax.jit(added_up, static_argnums=(0, 1))(kind, dtype)) for dtype in (HALF, jnp.float32)
    )
    assert half == pytest.approx(full, rel=5e-3)
    exact = {"lstm": 20.0, "gru": np.tanh(2.0) * (1.0 - (1.0 / (1.0 + np.exp(-7.0))) ** STEPS)}[kind]
    assert full == pytest.approx(exact, rel=1e-3)
    np.testing.assert_allclose(half_slope, slope, rtol=2e-2, atol=1e-2 * np.abs(slope).max())


def test_large_scores_are_told_apart():
    """256, 257 and 256, which bfloat16 calls 256 each."""
    queries = jnp.full((1, 1, 3, 4), jnp.array([16.0, 1.0, 0.0, 0.0], HALF))
    keys = jnp.array([[32.0, 0.0, 0.0, 0.0], [32.0, 2.0, 0.0, 0.0], [32.0, 0.0, 0.0, 0.0]], HALF)
    weights = causal_weights(queries, keys[None, None])[0, 0, 2].astype(jnp.float32)
    np.testing.assert_allclose(weights, np.array([1.0, np.e, 1.0]) / (2.0 + np.e), rtol=5e-3)


@pytest.mark.ci
@pytest.mark.parametrize("name", NETS)
def test_logits_are_near_and_all_sums_float32(name):
    net, tokens = NETS[name], jnp.array([[1, 2, 3, 0], [3, 1, 7, 6]])
    params = jax.jit(lambda key: net.init(key, tokens, method="logits"))(jax.random.key(0))

    @jax.jit
    def all_of_it(params):
        _, memory, sums = net.apply(params, tokens)
        fed, after = net.apply(params, tokens[0, 0], net.cache(), method="feed")
        logits, exact = (n.apply(params, tokens, method="logits") for n in (net, net.clone(dtype=jnp.float32)))
        return logits, exact, fed, memory, *([sums] if name in ("conv", "transformer") else [net.cache(), after])

    logits, exact, fed, *rest = all_of_it(params)
    assert {a.dtype for a in jax.tree.leaves((params, logits, fed, rest))} == {jnp.dtype("float32")}
    assert 0 < np.abs(logits - exact).max() < 0.1
    np.testing.assert_allclose(fed, exact[0, 0], atol=0.1)
