"""Convolutions whose gradients are fast on CPU too, inside and outside `lax.scan`.

XLA's CPU backend computes some convolution gradients tens of times slower than their forward pass: the weight
gradient of `lax.conv_transpose` always, most gradients inside a loop (https://github.com/jax-ml/jax/issues/12868).
Here they are written as convolutions in the one fast layout (see `lowering`); other backends use XLA's own. They jit,
scan, vmap and differentiate in either mode and any order (see `primitives`).
"""

import math
import operator
from collections.abc import Sequence
from typing import Literal

import jax

from jaxgen.ops.conv.plain import Pair, Window
from jaxgen.ops.conv.primitives import convolve

Sizes = int | Sequence[int]  # one for every axis, or one for all
Padding = Literal["SAME", "VALID"] | Sequence[Pair]


def conv(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sizes = 1,
    padding: Padding = "SAME",
    dilation: Sizes = 1,
    groups: int = 1,
) -> jax.Array:
    """Convolves x [N, H, W, I] with kernel [kh, kw, I / groups, O] to [N, H', W', O], or [N, W, I] with [kw, I, O].

    As `lax.conv_general_dilated`: the kernel is not flipped. On CPU bfloat16 is computed in float32 and rounded at the
    end.

    Args:
        x: with one or two spatial axes.
        kernel: of x's dtype, with as many spatial axes.
        strides: of the kernel.
        padding: "SAME", "VALID" or (lo, hi) of each axis.
        dilation: distance of the kernel's taps (`rhs_dilation`, atrous convolution).
        groups: number of parts of the channels, each with its own kernels (`feature_group_count`).

    Raises:
        ValueError: ranks, dtypes or channels do not fit, or x is smaller than the kernel.
    """
    return _windowed(x, kernel, strides, padding, dilation, groups, transposed=False)


def conv_transpose(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sizes = 1,
    padding: Padding = "SAME",
    dilation: Sizes = 1,
    groups: int = 1,
) -> jax.Array:
    """Transposed convolution of x [N, H, W, I] with kernel [kh, kw, I / groups, O], as `lax.conv_transpose`.

    The kernel is not flipped; "SAME" returns [N, H sh, W sw, O]; explicit padding is that of the dilated x. The rest is
    as in `conv`.

    Raises:
        ValueError: see `conv`.
    """
    return _windowed(x, kernel, strides, padding, dilation, groups, transposed=True)


def _windowed(x, kernel, strides, padding, dilation, groups, transposed):
    _check(x, kernel, groups)
    flat = x.ndim == 3
    if flat:
        x, kernel = x[:, None], kernel[None]
    axes = range(1 if flat else 2)
    strides, dilation = _per_axis("strides", strides, axes), _per_axis("dilation", dilation, axes)
    reach = [(k - 1) * e + 1 for k, e in zip(kernel.shape[len(kernel.shape) - 2 - len(axes) : -2], dilation)]
    space = x.shape[-1 - len(axes) : -1]
    pads = _pads(padding, space, reach, strides, transposed)
    for n, far, s, (lo, hi) in zip(space, reach, strides, pads):
        if ((n - 1) * s + 1 if transposed else n) + lo + hi < far:
            raise ValueError(f"a convolution found {n} pixels, padded by {lo} and {hi}, under a kernel of {far}")
    if flat:
        strides, dilation, pads = [1, *strides], [1, *dilation], [(0, 0), *pads]
    window = Window((1, 1), tuple(strides), tuple(dilation), tuple(pads))
    if not transposed:
        window = window._replace(strides=window.dilation, dilation=(1, 1))
    y = _grouped(x, kernel, window, groups)
    return y[:, 0] if flat else y


def _per_axis(name, sizes, axes):
    """One size for each axis. Raises ValueError, which calls them `name`, where they are too few, many or small."""
    values = [operator.index(size) for size in (sizes if isinstance(sizes, Sequence) else [sizes] * len(axes))]
    if len(values) != len(axes) or min(values) < 1:
        raise ValueError(f"{name} are one number, or one for each of {len(axes)} axes, at least 1; found {sizes}")
    return values


def _grouped(x, kernel, window, groups):
    """Groups as parallel convolutions of [G, N, H, W, I / G] with [G, kh, kw, I / G, O / G], G being `groups`."""
    if groups == 1:
        return convolve(x[None], kernel[None], window)[0]
    features = kernel.shape[3]
    split = lambda a: a.reshape(*a.shape[:3], groups, a.shape[3] // groups).transpose(3, 0, 1, 2, 4)
    y = convolve(split(x), split(kernel), window).transpose(1, 2, 3, 0, 4)
    return y.reshape(*y.shape[:3], features)


def _pads(padding, space, reach, strides, transposed):
    """(lo, hi) of each axis, from its size, the extent of its dilated kernel and its stride."""
    if padding not in ("SAME", "VALID"):
        if isinstance(padding, str | int) or [len(sides) for sides in padding] != [2] * len(reach):
            raise ValueError(f"padding is SAME, VALID or (lo, hi) of each axis, not {padding!r}")
        return [(operator.index(lo), operator.index(hi)) for lo, hi in padding]
    if transposed and padding == "VALID":
        return [(k - 1, max(s, k) - 1) for k, s in zip(reach, strides)]
    if transposed:  # k + s - 2 in total, so that m = n s
        before = [k - 1 if s > k - 1 else math.ceil((k + s - 2) / 2) for k, s in zip(reach, strides)]
        return [(lo, k + s - 2 - lo) for lo, k, s in zip(before, reach, strides)]
    if padding == "VALID":
        return [(0, 0)] * len(reach)
    needs = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(space, reach, strides)]
    return [(need // 2, need - need // 2) for need in needs]


def _check(x, kernel, groups):
    if groups < 1:
        raise ValueError(f"groups are at least 1; found {groups}")
    fits = x.ndim in (3, 4) and kernel.ndim == x.ndim and x.shape[-1] == kernel.shape[-2] * groups
    if not fits or kernel.shape[-1] % groups:
        shapes = f"found {x.shape} and {kernel.shape}" + (f" in {groups} groups" if groups > 1 else "")
        raise ValueError(f"a convolution expected x [N, H, W, I] and a kernel [kh, kw, I, O], {shapes}")
    if x.dtype != kernel.dtype:
        raise ValueError(f"a convolution expected x and kernel of one type, found {x.dtype} and {kernel.dtype}")
