"""Convolutions whose gradients are fast on every backend, inside and outside `lax.scan`.

N batch, H W image, k kernel, s strides, I input and O output channels; Ho Wo the output's image.
"""

import math
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from jaxgen.core.types import Refused

Padding = Literal["SAME", "VALID"] | tuple[tuple[int, int], tuple[int, int]]
Pair = tuple[int, int]
Pads = tuple[tuple[int, int], ...]


def conv(x: jax.Array, kernel: jax.Array, strides: Pair = (1, 1), padding: Padding = "SAME") -> jax.Array:
    _check_shapes(x, kernel)
    return _dilated(x, kernel, tuple(strides), (1, 1), _pads(x, kernel, strides, padding))


def conv_transpose(
    x: jax.Array, kernel: jax.Array, strides: Pair = (1, 1), padding: Padding = "SAME"
) -> jax.Array:
    _check_shapes(x, kernel)
    return _dilated(x, kernel, (1, 1), tuple(strides), _transposed_pads(kernel, strides, padding))


def _check_shapes(x, kernel):
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        raise Refused(
            "a convolution expects x [N, H, W, I] and kernel [kh, kw, I, O] with the same I; "
            f"found {x.shape} and {kernel.shape}"
        )


def _pads(x, kernel, strides, padding) -> Pads:
    if padding == "VALID":
        return ((0, 0), (0, 0))
    if padding != "SAME":
        return tuple((int(lo), int(hi)) for lo, hi in padding)
    totals = [
        max((math.ceil(n / s) - 1) * s + k - n, 0)
        for n, k, s in zip(x.shape[1:3], kernel.shape[:2], strides)
    ]
    return tuple((total // 2, total - total // 2) for total in totals)


def _transposed_pads(kernel, strides, padding) -> Pads:
    if padding not in ("SAME", "VALID"):
        return tuple((int(lo), int(hi)) for lo, hi in padding)
    pads = []
    for k, s in zip(kernel.shape[:2], strides):
        total = k + s - 2 + (max(k - s, 0) if padding == "VALID" else 0)
        lo = k - 1 if padding == "VALID" or s > k - 1 else math.ceil(total / 2)
        pads.append((lo, total - lo))
    return tuple(pads)


def _lax_conv(x, kernel, strides, dilation, pads):
    return lax.conv_general_dilated(
        x, kernel, strides, pads, lhs_dilation=dilation, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _dilated(x, kernel, strides, dilation, pads):
    xla = partial(_lax_conv, strides=strides, dilation=dilation, pads=pads)
    if dilation != (1, 1):
        return lax.platform_dependent(x, kernel, cpu=partial(_sub_pixel, dilation=dilation, pads=pads), default=xla)
    return xla(x, kernel)


def _forward(x, kernel, strides, dilation, pads):
    return _dilated(x, kernel, strides, dilation, pads), (x, kernel)


def _backward(strides, dilation, pads, residuals, dy):
    def by_hand(x, kernel, dy):
        return (
            _input_gradient(x, kernel, dy, strides, dilation, pads),
            _kernel_gradient(x, kernel, dy, strides, dilation, pads),
        )

    def by_autodiff(x, kernel, dy):
        _, pull = jax.vjp(partial(_lax_conv, strides=strides, dilation=dilation, pads=pads), x, kernel)
        return pull(dy)

    return lax.platform_dependent(*residuals, dy, cpu=by_hand, default=by_autodiff)


_dilated.defvjp(_forward, _backward)


def _sub_pixel(x, kernel, dilation, pads):
    n, height, width, _ = x.shape
    sizes = [(m - 1) * d + 1 + lo + hi - k + 1 for m, k, d, (lo, hi) in zip((height, width), kernel.shape, dilation, pads)]
    axes = []
    for m, size, k, d, (lo, _) in zip((height, width), sizes, kernel.shape, dilation, pads):
        phases = []
        for r in range(d):
            first = (lo - r) % d
            taps = len(range(first, k, d))
            before = (lo - r - first) // d
            phases.append((first, (before, -(-size // d) - 1 + taps - before - m)))
        axes.append(phases)
    rows = []
    out = [-(-size // d) for size, d in zip(sizes, dilation)]
    for a, pad_a in axes[0]:
        row = []
        for b, pad_b in axes[1]:
            part = kernel[a :: dilation[0], b :: dilation[1]]
            row.append(_lax_conv(x, part, (1, 1), (1, 1), (pad_a, pad_b)) if part.size else jnp.zeros((n, *out, kernel.shape[3]), x.dtype))
        rows.append(jnp.stack(row, 3))
    y = jnp.stack(rows, 2).reshape(n, out[0] * dilation[0], out[1] * dilation[1], kernel.shape[3])
    return y[:, : sizes[0], : sizes[1]]


def _input_gradient(x, kernel, dy, strides, dilation, pads):
    pads_back = []
    for n, m, k, s, d, (lo, _) in zip(x.shape[1:3], dy.shape[1:3], kernel.shape, strides, dilation, pads):
        before = k - 1 - lo
        after = (n - 1) * d + 1 + k - 1 - ((m - 1) * s + 1) - before
        pads_back.append((before, after))
    flipped = lax.rev(kernel, (0, 1)).swapaxes(2, 3)
    return _dilated(dy, flipped, dilation, strides, tuple(pads_back))


def _kernel_gradient(x, kernel, dy, strides, dilation, pads):
    offsets = [lo for lo, _ in pads]
    if dilation == (1, 1) and (strides != (1,1) or dy.shape[3] > 1):
        return _correlate(x, dy, kernel.shape[:2], strides, offsets)
    offsets = [k - 1 - lo for k, lo in zip(kernel.shape, offsets)]
    return lax.rev(_correlate(dy, x, kernel.shape[:2], dilation, offsets), (0, 1)).swapaxes(2, 3)


def _correlate(large, small, size, strides, offsets):
    pads = tuple(
        (lo, (m - 1) * s + k - n - lo)
        for n, m, k, s, lo in zip(large.shape[1:3], small.shape[1:3], size, strides, offsets)
    )
    if large.shape[3] == 1:
        return _correlate_patches(large, small, size, strides, pads)
    whole = (large.shape[0])
    limit = LIMIT
    chunk = whole
    per = max(large.size, small.size) // whole * large.dtype.itemsize
    while chunk % 2 == 0 and chunk > 8 and chunk * per > limit:
        chunk //= 2
    if chunk == whole:
        return _correlate_chunk(large, small, strides, pads)
    large, small = (a.reshape(chunk, -1, *a.shape[1:]) for a in (large, small))

    def add(total, i):
        one, other = (lax.dynamic_index_in_dim(a, i, axis=1, keepdims=False) for a in (large, small))
        return total + _correlate_chunk(one, other, strides, pads), None

    zeros = jnp.zeros((*size, large.shape[-1], small.shape[-1]), large.dtype)
    return lax.scan(add, zeros, jnp.arange(whole // chunk))[0]

LIMIT = 2 << 20

def _correlate_chunk(large, small, strides, pads):
    out = lax.conv_general_dilated(
        large.transpose(3, 1, 2, 0),
        small.transpose(1, 2, 0, 3),
        (1, 1),
        pads,
        rhs_dilation=strides,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return out.transpose(1, 2, 0, 3)


def _correlate_patches(large, small, size, strides, pads):
    (h, w), channels = small.shape[1:3], large.shape[3]
    padded = lax.pad(large, jnp.zeros((), large.dtype), ((0, 0, 0), *((*p, 0) for p in pads), (0, 0, 0)))
    taps = [
        padded[:, i : i + (h - 1) * strides[0] + 1 : strides[0], j : j + (w - 1) * strides[1] + 1 : strides[1]]
        for i in range(size[0])
        for j in range(size[1])
    ]
    patches = jnp.concatenate(taps, 3)
    return jnp.einsum("nhwi,nhwo->io", patches, small).reshape(*size, channels, -1)
