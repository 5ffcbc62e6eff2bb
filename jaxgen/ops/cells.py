"""Recurrent layers over time, with backward passes by hand.

Differentiating a scan accumulates the gradient of the recurrent weights step by step; by hand it is one product after
the loop, which is also the only place where devices that share a batch have to meet.

T    steps
B    sequences
H    units
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.ops.dense import layer_norm

Pair = tuple[jax.Array, jax.Array]  # hidden state h and cell state c, each [B, H]


def normed(x: jax.Array, scale: jax.Array) -> jax.Array:
    """`layer_norm` over the last axis of x [..., F], times scale [F]."""
    return layer_norm(x.reshape(-1, x.shape[-1]), scale).reshape(x.shape)


def lstm_cell(
    z: jax.Array, c: jax.Array, keep: jax.Array | None = None, scale: jax.Array | None = None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """A step of an LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    Args:
        z: [..., 4H] what reaches the gates: input, forget, output, candidate.
        c: [..., H] cell state.
        keep: [..., H] factor of the candidate, see `lstm`.
        scale: [H] of the normalised cell state that the output sees; None: as it is.

    Returns:
        h [..., H], c [..., H], and the gates after their activations [..., 4H].
    """
    width = c.shape[-1]
    gates, g = jax.nn.sigmoid(z[..., : 3 * width]), jnp.tanh(z[..., 3 * width :])
    i, f, o = jnp.split(gates, 3, axis=-1)
    c = f * c + (i * g if keep is None else i * g * keep)
    seen = c if scale is None else normed(c, scale)
    return o * jnp.tanh(seen), c, jnp.concatenate([gates, g], axis=-1)


def gru_cell(
    x: jax.Array, s: jax.Array, h: jax.Array, keep: jax.Array | None = None
) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
    """A step of a GRU (Cho et al. 2014, https://arxiv.org/abs/1406.1078), the reset gate after the product.

    So all gates are one product, as in cuDNN.

    Args:
        x: [..., 3H] what the inputs and biases give to reset gate, update gate and candidate.
        s: [..., 3H] what the last hidden state gives, h u.
        h: [..., H] the last hidden state.
        keep: [..., H] factor of the candidate, see `lstm`.

    Returns:
        The next h [..., H]; reset gate, update gate and candidate [..., H] each.
    """
    width = h.shape[-1]
    r, u = jnp.split(jax.nn.sigmoid(x[..., : 2 * width] + s[..., : 2 * width]), 2, axis=-1)
    n = jnp.tanh(x[..., 2 * width :] + r * s[..., 2 * width :])
    return u * h + (1.0 - u) * (n if keep is None else n * keep), (r, u, n)


@jax.custom_vjp
def lstm(x: jax.Array, w: jax.Array, start: Pair, keep: jax.Array | None = None) -> tuple[jax.Array, Pair]:
    """An LSTM over time: z_t = x_t + h_{t-1} w, then `lstm_cell`.

    Args:
        x: [T, B, 4H] what the inputs and the biases give to the gates.
        w: [H, 4H] recurrent weights.
        start: h and c before the first step.
        keep: [T, B, H] factors of what is added to the cells: recurrent dropout without loss of memory (Semeniuta et
            al. 2016, https://arxiv.org/abs/1603.05118). Not differentiated.

    Returns:
        h of every step [T, B, H], and the last (h, c).
    """
    h, end, _ = _lstm_scan(x, w, start, keep)
    return h, end


def _lstm_scan(x, w, start, keep):
    def body(memory, now):
        h, c, gates = lstm_cell(now[0] + memory[0] @ w, memory[1], now[1])
        return (h, c), (h, c, gates)

    end, (h, c, gates) = jax.lax.scan(body, start, (x, keep))
    return h, end, (c, gates)


def _lstm_forward(x, w, start, keep):
    h, end, (c, gates) = _lstm_scan(x, w, start, keep)
    return (h, end), (w, start, keep, h, c, gates)


def _lstm_backward(saved, given):
    w, start, keep, h, c, gates = saved
    dh_given, end = given
    width = w.shape[0]

    def body(carry, now):
        dh_now, c, c_before, gates, keep = now
        dh = carry[0] + dh_now
        i, f, o, g = (gates[:, n * width : (n + 1) * width] for n in range(4))
        t = jnp.tanh(c)
        dc = carry[1] + dh * o * (1.0 - t * t)
        added = dc if keep is None else dc * keep
        into = (added * g * i * (1.0 - i), dc * c_before * f * (1.0 - f), dh * t * o * (1.0 - o))
        dz = jnp.concatenate([*into, added * i * (1.0 - g * g)], axis=-1)
        return (_product(dz, w, ((1,), (1,))), dc * f), dz

    before = (_shifted(start[0], h), _shifted(start[1], c))
    begin, dz = jax.lax.scan(body, end, (dh_given, c, before[1], gates, keep), reverse=True)
    return dz, _product(before[0], dz, ((0, 1), (0, 1))), begin, _none(keep)


lstm.defvjp(_lstm_forward, _lstm_backward)


@jax.custom_vjp
def gru(x: jax.Array, w: jax.Array, start: jax.Array, keep: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
    """A GRU over time, see `gru_cell`: x [T, B, 3H], w [H, 3H], start [B, H], keep [T, B, H] as of `lstm`.

    Returns:
        h of every step [T, B, H], and the last.
    """
    h, end, _ = _gru_scan(x, w, start, keep)
    return h, end


def _gru_scan(x, w, start, keep):
    def body(h, now):
        s = h @ w
        h, (r, u, n) = gru_cell(now[0], s, h, now[1])
        return h, (h, r, u, n, s[:, 2 * h.shape[-1] :])

    end, (h, *rest) = jax.lax.scan(body, start, (x, keep))
    return h, end, rest


def _gru_forward(x, w, start, keep):
    h, end, rest = _gru_scan(x, w, start, keep)
    return (h, end), (w, start, keep, h, rest)


def _gru_backward(saved, given):
    w, start, keep, h, (r, u, n, s_n) = saved
    dh_given, end = given
    width = w.shape[0]

    def body(carry, now):
        dh_now, h_before, r, u, n, s_n, keep = now
        dh = carry + dh_now
        kept, dn = (n, dh) if keep is None else (n * keep, dh * keep)
        dn = dn * (1.0 - u) * (1.0 - n * n)
        into = (dn * s_n * r * (1.0 - r), dh * (h_before - kept) * u * (1.0 - u))
        ds = jnp.concatenate([*into, dn * r], axis=-1)
        return dh * u + _product(ds, w, ((1,), (1,))), (ds, dn)

    before = _shifted(start, h)
    begin, (ds, dn) = jax.lax.scan(body, end, (dh_given, before, r, u, n, s_n, keep), reverse=True)
    dx = jnp.concatenate([ds[..., : 2 * width], dn], axis=-1)
    return dx, _product(before, ds, ((0, 1), (0, 1))), begin, _none(keep)


gru.defvjp(_gru_forward, _gru_backward)


def lstm_normed(
    x: jax.Array, w: jax.Array, start: Pair, scales: Pair, keep: jax.Array | None = None
) -> tuple[jax.Array, Pair]:
    """`lstm` with layer normalisation of what h gives to the gates, scales [4H], and of the cell state, [H].

    What the inputs give is normalised by the caller, outside the loop (Ba et al. 2016, equations 20 to 22).
    """

    def body(memory, now):
        h, c, _ = lstm_cell(now[0] + normed(memory[0] @ w, scales[0]), memory[1], now[1], scales[1])
        return (h, c), h

    end, h = jax.lax.scan(body, start, (x, keep))
    return h, end


def gru_normed(
    x: jax.Array, w: jax.Array, start: jax.Array, scale: jax.Array, keep: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
    """`gru` with layer normalisation, scale [3H], of what h gives to the gates."""

    def body(h, now):
        h, _ = gru_cell(now[0], normed(h @ w, scale), h, now[1])
        return h, h

    end, h = jax.lax.scan(body, start, (x, keep))
    return h, end


def _shifted(first: jax.Array, x: jax.Array) -> jax.Array:
    """What stands before each step [T, B, H]."""
    return jnp.concatenate([first[None], x[:-1]])


def _product(a: Any, b: Any, axes: Any) -> Any:
    return jax.lax.dot_general(a, b, (axes, ((), ())))


def _none(keep: jax.Array | None) -> jax.Array | None:
    return None if keep is None else jnp.zeros_like(keep)
