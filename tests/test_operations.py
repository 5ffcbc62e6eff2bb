"""Counts of operations against counts by hand."""

import jax
import jax.numpy as jnp
import pytest

from benchmarks import operations
from benchmarks.__main__ import with_shares
from benchmarks.serving import LOOPS
from jaxgen.core.types import Refused
from jaxgen.ops.conv.api import conv

like = lambda *shape: jax.ShapeDtypeStruct(shape, jnp.float32)


def convolved(x, kernel, **options):
    return jax.lax.conv_general_dilated(x, kernel, dimension_numbers=("NHWC", "HWIO", "NHWC"), **options)


def attention(x, query, key, value):
    """One head over x [T, E], with projections [E, K]."""
    q, k, v = x @ query, x @ key, x @ value
    return jax.nn.softmax(q @ k.T) @ v


def lstm(kernel, x):
    """T steps of H units on x [T, I], kernel [I + H, 4 H]."""

    def step(carry, now):
        h, c = carry
        i, f, g, o = jnp.split(jnp.concatenate([now, h]) @ kernel, 4)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), h

    units = kernel.shape[1] // 4
    return jax.lax.scan(step, (jnp.zeros(units), jnp.zeros(units)), x)[1].sum()


@pytest.mark.parametrize(
    ("function", "args", "count"),
    [
        (lambda x, w: jnp.tanh(x @ w), (like(5, 7), like(7, 3)), 2 * 5 * 7 * 3),
        # The gradients in x and in w have a product each.
        (jax.grad(lambda x, w: jnp.tanh(x @ w).sum(), (0, 1)), (like(5, 7), like(7, 3)), 3 * 2 * 5 * 7 * 3),
        (lambda x, w: jnp.einsum("bij,bjk->bik", x, w), (like(4, 5, 7), like(4, 7, 3)), 4 * 2 * 5 * 7 * 3),
        (
            lambda x, w: convolved(x, w, window_strides=(2, 2), padding="SAME"),
            (like(3, 8, 8, 4), like(5, 5, 4, 6)),
            2 * (3 * 4 * 4) * (5 * 5 * 4) * 6,
        ),
        # Each of 3 x 4 x 4 inputs meets every tap once for each of 6 outputs.
        (
            lambda x, w: convolved(x, w, window_strides=(1, 1), padding=((2, 2), (2, 2)), lhs_dilation=(2, 2)),
            (like(3, 4, 4, 4), like(4, 4, 4, 6)),
            2 * (3 * 8 * 8) * (4 * 4 * 4) * 6 // 4,
        ),
        # Ours: the gradients in the kernel and in the image meet as many taps.
        (
            lambda x, w: conv(x, w, (2, 2)),
            (like(3, 8, 8, 4), like(5, 5, 4, 6)),
            2 * (3 * 4 * 4) * (5 * 5 * 4) * 6,
        ),
        (
            jax.grad(lambda x, w: jnp.square(conv(x, w, (2, 2))).sum(), (0, 1)),
            (like(3, 8, 8, 4), like(5, 5, 4, 6)),
            3 * 2 * (3 * 4 * 4) * (5 * 5 * 4) * 6,
        ),
        (attention, (like(9, 8), *[like(8, 4)] * 3), 3 * 2 * 9 * 8 * 4 + 2 * 2 * 9 * 9 * 4),
        (lstm, (like(3 + 5, 20), like(11, 3)), 11 * 2 * 8 * 20),
        (jax.checkpoint(jax.jit(lambda x: jax.lax.cond(x.sum() > 0, lambda: x @ x, lambda: x))), (like(3, 3),), 54),
        (jnp.tanh, (like(3, 3),), 0),
    ],
)
def test_operations_are_those_counted_by_hand(function, args, count):
    assert operations.counted(function, *args) == count


def test_a_product_that_runs_any_number_of_times_is_refused():
    forever = lambda x: jax.lax.while_loop(lambda x: x.sum() > 0, lambda x: x @ x, x)
    with pytest.raises(Refused, match="while_loop"):
        operations.counted(forever, like(3, 3))
    harmless = lambda x: jax.lax.while_loop(lambda x: x.sum() > 0, lambda x: x - 1, x @ x)
    assert operations.counted(harmless, like(3, 3)) == 54


@pytest.mark.ci
def test_a_race_has_shares_of_the_limit():
    """64-16-2 and back, batch 8: products forwards, and in the gradients all of them twice but that in the image."""
    loop = LOOPS["vae"]
    sizes = loop.cases["mlp"]._replace(hidden=16, batch=8, dataset="digits")
    pixels, hidden, latent = 64, 16, 2
    layers = pixels * hidden + 2 * hidden * latent + latent * hidden + hidden * pixels
    assert loop.operations(sizes) == 2 * (3 * layers - pixels * hidden)
    rows = [{"contender": "fused", "network": "", "steps_per_second": 10.0}]
    (row,) = with_shares("gibbs", rows, 2.0)
    assert row["share"] == pytest.approx(1e-9 * 10 * 2 * 2 * 64 * 784 * 500 / 2)
    assert with_shares("start", rows, 2.0) is rows
