"""LSTM and GRU against loops in numpy; their backward passes stand in test_derivatives.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops import cells
from jaxgen.ops.dense import EPSILON

T, B, H = 5, 3, 4
KEYS = jax.random.split(jax.random.key(0), 8)


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def drawn(kind, dropout):
    """x, w, start, keep; w large enough that gates are not all half open."""
    gates = {"lstm": 4, "gru": 3}[kind] * H
    x, w = jax.random.normal(KEYS[0], (T, B, gates)), jax.random.normal(KEYS[1], (H, gates))
    h, c = jax.random.normal(KEYS[2], (2, B, H))
    keep = jax.random.bernoulli(KEYS[3], 0.6, (T, B, H)) / 0.6 if dropout else None
    return x, w, (h, c) if kind == "lstm" else h, keep


def lstm_loop(x, w, start, keep):
    """Gates in the order input, forget, output, candidate."""
    (h, c), found = start, []
    for t in range(len(x)):
        z = x[t] + h @ w
        i, f, o = (sigmoid(z[:, n * H : (n + 1) * H]) for n in range(3))
        c = f * c + i * np.tanh(z[:, 3 * H :]) * (1.0 if keep is None else keep[t])
        h = o * np.tanh(c)
        found.append(h)
    return np.stack(found), (h, c)


def gru_loop(x, w, h, keep):
    """Gates in the order reset, update, candidate."""
    found = []
    for t in range(len(x)):
        s = h @ w
        r, u = (sigmoid(x[t][:, n * H : (n + 1) * H] + s[:, n * H : (n + 1) * H]) for n in range(2))
        n = np.tanh(x[t][:, 2 * H :] + r * s[:, 2 * H :]) * (1.0 if keep is None else keep[t])
        h = u * h + (1.0 - u) * n
        found.append(h)
    return np.stack(found), h


LOOPS = {"lstm": lstm_loop, "gru": gru_loop}


@pytest.mark.parametrize("dropout", [pytest.param(False, marks=pytest.mark.ci), True])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_the_layer_is_the_loop(kind, dropout):
    given = drawn(kind, dropout)
    found = jax.jit(getattr(cells, kind))(*given)
    expected = LOOPS[kind](*jax.tree.map(np.asarray, given))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_normalised_lstm_is_the_loop():
    x, w, start, _ = drawn("lstm", False)
    scales = (1.0 + jnp.arange(4.0 * H) / 7.0, 2.0 - jnp.arange(float(H)) / 5.0)
    found, (h, c) = jax.jit(cells.lstm_normed)(x, w, start, scales)
    norm = lambda a, s: (a - a.mean(-1, keepdims=True)) / np.sqrt(a.var(-1, keepdims=True) + EPSILON) * s
    x, w, (before, cell), scales = jax.tree.map(np.asarray, (x, w, start, scales))
    for t in range(T):
        z = x[t] + norm(before @ w, scales[0])
        i, f, o = (sigmoid(z[:, n * H : (n + 1) * H]) for n in range(3))
        cell = f * cell + i * np.tanh(z[:, 3 * H :])
        before = o * np.tanh(norm(cell, scales[1]))
        np.testing.assert_allclose(found[t], before, atol=1e-4)
    np.testing.assert_allclose(c, cell, atol=1e-4)
    np.testing.assert_allclose(h, before, atol=1e-4)


def test_the_normalised_gru_is_the_loop():
    x, w, h, keep = drawn("gru", True)
    scale = 1.0 + jnp.arange(3.0 * H) / 7.0
    found, end = jax.jit(cells.gru_normed)(x, w, h, scale, keep)
    x, w, h, keep, scale = map(np.asarray, (x, w, h, keep, scale))
    for t in range(T):
        s = h @ w
        s = (s - s.mean(-1, keepdims=True)) / np.sqrt(s.var(-1, keepdims=True) + EPSILON) * scale
        r, u = (sigmoid(x[t][:, n * H : (n + 1) * H] + s[:, n * H : (n + 1) * H]) for n in range(2))
        h = u * h + (1.0 - u) * np.tanh(x[t][:, 2 * H :] + r * s[:, 2 * H :]) * keep[t]
        np.testing.assert_allclose(found[t], h, atol=1e-4)
    np.testing.assert_allclose(end, h, atol=1e-4)
