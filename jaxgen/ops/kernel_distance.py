"""Distances of two sets of samples by pairs: the kernel distance KID of features, the energy distance of points.

Binkowski et al. 2018, "Demystifying MMD GANs", https://arxiv.org/abs/1801.01401.
Szekely & Rizzo 2013, "Energy statistics", https://doi.org/10.1016/j.jspi.2013.03.018.

Both are U-statistics: unbiased, so 0 in expectation where the distributions are equal, and below 0 for some samples.

N, M    samples of the two sets
F       dimensions of a feature
D       dimensions of a point
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array | np.ndarray

BYTES = 2**26  # of the differences of points that are in memory at once


class Estimate(NamedTuple):
    """A mean over random subsets."""

    value: float
    error: float  # standard error of the mean


def check(x: Array, y: Array) -> None:
    """Raises ValueError unless x and y are matrices of as many columns and at least 2 rows."""
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ValueError(
            f"expected 2 or more samples of as many dimensions in both sets, found {x.shape} and {y.shape}"
        )


def squared_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy of features [N, F] and [M, F], for the kernel (x . y / F + 1)^3."""

    def kernel(a, b):
        base = a @ b.T / a.shape[1] + 1.0
        return base * base * base  # ten times as fast as a power

    def within(a):
        values = kernel(a, a)
        return (values.sum() - np.trace(values)) / (len(a) * (len(a) - 1))

    return within(x) + within(y) - 2.0 * kernel(x, y).mean()


def kernel_distance(x: Array, y: Array, key: jax.Array, subsets: int = 50, size: int = 1000) -> Estimate:
    """KID of features [N, F] and [M, F]: the mean of `squared_mmd` over random subsets of both, in float64 of numpy.

    float64, since a distance is some thousandths and less of the kernel's values. The error is that of drawing subsets
    from these samples. It says less than the spread of fresh samples where subsets overlap much, and is 0 where each
    is the whole set.

    Args:
        x: features of one set; they are not centred, as the kernel is not invariant to translations.
        y: features of the other.
        key: draws the subsets.
        subsets: how many, at least 2.
        size: samples in each, drawn without replacement; all where a set has fewer.

    Raises:
        ValueError: the shapes do not fit, a set or a subset has fewer than 2 samples, or there are too few subsets.
    """
    check(x, y)
    if subsets < 2 or size < 2:
        raise ValueError(f"expected at least 2 subsets of at least 2 samples, found {subsets} of {size}")
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    size = min(size, len(x), len(y))
    values = []
    for number in range(subsets):
        x_key, y_key = jax.random.split(jax.random.fold_in(key, number))
        chosen, others = (
            np.asarray(jax.random.permutation(each, len(a)))[:size] for each, a in ((x_key, x), (y_key, y))
        )
        values.append(squared_mmd(x[chosen], y[others]))
    return Estimate(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(subsets)))


def energy_distance(
    x: Array, y: Array, x_mask: Array | None = None, y_mask: Array | None = None, chunk: int = 0
) -> jax.Array:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| of points [N, D] and [M, D], Euclidean: [].

    The pairs X, X' are of different samples.

    Args:
        x: points of one set.
        y: of the other.
        x_mask: [N], which of x count; the others may be NaN. None: all.
        y_mask: [M], likewise.
        chunk: points whose differences to all others are in memory at once; 0: as many as take BYTES, at least one.

    Returns NaN where a mask leaves fewer than 2 points.

    Raises:
        ValueError: the shapes do not fit, or a set has fewer than 2 points.
    """
    check(x, y)
    sets = []
    for points, mask in ((x, x_mask), (y, y_mask)):
        counts = jnp.ones(len(points), bool) if mask is None else jnp.asarray(mask)
        sets.append((jnp.where(counts[:, None], jnp.asarray(points), 0.0), counts))

    def total(a, b):
        def row(item):
            point, counts = item
            distance = jnp.sqrt(jnp.sum((b[0] - point[None]) ** 2, axis=-1))
            return jnp.sum(jnp.where(b[1] & counts, distance, 0.0))

        return jnp.sum(jax.lax.map(row, a, batch_size=chunk or max(1, BYTES // (4 * b[0].size))))

    ours, theirs = sets
    n, m = (jnp.sum(counts, dtype=jnp.float32) for _, counts in sets)
    within = total(ours, ours) / n / (n - 1) + total(theirs, theirs) / m / (m - 1)
    return 2.0 * total(ours, theirs) / n / m - within
