"""Convolutions of few channels by large kernels, by matrix products of as many columns as a CPU is fast with.

A row of pixels [W, C] is one of W / f pixels with f C channels: the same numbers. The kernel that does on the latter
what another does on the former is larger, with zeros, (k - 1 + f) / k times the products; but its matrix products have
f times the columns. Taps above each other of kernels with few outputs are further outputs, which are then added.

9x9 of [1, 400, 536, C], reflected before, to O: C = 16 to O = 3, `conv` 225 ms, here 71; C = 32 to 3, 1,342 and 204;
C = 3 to 32, 334 and 108 (CPU time on one of two busy cores of an Intel Xeon, least of 6, jax 0.10.2, 2026-11-29).
"""

import jax
import jax.numpy as jnp
from jax import lax

from jaxgen.ops.conv.api import conv

FEW = 16  # outputs that are fewer are computed for all rows of the kernel at once
FOLD = 4  # pixels that become one, of these
WIDE, PAIR = (24, 48), 2  # outputs, from and below, for which pairs of pixels are enough


def narrow_conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x [N, H, W, I] convolved with kernel [kh, kw, I, O], without padding or strides: [N, H - kh + 1, W - kw + 1, O].

    As `conv`, and without gain where I and O are large. Raises ValueError, see `conv`.
    """
    height, _, inputs, outputs = kernel.shape
    if outputs >= FEW:
        return _folded(x, kernel, PAIR if WIDE[0] <= outputs < WIDE[1] else 1)
    flat = kernel.transpose(1, 2, 0, 3).reshape(1, -1, inputs, height * outputs)
    rows, y = x.shape[1] - height + 1, _folded(x, flat, FOLD)
    parts = [y[:, n : n + rows, :, outputs * n : outputs * (n + 1)] for n in range(height)]
    return sum(parts[1:], parts[0])


def _folded(x, kernel, fold):
    """`conv` of x whose columns, `fold` of them at a time, are channels."""
    (batch, rows, width, inputs), (height, taps, _, outputs) = x.shape, kernel.shape
    if fold == 1 or width < taps or rows < height:
        return conv(x, kernel, padding="VALID")
    columns = width - taps + 1
    reach = -(-(taps - 1 + fold) // fold)  # taps of the folded kernel
    pixels = -(-columns // fold) + reach - 1
    zero = jnp.zeros((), x.dtype)
    x = lax.pad(x, zero, [(0, 0, 0), (0, 0, 0), (0, pixels * fold - width, 0), (0, 0, 0)])
    # Output p of a folded pixel is the kernel moved by p columns.
    moved = [(0, 0, 0), (0, 0, 0), (0, 0, 0)]
    parts = [lax.pad(kernel, zero, [moved[0], (p, reach * fold - taps - p, 0), *moved[1:]]) for p in range(fold)]
    stacked = jnp.stack([part.reshape(height, reach, fold * inputs, outputs) for part in parts], 3)
    y = conv(
        x.reshape(batch, rows, pixels, fold * inputs),
        stacked.reshape(height, reach, fold * inputs, fold * outputs),
        padding="VALID",
    )
    return y.reshape(batch, y.shape[1], y.shape[2] * fold, outputs)[:, :, :columns]
