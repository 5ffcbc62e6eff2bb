"""Every rule by hand in `ops`: derivatives in either mode, of the second order and under vmap are those of autodiff.

Compiled, because `jax.eval_shape` does not meet the rules. Convolutions, which are primitives: conv/test_transforms.py.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops import cells, dense, embedding, pooling

T, B, H, N, I, O = 3, 2, 3, 5, 6, 4  # noqa: E741
RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.normal(size=shape).astype(np.float32)


X, SCALE, KERNEL = draw(N, I) + 0.5, draw(I) + 1.0, draw(I, O)
TOKENS = np.array([[0, 3, 3], [6, 3, 0]])
KEEP = (RNG.random((T, B, H)) < 0.6).astype(np.float32) / np.float32(0.6)


def plain_norm(x, scale):
    deviations = x - x.mean(-1, keepdims=True)
    return deviations / jnp.sqrt((deviations**2).mean(-1, keepdims=True) + dense.EPSILON) * scale[None]


def plain_pool(x):
    return functools.reduce(jnp.maximum, (x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)))


def lstm(scan, x, w, h, c, keep=None):
    return scan(x, w, (h, c), keep)[:2]


def gru(scan, x, w, h, keep=None):
    return scan(x, w, h, keep)[:2]


def of(layer, name, keep=None):
    """(by hand, by autodiff) of a recurrent layer of `cells`, all outputs of both."""
    plain = getattr(cells, f"_{name}_scan")
    return [functools.partial(layer, scan, keep=keep) for scan in (getattr(cells, name), plain)]


LSTM, GRU = (draw(T, B, 4 * H), draw(H, 4 * H), draw(B, H), draw(B, H)), (draw(T, B, 3 * H), draw(H, 3 * H), draw(B, H))
CASES = {
    "linear": (dense.linear, jnp.matmul, (X, KERNEL)),
    "linear_turned": (dense.linear_turned, lambda x, kernel: x @ kernel.T, (X, KERNEL.T)),
    "layer_norm": (dense.layer_norm, plain_norm, (X, SCALE)),
    "gelu": (dense.gelu, lambda x: jax.nn.gelu(x, approximate=False), (X,)),
    "max_pool": (pooling.max_pool, plain_pool, (draw(N, 4, 4, 2),)),
    "rows": (lambda table: embedding.rows(table, TOKENS), lambda table: table[TOKENS], (draw(7, 3),)),
    "lstm": (*of(lstm, "lstm"), LSTM),
    "lstm_dropped": (*of(lstm, "lstm", KEEP), LSTM),
    "gru": (*of(gru, "gru"), GRU),
    "gru_dropped": (*of(gru, "gru", KEEP), GRU),
}


def everything(function, arguments):
    """Values and derivatives; the cotangents and directions tell all elements apart."""
    along, places = tuple(jnp.cos(3 * a) for a in arguments), tuple(range(len(arguments)))
    loss = lambda *a: sum(jnp.sum(jnp.sin(y + 0.5)) for y in jax.tree.leaves(function(*a)))
    gradient = jax.grad(loss, places)
    two = [jnp.stack([a, 0.5 * a]) for a in arguments]
    first = lambda a, *rest: jax.vmap(loss, (0, *[None] * len(rest)))(a, *rest).sum()
    return {
        "vmap of jvp of vjp": jax.vmap(lambda *d: jax.jvp(gradient, arguments, d))(*two),
        "vjp of vjp": jax.grad(lambda *a: sum(map(jnp.vdot, gradient(*a), along)), places)(*arguments),
        "vjp of jvp": jax.value_and_grad(lambda *a: jax.jvp(loss, a, along)[1], places)(*arguments),
        "vjp of vmap": jax.value_and_grad(first, places)(two[0], *arguments[1:]),
    }


COSTLY = ("gelu", "max_pool", "rows", "lstm", "lstm_dropped", "gru", "gru_dropped")
NAMES = [pytest.param(name, marks=[pytest.mark.ci] if name in COSTLY else []) for name in CASES]


@pytest.mark.parametrize("name", NAMES)
def test_all_derivatives_are_those_of_autodiff(name):
    ours, plain, arguments = CASES[name]
    found, expected = jax.jit(lambda a: [everything(f, a) for f in (ours, plain)])(arguments)
    for kind in expected:
        close = lambda a, b, kind=kind: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4, err_msg=kind)
        jax.tree.map(close, found[kind], expected[kind])
