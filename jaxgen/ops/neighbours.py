"""Precision, recall, density and coverage of generated samples, and nearest neighbours, by distances of features.

Kynkaanniemi et al. 2019, "Improved precision and recall metric", https://arxiv.org/abs/1904.06991, equation 2.
Naeem et al. 2020, "Reliable fidelity and diversity metrics", https://arxiv.org/abs/2002.09797, section 3.

The ball of a sample reaches to its k-th nearest neighbour in its own set, itself excluded. Distances are Euclidean and
float32. They are computed for `chunk` rows at a time: one block is [chunk, M].

N, M    real and generated samples, or queries and references
F       dimensions of a feature
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array | np.ndarray

FEW = 8  # dimensions up to which differences cost no more than a product of matrices


def centred(*sets: Array) -> list[jax.Array]:
    """The sets as float32 with the mean of the first subtracted, since squares of large numbers would cancel.

    Raises:
        ValueError: they are not matrices of as many columns.
    """
    if any(x.ndim != 2 or x.shape[1] != sets[0].shape[1] or not len(x) for x in sets):
        raise ValueError(f"expected samples [N >= 1, F] of as many dimensions, found {[x.shape for x in sets]}")
    mean = sets[0].mean(axis=0)
    return [jnp.asarray(x - mean[None], jnp.float32) for x in sets]


def squared_distances(point: jax.Array, x: jax.Array) -> jax.Array:
    """|point - x_n|^2 of a point [F] and all rows of x [N, F]: [N]."""
    if len(point) <= FEW:
        return jnp.sum((x - point[None]) ** 2, axis=-1)
    products = jnp.matmul(x, point, precision="highest")
    return jnp.maximum(jnp.sum(x**2, axis=-1) - 2.0 * products + jnp.sum(point**2), 0.0)


def kth_smallest(values: jax.Array, k: int) -> jax.Array:
    """The k-th smallest of values [N], counted with repetitions: [].

    It is the smallest one that k values do not exceed, found in k passes: for a small k much faster than `top_k`,
    which sorts on CPUs.
    """

    def next_larger(_, value):
        enough = jnp.sum(values <= value) >= k
        return jnp.where(enough, value, jnp.min(jnp.where(values > value, values, jnp.inf)))

    return jax.lax.fori_loop(1, k, next_larger, jnp.min(values))


def squared_radii(x: jax.Array, k: int, chunk: int) -> jax.Array:
    """Squared distance of each row of x [N, F] to its k-th nearest other row: [N]."""

    def radius(row):
        number, point = row
        others = jnp.where(jnp.arange(len(x)) == number, jnp.inf, squared_distances(point, x))
        return kth_smallest(others, k)

    return jax.lax.map(radius, (jnp.arange(len(x)), x), batch_size=chunk)


def fidelity_and_diversity(real: Array, generated: Array, k: int = 5, chunk: int = 500) -> dict[str, jax.Array]:
    """What share of samples lies in the balls of the other set, of features [N, F] and [M, F].

    Of equal distributions the expected density is 1, and the expected coverage for N = M is 1 - 1 / 2^k for large N.
    In many dimensions a few samples are near to many others, and the density scatters much.

    Returns:
        `precision`: share of generated samples in the ball of some real one. `recall`: share of real samples in the
        ball of some generated one. `density`: in how many balls of real samples a generated one is on average, divided
        by k; it may exceed 1. `coverage`: share of real samples in whose ball is some generated one. Each [].

    Raises:
        ValueError: the shapes do not fit, or a set has no k-th neighbour.
    """
    if not 1 <= k < min(len(real), len(generated)):
        raise ValueError(f"expected 1 <= k < samples, found k = {k} of {len(real)} and {len(generated)} samples")
    real, generated = centred(real, generated)
    real_radii, generated_radii = (squared_radii(x, k, chunk) for x in (real, generated))

    def against(others, radii, point):
        """In how many balls of the others a point is, and its squared distance to the nearest."""
        squared = squared_distances(point, others)
        return jnp.sum(squared <= radii), jnp.min(squared)

    around_generated, _ = jax.lax.map(partial(against, real, real_radii), generated, batch_size=chunk)
    around_real, nearest_generated = jax.lax.map(partial(against, generated, generated_radii), real, batch_size=chunk)
    return {
        "precision": jnp.mean(around_generated > 0),
        "recall": jnp.mean(around_real > 0),
        "density": jnp.mean(around_generated / k),
        "coverage": jnp.mean(nearest_generated <= real_radii),
    }


def nearest(queries: Array, references: Array, chunk: int = 500) -> tuple[jax.Array, jax.Array]:
    """The nearest row of references [M, F] for each of queries [N, F]: its number [N] int32 and distance [N].

    The first of several at the same distance. The distance of a copy is exactly 0.

    Raises:
        ValueError: the shapes do not fit.
    """
    references, queries = centred(references, queries)
    number = jax.lax.map(lambda point: jnp.argmin(squared_distances(point, references)), queries, batch_size=chunk)
    # Once more by differences, which do not round to the precision of the features' squares.
    return number, jnp.linalg.norm(queries - references[number], axis=-1)
