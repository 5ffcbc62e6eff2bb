"""Winograd's minimal filtering along rows: wide convolutions on CPU with 0.4 to 0.5 of the products.

Winograd, Arithmetic Complexity of Computations (SIAM 1980); Lavin & Gray 2015, https://arxiv.org/abs/1509.09308

m neighbouring outputs of k taps g are, with n = m + k - 1 pixels d, y = A' ((G g) * (B d)): n products for m k.
Polynomials are multiplied by their values at n points: row i of G and of A has the powers of point i (G's divided by
the product of its distances to the others), row i of B the polynomial with all other points as roots; the last point is
infinity. Gradients are the transposes: dg = G' ((A dy) * (B d)), and d's is again a convolution.

Taps above each other and channels are summed as ever, so that each of the n products is a convolution with kernels of a
single column. Both axes at once have fewer products still, and so much more memory traffic that they took longer than
XLA's convolution. Images are taken in parts that the cache holds; without them half of the gain is lost. 5x5 of
[20, 32, 32, 256] to 256 channels: 170 ms by XLA, 89 here, its kernel's gradient 200 and 115; 3x3 of [16, 56, 56, 64] to
64: 15.6 and 11.9, 27.4 and 17.3. Of 70 shapes that `pays` accepts, from 14 to 56 pixels, four in five were 1.03 to 1.87
times as fast (medians of 9 calls; 2 cores of an AMD EPYC, jax 0.10.2, 2026-11-29). An image larger than a part is taken
whole: bands of its rows, cut out in a loop, cost more than they save. [1, 100, 133, 256] to 256: 137 ms and 98; [1, 50,
66, 512] to 512: 123 and 89 (minimum of 10 calls in a scan, one busy core of an Intel Xeon with AVX-512, same day).

Outputs err by 1.3e-5 to 1.9e-5 of their standard deviation at most (four shapes, against float64), XLA's by 2.6e-6 to
5.1e-6; gradients of kernels by 0.6e-5 to 1.1e-5, XLA's by 0.3e-5 to 1.7e-5.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxgen.ops.conv.plain import Window, fast

TILE = 4  # outputs of a tile, m
POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)  # and infinity; small integers and halves keep sums exact
TAPS = (3, 5)  # in a row of a kernel
PART = 2**22  # bytes of images taken at once
INPUTS, OUTPUTS, COLUMNS, PIXELS, PRODUCTS = 32, 64, 12, 2**11, 2**27  # with fewer it is often no faster
PAIRS = 2**13  # of an input with an output channel, that images larger than a part need
VALID = Window((1, 1), (1, 1), (1, 1), ((0, 0), (0, 0)))
LEAST = 4  # images of a part: over so many devices a batch can be sharded without being moved


class Filtering(NamedTuple):
    """The three matrices, see above."""

    kernel: np.ndarray  # G [n, k]
    image: np.ndarray  # B [n, n]
    output: np.ndarray  # A [n, m]


@lru_cache
def filtering(outputs: int, taps: int) -> Filtering:
    """The matrices for m `outputs` and k `taps`."""
    size = outputs + taps - 1
    points = POINTS[: size - 1]
    powers = lambda count: np.array([[p**j for j in range(count)] for p in points] + [[0.0] * (count - 1) + [1.0]])
    kernel, image = powers(taps), np.zeros((size, size))
    for i, p in enumerate(points):
        others = [q for q in points if q != p]
        image[i, : size - 1] = np.poly(others)[::-1]
        kernel[i] /= math.prod(p - q for q in others)
    image[-1] = np.poly(points)[::-1]
    return Filtering(kernel, image, powers(outputs))


def pays(x, outputs, size, window):
    """Whether a convolution of x [N, H, W, I] to `outputs` [N, H', W', O] by a kernel of `size` is faster here."""
    *steps, pads = window  # steps: strides and both dilations
    if {*sum(steps, ())} != {1} or min(*pads[0], *pads[1]) < 0:
        return False
    inputs, (batch, rows, columns, wide) = x.shape[3], outputs
    pixels = batch * rows * columns
    if inputs < INPUTS or wide < OUTPUTS or columns < COLUMNS or pixels < PIXELS:
        return False
    small = max(x[:1].size, rows * columns * wide) * x.dtype.itemsize <= PART
    enough = pixels * wide * inputs * math.prod(size) >= PRODUCTS and (small or inputs * wide >= PAIRS)
    return enough and size[1] in TAPS and x.dtype == jnp.float32


def fits(x, dy):
    """Whether images of x [N, H, W, I] and dy [N, H', W', O] are small enough for the gradient of a kernel."""
    return max(x[:1].size, dy[:1].size) * x.dtype.itemsize <= PART


def parts(batch: int, image: int) -> int:
    """How many parts a batch of images of so many bytes is taken in: part i has every such image from the i-th."""
    images = batch
    while images % 2 == 0 and images > LEAST and images * image > PART:
        images //= 2
    return batch // images


def _combined(factors, arrays):
    """The sum of arrays, each times its factor."""
    terms = [a if f == 1 else -a if f == -1 else np.float32(f) * a for f, a in zip(factors, arrays) if f]
    return sum(terms[1:], terms[0])


def _columns(x, count):
    """`count` arrays, the j-th of which has the columns j, j + TILE, ... of x [N, H, W, C]."""
    tiles = (x.shape[2] - count) // TILE + 1
    return [x[:, :, j : j + (tiles - 1) * TILE + 1 : TILE] for j in range(count)]


def _part(x, count, i, sides):
    """The i-th of `count` parts of x [N, H, W, C], padded by `sides`: while it is in the cache."""
    grouped = x.reshape(x.shape[0] // count, count, *x.shape[1:])
    one = lax.dynamic_index_in_dim(grouped, i, 1, keepdims=False)
    return lax.pad(one, jnp.zeros((), x.dtype), [(0, 0, 0), *((lo, hi, 0) for lo, hi in sides), (0, 0, 0)])


def convolve(x, kernel, pads):
    """x [N, H, W, I] padded by `pads`, kernel [kh, k, I, O], to [N, H', W', O]."""
    (batch, height, width, inputs), (far, taps, _, outputs) = x.shape, kernel.shape
    (top, bottom), (left, right) = pads
    rows, columns = height + top + bottom - far + 1, width + left + right - taps + 1
    matrices, surplus = filtering(TILE, taps), -columns % TILE
    count = parts(batch, height * width * inputs * x.dtype.itemsize)
    kernels = [_combined(row, list(kernel.swapaxes(0, 1)))[:, None] for row in matrices.kernel]

    def part(i):
        pixels = _columns(_part(x, count, i, (pads[0], (left, right + surplus))), len(kernels))
        products = [fast(_combined(row, pixels), one, VALID) for row, one in zip(matrices.image, kernels)]
        return jnp.stack([_combined(column, products) for column in matrices.output.T], 3)

    y = lax.map(part, jnp.arange(count)).swapaxes(0, 1)  # [images, parts, H', tiles, TILE, O]
    return y.reshape(batch, rows, columns + surplus, outputs)[:, :, :columns]


def kernel_gradient(x, dy, pads, size):
    """The gradient of a kernel of `size` kh and k, from x [N, H, W, I] and dy [N, H', W', O]: [kh, k, I, O]."""
    (batch, rows, columns, outputs), (far, taps), inputs = dy.shape, size, x.shape[3]
    matrices, surplus, (left, right) = filtering(TILE, taps), -columns % TILE, pads[1]
    count = parts(batch, max(x[:1].size, dy[:1].size) * x.dtype.itemsize)

    def add(sums, i):
        pixels = _columns(_part(x, count, i, (pads[0], (left, right + surplus))), len(matrices.image))
        slopes = _columns(_part(dy, count, i, ((0, 0), (0, surplus))), TILE)
        products = []
        for image, output in zip(matrices.image, matrices.output):
            one, other = _combined(image, pixels), _combined(output, slopes).reshape(-1, outputs)
            moved = [one[:, r : r + rows].reshape(-1, inputs) for r in range(far)]
            products.append(jnp.stack([jnp.einsum("xi,xo->io", m, other) for m in moved]))
        return sums + jnp.stack(products), None

    zeros = jnp.zeros((len(matrices.image), far, inputs, outputs), x.dtype)
    sums, _ = lax.scan(add, zeros, jnp.arange(count))
    return jnp.einsum("pt,prio->rtio", jnp.asarray(matrices.kernel, x.dtype), sums)
