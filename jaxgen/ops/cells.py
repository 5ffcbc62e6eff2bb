"""LSTM and GRU layers over time, with hand-written backward passes.

Differentiating a scan accumulates the gradient of the recurrent weights step by step. The hand-written passes compute
it by one matrix product after the loop, which is also the only place where devices that share a batch communicate.

Memories have the type of `start`, float32 also where inputs and weights are bfloat16: a cell state of bfloat16 does not
grow by less than a 512th of itself, and 2,000 additions of 0.01 end at 4. Products have the weights' type.

T    steps
B    sequences
H    units
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.ops.dense import layer_norm
from jaxgen.ops.derivatives import by_hand

Pair = tuple[jax.Array, jax.Array]  # hidden state h and cell state c, each [B, H]


def normed(x: jax.Array, scale: jax.Array) -> jax.Array:
    """`layer_norm` over the last axis of x [..., F], times scale [F]."""
    return layer_norm(x.reshape(-1, x.shape[-1]), scale).reshape(x.shape)


def lstm_cell(
    z: jax.Array, c: jax.Array, keep: jax.Array | None = None, scale: jax.Array | None = None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """A step of an LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    Args:
        z: [..., 4H] pre-activations of the input, forget and output gate and of the candidate.
        c: [..., H] cell state.
        keep: [..., H] factor of the candidate, see `lstm`.
        scale: [H] of the layer normalisation of the cell state before the output; None: no normalisation.

    Returns:
        h [..., H], c [..., H], and the gates and the candidate after their activations [..., 4H].
    """
    width = c.shape[-1]
    z = z.astype(c.dtype)
    gates, g = jax.nn.sigmoid(z[..., : 3 * width]), jnp.tanh(z[..., 3 * width :])
    i, f, o = jnp.split(gates, 3, axis=-1)
    c = f * c + (i * g if keep is None else i * g * keep)
    output = c if scale is None else normed(c, scale)
    return o * jnp.tanh(output), c, jnp.concatenate([gates, g], axis=-1)


def gru_cell(
    x: jax.Array, s: jax.Array, h: jax.Array, keep: jax.Array | None = None
) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
    """A step of a GRU (Cho et al. 2014, https://arxiv.org/abs/1406.1078), the reset gate applied after the product.

    So the recurrent parts of all gates are one matrix product, as in cuDNN.

    Args:
        x: [..., 3H] contribution of inputs and biases to reset gate, update gate and candidate.
        s: [..., 3H] contribution of the previous hidden state, h times the recurrent weights.
        h: [..., H] the previous hidden state.
        keep: [..., H] factor of the candidate, see `lstm`.

    Returns:
        The next h [..., H]; reset gate, update gate and candidate [..., H] each.
    """
    width = h.shape[-1]
    x, s = x.astype(h.dtype), s.astype(h.dtype)
    r, u = jnp.split(jax.nn.sigmoid(x[..., : 2 * width] + s[..., : 2 * width]), 2, axis=-1)
    n = jnp.tanh(x[..., 2 * width :] + r * s[..., 2 * width :])
    return u * h + (1.0 - u) * (n if keep is None else n * keep), (r, u, n)


def lstm(x: jax.Array, w: jax.Array, start: Pair, keep: jax.Array | None = None) -> tuple[jax.Array, Pair]:
    """An LSTM over time: z_t = x_t + h_{t-1} w, then `lstm_cell`.

    Args:
        x: [T, B, 4H] contribution of inputs and biases to the gates.
        w: [H, 4H] recurrent weights.
        start: h and c before the first step.
        keep: [T, B, H] factors of the candidates added to the cell states: recurrent dropout without memory loss
            (Semeniuta et al. 2016, https://arxiv.org/abs/1603.05118). Not differentiated.

    Returns:
        h of every step [T, B, H], and the last (h, c).
    """
    return _lstm(x, w, start, keep)


def _lstm_scan(x, w, start, keep):
    def body(state, inputs):
        h, c, gates = lstm_cell(inputs[0] + state[0].astype(w.dtype) @ w, state[1], inputs[1])
        return (h, c), (h, c, gates.astype(x.dtype))

    end, (h, c, gates) = jax.lax.scan(body, start, (x, keep))
    return h.astype(x.dtype), end, (c, gates)


def _lstm_forward(x, w, start, keep):
    h, end, (c, gates) = _lstm_scan(x, w, start, keep)
    return (h, end), (w, start, keep, h, c, gates)


def _lstm_backward(residuals, cotangents):
    w, start, keep, h, c, gates = residuals
    dh_outputs, end = cotangents
    width = w.shape[0]

    def body(carry, inputs):
        dh_output, c, c_before, gates, keep = inputs
        dh = carry[0] + dh_output
        i, f, o, g = (gates[:, n * width : (n + 1) * width] for n in range(4))
        t = jnp.tanh(c)
        dc = carry[1] + dh * o * (1.0 - t * t)
        d_added = dc if keep is None else dc * keep  # of i g
        dz_gates = (d_added * g * i * (1.0 - i), dc * c_before * f * (1.0 - f), dh * t * o * (1.0 - o))
        dz = jnp.concatenate([*dz_gates, d_added * i * (1.0 - g * g)], axis=-1).astype(w.dtype)
        return (_product(dz, w, ((1,), (1,))).astype(carry[0].dtype), dc * f), dz

    h_before, c_before = _shifted(start[0].astype(h.dtype), h), _shifted(start[1], c)
    d_start, dz = jax.lax.scan(body, end, (dh_outputs, c, c_before, gates, keep), reverse=True)
    return dz, _product(h_before, dz, ((0, 1), (0, 1))), d_start, _no_gradient(keep)


_lstm = by_hand(lambda *given: _lstm_scan(*given)[:2], _lstm_forward, _lstm_backward)


def gru(x: jax.Array, w: jax.Array, start: jax.Array, keep: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
    """A GRU over time, see `gru_cell`: x [T, B, 3H], w [H, 3H], start [B, H], keep [T, B, H] as of `lstm`.

    Returns:
        h of every step [T, B, H], and the last.
    """
    return _gru(x, w, start, keep)


def _gru_scan(x, w, start, keep):
    def body(h, inputs):
        s = h.astype(w.dtype) @ w
        h, (r, u, n) = gru_cell(inputs[0], s, h, inputs[1])
        return h, (h, r, u, n, s[:, 2 * h.shape[-1] :])

    end, (h, *rest) = jax.lax.scan(body, start, (x, keep))
    return h.astype(x.dtype), end, (h, *rest)


def _gru_forward(x, w, start, keep):
    h, end, rest = _gru_scan(x, w, start, keep)
    return (h, end), (w, start, keep, rest)


def _gru_backward(residuals, cotangents):
    w, start, keep, (h, r, u, n, s_n) = residuals
    dh_outputs, end = cotangents
    width = w.shape[0]

    def body(carry, inputs):
        dh_output, h_before, r, u, n, s_n, keep = inputs
        dh = carry + dh_output
        candidate, dn = (n, dh) if keep is None else (n * keep, dh * keep)
        dn = dn * (1.0 - u) * (1.0 - n * n)
        ds_gates = (dn * s_n * r * (1.0 - r), dh * (h_before - candidate) * u * (1.0 - u))
        ds = jnp.concatenate([*ds_gates, dn * r], axis=-1).astype(w.dtype)
        return dh * u + _product(ds, w, ((1,), (1,))), (ds, dn.astype(w.dtype))

    before = _shifted(start, h)
    d_start, (ds, dn) = jax.lax.scan(body, end, (dh_outputs, before, r, u, n, s_n, keep), reverse=True)
    dx = jnp.concatenate([ds[..., : 2 * width], dn], axis=-1)
    return dx, _product(before.astype(w.dtype), ds, ((0, 1), (0, 1))), d_start, _no_gradient(keep)


_gru = by_hand(lambda *given: _gru_scan(*given)[:2], _gru_forward, _gru_backward)


def lstm_normed(
    x: jax.Array, w: jax.Array, start: Pair, scales: Pair, keep: jax.Array | None = None
) -> tuple[jax.Array, Pair]:
    """`lstm` with layer normalisation of the recurrent pre-activations h w, scale [4H], and of the cell state, [H].

    The caller normalises the contribution of the inputs, outside the loop (Ba et al. 2016, equations 20 to 22).
    """

    def body(state, inputs):
        h, c, _ = lstm_cell(inputs[0] + normed(state[0].astype(w.dtype) @ w, scales[0]), state[1], inputs[1], scales[1])
        return (h, c), h

    end, h = jax.lax.scan(body, start, (x, keep))
    return h.astype(x.dtype), end


def gru_normed(
    x: jax.Array, w: jax.Array, start: jax.Array, scale: jax.Array, keep: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
    """`gru` with layer normalisation, scale [3H], of the recurrent pre-activations h w."""

    def body(h, inputs):
        h, _ = gru_cell(inputs[0], normed(h.astype(w.dtype) @ w, scale), h, inputs[1])
        return h, h

    end, h = jax.lax.scan(body, start, (x, keep))
    return h.astype(x.dtype), end


def _shifted(first: jax.Array, x: jax.Array) -> jax.Array:
    """The values before each step [T, B, H]: x delayed by one step, with `first` in front."""
    return jnp.concatenate([first[None], x[:-1]])


def _product(a: Any, b: Any, axes: Any) -> Any:
    return jax.lax.dot_general(a, b, (axes, ((), ())))


def _no_gradient(keep: jax.Array | None) -> jax.Array | None:
    return None if keep is None else jnp.zeros_like(keep)
